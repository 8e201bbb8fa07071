package gateway

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"switchboard/gateway/openapi"
	"switchboard/gateway/problem"
	"switchboard/gateway/strict"
	"switchboard/session"
	"switchboard/session/contain"
	"switchboard/session/realtime"
	"switchboard/session/wire"
)

// log writes one line per request: no query string and no header, they may hold secrets.
func (g *Gateway) log(c *gin.Context) {
	start := time.Now()
	c.Next()
	level, route := slog.LevelInfo, cmp.Or(c.FullPath(), "none")
	if route == "/healthz" || route == "/readyz" || route == "/metrics" {
		level = slog.LevelDebug // machines ask every few seconds
	}
	line := []slog.Attr{
		slog.String("method", c.Request.Method), slog.String("route", route), slog.Int("status", c.Writer.Status()),
		slog.Int64("ms", time.Since(start).Milliseconds()),
	}
	if id := session.ID(c.Param("id")); id.Valid() && strings.HasPrefix(route, "/realtime/sessions/") {
		line = append(line, slog.String("session", string(id)))
	}
	g.options.Logger.LogAttrs(c.Request.Context(), level, "request", line...)
}

// recover turns a panic into a 500 that says nothing, and a log line that says all.
func (g *Gateway) recover(c *gin.Context) {
	defer func() {
		switch cause := recover(); {
		case cause == nil:
		case cause == http.ErrAbortHandler:
			panic(cause)
		default:
			_ = contain.Note(g.options.Logger, "handler", cause, "route", c.FullPath())
			c.Abort()
			if !c.Writer.Written() {
				g.fail(c, problem.New(http.StatusInternalServerError, "", "unexpected error"))
			}
		}
	}()
	c.Next()
}

// headers sets what every answer carries. What changes something may answer with a secret, which
// no cache is to have.
func (g *Gateway) headers(c *gin.Context) {
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Referrer-Policy", "no-referrer")
	if m := c.Request.Method; m != http.MethodGet && m != http.MethodHead {
		c.Header("Cache-Control", "no-store")
	}
	if c.Request.TLS != nil {
		c.Header("Strict-Transport-Security", "max-age=31536000")
	}
}

// encoding refuses bodies that are compressed, wherever they are sent: read as they are, they
// would be called no JSON and no UTF-8.
func (g *Gateway) encoding(c *gin.Context) {
	if !openapi.TakesBody(c.Request.Method) {
		return
	}
	for _, line := range c.Request.Header.Values("Content-Encoding") {
		for coding := range strings.SplitSeq(line, ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				c.Header("Accept-Encoding", "identity") // RFC 9110, 15.5.16
				g.fail(c, problem.New(http.StatusUnsupportedMediaType, "", fmt.Sprintf("Content-Encoding is %.40q: send the body as it is, not compressed", coding)))
				return
			}
		}
	}
}

// hurry bounds how long a body may take to arrive, also where nobody reads it: net/http
// reads what is left of it before it sends an answer. Who has read a body to its end calls
// patient, because a deadline left standing would cancel a handler that waits.
func (g *Gateway) hurry(c *gin.Context) {
	if r := c.Request; r.Body != nil && r.Body != http.NoBody {
		_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(g.options.BodyTime)) // a recorder in a test has none
	}
}

func patient(c *gin.Context) {
	_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Time{})
}

// body reads a request's body whole, within its limits, before any handler runs. Bodies
// are JSON whatever their type says: curl -d names forms, and a key that is sent as Bearer
// comes from no form of another page.
func (g *Gateway) body(c *gin.Context) {
	r := c.Request
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	if r.ContentLength > g.options.BodyBytes {
		g.fail(c, problem.New(http.StatusRequestEntityTooLarge, "", "the body is over the limit"))
		return
	}
	giveBack, err := g.holdBody(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	defer giveBack()
	if g.readBody(c); !c.IsAborted() {
		c.Next()
	}
}

// heldOfBody times its size is about what a JSON body holds while it is decoded and handled.
const heldOfBody = 8

// smallBody is up to how many bytes a body holds nothing. One without a length is looked at so far.
const smallBody = 32 << 10

// holdBody waits until a large body fits into what its API key may hold.
func (g *Gateway) holdBody(c *gin.Context) (giveBack func(), err error) {
	r := c.Request
	size := r.ContentLength
	if size < 0 { // it is not known before it has come, unless it is small
		begun := bufio.NewReaderSize(r.Body, smallBody)
		if first, err := begun.Peek(smallBody); err == nil {
			size = g.options.BodyBytes
		} else {
			size = int64(len(first))
		}
		r.Body = struct {
			io.Reader
			io.Closer
		}{begun, r.Body}
	}
	if size <= smallBody {
		return func() {}, nil
	}
	share, leave := g.large.Share(callerOf(r.Context()).Key.Name)
	defer leave()
	ctx, cancel := context.WithTimeout(r.Context(), g.options.BodyTime)
	defer cancel()
	giveBack, err = share.Hold(ctx, heldOfBody*size)
	if err != nil {
		return nil, problem.New(http.StatusTooManyRequests, "", "too many large bodies of this API key at once; retry")
	}
	g.hurry(c) // from now on
	return giveBack, nil
}

// readBody leaves the body in the request, whole and checked.
func (g *Gateway) readBody(c *gin.Context) {
	r := c.Request
	raw, err := io.ReadAll(http.MaxBytesReader(c.Writer, r.Body, g.options.BodyBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		g.fail(c, problem.New(http.StatusRequestEntityTooLarge, "", "the body is over the limit"))
	case errors.Is(err, os.ErrDeadlineExceeded):
		g.fail(c, problem.New(http.StatusRequestTimeout, "", "the body did not arrive in time"))
	case err != nil:
		g.fail(c, problem.New(http.StatusBadRequest, "malformed-request", "the body could not be read"))
	case !openapi.TakesBody(r.Method):
		patient(c)
		r.Body, r.ContentLength = http.NoBody, 0
	case !utf8.Valid(raw):
		g.fail(c, problem.New(http.StatusBadRequest, "malformed-request", "the body is not UTF-8"))
	default:
		if err := checkBody(raw); err != nil {
			g.fail(c, err)
			return
		}
		patient(c)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(raw)), int64(len(raw))
		r.Header.Set("Content-Type", "application/json")
		c.Set(bodyRead, raw)
	}
}

// checkBody refuses a body that other parsers would read differently, or at too great a cost.
func checkBody(raw []byte) error {
	var repeats bool
	err := strict.InTurn(raw, func() (refused error) {
		repeats, refused = realtime.CheckBody(raw)
		return refused
	})
	if err != nil || !repeats {
		return err
	}
	if at := strict.Repeated(raw); at != "" {
		return &session.InvalidError{Field: at, Detail: strict.Twice}
	}
	return nil // it is no JSON, which its decoder tells
}

// upgradable refuses requests that are no WebSocket handshake, before anything is opened for them.
func (g *Gateway) upgradable(c *gin.Context) {
	if err := wire.CheckUpgrade(c.Request); err != nil {
		g.failHandshake(c, err)
	}
}

// failHandshake answers a request that wire does not make a WebSocket of, if that is what err says.
func (g *Gateway) failHandshake(c *gin.Context, err error) {
	var refused *wire.HandshakeError
	if !errors.As(err, &refused) {
		return // the connection is gone
	}
	for name, values := range refused.Header {
		c.Writer.Header()[name] = values
	}
	g.fail(c, problem.New(refused.Status, "", "this address speaks WebSocket: "+refused.Reason))
}
