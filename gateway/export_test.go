package gateway

import (
	"context"
	"io"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"switchboard/session/hub"
)

// Routes lists what the gateway serves.
func Routes(g *Gateway) gin.RoutesInfo { return g.engine.Routes() }

// Collector is what /metrics collects from.
func Collector(h *hub.Hub) prometheus.Collector { return newStats(h) }

// SetLookWait makes g give up sooner on a node that does not answer what may be asked again.
func SetLookWait(g *Gateway, wait time.Duration) { g.looks.ResponseHeaderTimeout = wait }

// CloseNodes gives the idle connections to other nodes back.
func CloseNodes(g *Gateway) {
	g.nodes.CloseIdleConnections()
	g.looks.CloseIdleConnections()
}

// NewHop is the way to an owner; leave is what happens when this node stops.
func NewHop(owner io.ReadWriteCloser) (h io.ReadWriteCloser, leave func()) {
	way := newHop(owner, func() {})
	return way, way.leave
}

// KeysRead reports whether g has read the API keys of the store.
func KeysRead(g *Gateway) bool { return g.options.Keys.complete() }

// LookUp asks once for the models that are due, as WatchModels does again and again.
func LookUp(ctx context.Context, g *Gateway) { g.lookUp(ctx) }

// SetShutdownClock changes the time that decides what is due.
func SetShutdownClock(g *Gateway, now func() time.Time) { g.shutdowns.clock = now }

// Large is the bytes that large messages hold, and how many of them wait.
func Large(g *Gateway) (held, waiting int64) { return g.large.Load() }

// ListStreams is how many streams of lists a node writes at once.
const ListStreams = listStreams

// Vigils is a gateway of which only the watch over other nodes works: keep begins it for one that
// is reached at owner, and died is what happens when a node is declared dead.
func Vigils(silence time.Duration) (keep func(owner string, lost func()) (heard, end func()), died func(url string)) {
	g := &Gateway{options: Options{Silence: silence}}
	return func(owner string, lost func()) (heard, end func()) {
		v := g.keepVigil("s", owner, lost)
		return v.heard, v.end
	}, g.nodeDied
}
