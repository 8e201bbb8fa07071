package gateway

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"switchboard/session"
	"switchboard/session/contain"
)

// vigil watches over the node that a client or an event stream of a session hangs on. One
// that is frozen, or whose machine is cut off, keeps its connections and says nothing on
// them; by then the session may run elsewhere. The nil pointer watches over nothing.
type vigil struct {
	timer *time.Timer
	last  atomic.Int64 // when the node was heard, by time.Since(began)
	over  atomic.Bool
}

// began is what vigils count time from.
var began = time.Now()

// keepVigil calls lost once owner is silent and another node has the session. That there is
// no lease proves nothing: Redis may have forgotten it.
func (g *Gateway) keepVigil(id session.ID, owner string, lost func()) *vigil {
	v := &vigil{}
	v.heard()
	look := func() {
		switch quiet := time.Since(began) - time.Duration(v.last.Load()); {
		case v.over.Load():
		case quiet < g.options.Silence:
			v.timer.Reset(g.options.Silence - quiet)
		case g.elsewhere(id, owner):
			lost()
		default:
			v.timer.Reset(g.options.Silence)
		}
	}
	v.timer = time.AfterFunc(math.MaxInt64, func() { _ = contain.Do(g.options.Logger, "vigil", look, "session", id) })
	v.timer.Reset(g.options.Silence) // not before it is known, as it sets itself again
	return v
}

// elsewhere reports whether another node than owner has the session.
func (g *Gateway) elsewhere(id session.ID, owner string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), dialWait)
	defer cancel()
	lease, err := g.options.Directory.Owner(ctx, id)
	if err != nil || lease.Node == owner {
		return false
	}
	g.options.Logger.Info("forwarded to a node that is lost", "session", id, "node", owner, "now", lease.Node)
	return true
}

// heard puts the next look off.
func (v *vigil) heard() {
	if v != nil {
		v.last.Store(int64(time.Since(began)))
	}
}

// end stops it; a look that is under way is the last.
func (v *vigil) end() {
	if v != nil {
		v.over.Store(true)
		v.timer.Stop()
	}
}
