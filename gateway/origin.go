package gateway

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"switchboard/gateway/problem"
)

// origins are the browser origins that may use the gateway.
type origins struct {
	any    bool
	listed map[string]bool
	public string // host of the public address
}

func newOrigins(allowed []string, public *url.URL) origins {
	o := origins{listed: map[string]bool{}}
	if public != nil {
		o.public = public.Host
	}
	for _, a := range allowed {
		if a == "*" {
			o.any = true
		}
		o.listed[strings.ToLower(strings.TrimSuffix(a, "/"))] = true
	}
	return o
}

// allow reports whether a request's Origin may use the gateway. Programs send none.
func (o origins) allow(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin == "" || o.any || o.same(origin, r.Host) || o.listed[strings.ToLower(origin)]
}

// same compares hosts only: behind a proxy that ends TLS the gateway does not know the scheme.
func (o origins) same(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && (strings.EqualFold(u.Host, host) || strings.EqualFold(u.Host, o.public))
}

var errOrigin = problem.New(http.StatusForbidden, "origin-not-allowed",
	"this web page's origin is not allowed (SWITCHBOARD_ALLOWED_ORIGINS)")

// cors answers preflights and tells browsers that an allowed origin may read the answer.
func (g *Gateway) cors(c *gin.Context) {
	origin := c.GetHeader("Origin")
	if origin == "" {
		return
	}
	h := c.Writer.Header()
	h.Add("Vary", "Origin")
	preflight := c.Request.Method == http.MethodOptions && c.GetHeader("Access-Control-Request-Method") != ""
	if !g.origins.allow(c.Request) {
		if preflight {
			g.fail(c, errOrigin)
		}
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "ETag, Location, Retry-After")
	if preflight {
		h.Set("Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, Last-Event-ID, OpenAI-Safety-Identifier")
		h.Set("Access-Control-Max-Age", "600")
		c.AbortWithStatus(http.StatusNoContent)
	}
}

// sameOrigin refuses WebSockets of foreign pages: browsers send those without asking first.
func (g *Gateway) sameOrigin(c *gin.Context) {
	if !g.origins.allow(c.Request) {
		g.fail(c, errOrigin)
	}
}
