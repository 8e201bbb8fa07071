package gateway

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"switchboard/session"
)

// bodyTime is how long a client may take to send a body.
const bodyTime = 15 * time.Second

// log writes one line per request: no query string and no header, they may hold secrets.
func (g *Gateway) log(c *gin.Context) {
	start := time.Now()
	c.Next()
	level, route := slog.LevelInfo, orDefault(c.FullPath(), "none")
	if route == "/healthz" || route == "/readyz" || route == "/metrics" {
		level = slog.LevelDebug // machines ask every few seconds
	}
	line := []slog.Attr{
		slog.String("method", c.Request.Method), slog.String("route", route), slog.Int("status", c.Writer.Status()),
		slog.Int64("ms", time.Since(start).Milliseconds()),
	}
	if id := session.ID(c.Param("id")); id.Valid() {
		line = append(line, slog.String("session", string(id)))
	}
	g.Logger.LogAttrs(c.Request.Context(), level, "request", line...)
}

// recover turns a panic into a 500 that says nothing, and a log line that says all.
func (g *Gateway) recover(c *gin.Context) {
	defer func() {
		switch cause := recover(); {
		case cause == nil:
		case cause == http.ErrAbortHandler:
			panic(cause)
		default:
			g.Logger.Error("panic in a handler", "route", c.FullPath(), "cause", cause, "stack", string(debug.Stack()))
			c.Abort()
			if !c.Writer.Written() {
				g.fail(c, refuse(http.StatusInternalServerError, "", "unexpected error"))
			}
		}
	}()
	c.Next()
}

// headers sets what every answer carries.
func (g *Gateway) headers(c *gin.Context) {
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Referrer-Policy", "no-referrer")
}

// body reads a request's body whole, within its limits, before any handler runs. Bodies
// are JSON whatever their type says: curl -d names forms, and a key that is sent as Bearer
// comes from no form of another page. The read deadline is taken back afterwards: left
// standing it would cancel a handler that waits for the upstream.
func (g *Gateway) body(c *gin.Context) {
	r := c.Request
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	if r.ContentLength > g.BodyBytes {
		g.fail(c, refuse(http.StatusRequestEntityTooLarge, "", "the body is over the limit"))
		return
	}
	rc := http.NewResponseController(c.Writer)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTime)) // a recorder in a test has none
	raw, err := io.ReadAll(http.MaxBytesReader(c.Writer, r.Body, g.BodyBytes))
	_ = rc.SetReadDeadline(time.Time{})
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		g.fail(c, refuse(http.StatusRequestEntityTooLarge, "", "the body is over the limit"))
	case errors.Is(err, os.ErrDeadlineExceeded):
		g.fail(c, refuse(http.StatusRequestTimeout, "", "the body did not arrive in time"))
	case err != nil:
		g.fail(c, refuse(http.StatusBadRequest, "malformed-request", "the body could not be read"))
	case !utf8.Valid(raw):
		g.fail(c, refuse(http.StatusBadRequest, "malformed-request", "the body is not UTF-8"))
	default:
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
		r.Header.Set("Content-Type", "application/json")
	}
}

// upgradable refuses requests that are no WebSocket handshake, before anything is opened for them.
func (g *Gateway) upgradable(c *gin.Context) {
	if c.IsWebsocket() && c.GetHeader("Sec-WebSocket-Key") != "" && c.Request.ProtoMajor == 1 {
		return
	}
	c.Header("Connection", "Upgrade")
	c.Header("Upgrade", "websocket")
	g.fail(c, refuse(http.StatusUpgradeRequired, "", "this address speaks WebSocket: "+strings.ToUpper(c.Request.Method)+" with Upgrade: websocket"))
}
