package gateway

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"switchboard/gateway/openapi"
	"switchboard/session"
)

// Health is what /readyz says.
type Health struct {
	Status         string  `json:"status" enum:"ready,degraded,draining" doc:"degraded: the store is away; sessions that run go on"`
	Sessions       int     `json:"sessions"`
	Store          string  `json:"store" enum:"ok,away"`
	StoreAway      float64 `json:"store_away_seconds" doc:"Since when the store has refused writes"`
	JournalPending int     `json:"journal_pending" doc:"Changes not yet written to the store"`
	JournalDropped int64   `json:"journal_dropped" doc:"Log events let go while the store was away"`
	LeaseAge       float64 `json:"lease_age_seconds" doc:"Since the newest heartbeat that succeeded; it keeps all leases of this node"`

	Models []modelShutdown `json:"models,omitempty" doc:"Models in use that OpenAI is going to shut down; absent when there are none"`
}

// alive is what /healthz says.
type alive struct {
	Status string `json:"status" enum:"ok"`
}

// operationRoutes are for those who run the fleet, and their programs.
func (g *Gateway) operationRoutes() []openapi.Route {
	health := openapi.Of[Health]()
	return []openapi.Route{
		{Method: "GET", Path: "/healthz", ID: "healthz", Tag: tagOperations,
			Summary: "Whether the process answers",
			Do: openapi.Plain(openapi.Shape{Answers: map[int]openapi.Answer{
				200: {Text: "It does", Type: "application/json", Body: openapi.Of[alive]()},
			}}, g.healthz)},
		{Method: "GET", Path: "/readyz", ID: "readyz", Tag: tagOperations,
			Summary: "Whether new sessions should come here",
			Text:    "503 while draining and while the store is away: nothing can be opened without its lease, though sessions that run go on.",
			Do: openapi.Plain(openapi.Shape{Answers: map[int]openapi.Answer{
				200: {Text: "Ready", Type: "application/json", Body: health},
				503: {Text: "Draining, or the store is away", Type: "application/json", Body: health},
			}}, g.readyz)},
		{Method: "GET", Path: "/metrics", ID: "metrics", Tag: tagOperations,
			Summary: "Numbers in Prometheus' format",
			Do: openapi.Plain(openapi.Shape{Answers: map[int]openapi.Answer{
				200: {Text: "Text", Type: "text/plain", Body: openapi.Text("")},
			}}, g.metrics())},
	}
}

// healthz says that the process answers.
func (g *Gateway) healthz(c *gin.Context) { c.JSON(http.StatusOK, alive{Status: "ok"}) }

// readyz says whether new sessions should come here: 503 while draining, and while the
// store is away, because nothing can be opened without its lease.
func (g *Gateway) readyz(c *gin.Context) {
	s := g.options.Hub.Stats()
	h := Health{
		Status: "ready", Sessions: s.Sessions, Store: "ok", StoreAway: s.StoreAway.Seconds(),
		JournalPending: s.JournalPending, JournalDropped: s.JournalDropped, LeaseAge: s.HeartbeatAge.Seconds(),
		Models: g.shutdowns.list(),
	}
	status := http.StatusOK
	if s.StoreAway > 0 || !g.reachable(c) {
		h.Status, h.Store, status = "degraded", "away", http.StatusServiceUnavailable
	}
	if g.leaving() {
		h.Status, status = "draining", http.StatusServiceUnavailable
	}
	c.Header("Cache-Control", "no-store")
	c.JSON(status, h)
}

// readyWait is shorter than load balancers wait for an answer: to one that says nothing, some close
// the connections that there are.
const readyWait = 300 * time.Millisecond

// reachable asks the store for what is not there: a node without sessions writes nothing
// that could fail.
func (g *Gateway) reachable(c *gin.Context) bool {
	ctx, cancel := context.WithTimeout(c.Request.Context(), readyWait)
	defer cancel()
	_, err := g.options.Store.Record(ctx, "readyz")
	return err == nil || errors.Is(err, session.ErrNotFound)
}

// metrics serves the node's numbers in Prometheus' format.
func (g *Gateway) metrics() gin.HandlerFunc {
	r := prometheus.NewRegistry()
	r.MustRegister(newStats(g.options.Hub), largeBytes(&g.large), largeWaiting(&g.large), g.shutdowns, buildInfo(g.options.Version), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if g.options.Metrics != nil {
		r.MustRegister(g.options.Metrics)
	}
	return gin.WrapH(promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second}))
}
