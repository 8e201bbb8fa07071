package gateway

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"switchboard/session"
	"switchboard/session/contain"
)

// vigil watches over the node that a client or an event stream of a session hangs on. One
// that is frozen, or whose machine is cut off, keeps its connections and says nothing on
// them; by then the session may run elsewhere. The nil pointer watches over nothing.
type vigil struct {
	g     *Gateway
	owner string // URL of the node
	lost  func()
	timer *time.Timer
	last  atomic.Int64 // when the node was heard, by time.Since(began)
	died  atomic.Bool  // the node was declared dead when it had just been heard
	over  atomic.Bool
}

// began is what vigils count time from.
var began = time.Now()

// keepVigil calls lost once owner is silent and another node has the session. That there is
// no lease proves nothing: Redis may have forgotten it.
func (g *Gateway) keepVigil(id session.ID, owner string, lost func()) *vigil {
	v := &vigil{g: g, owner: owner, lost: lost}
	v.heard()
	look := func() {
		switch quiet := time.Since(began) - time.Duration(v.last.Load()); {
		case v.over.Load():
		case v.died.Swap(false) && quiet >= deadSilence:
			lost()
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
	g.vigils.add(v)
	return v
}

// vigils are those of this node.
type vigils struct {
	mu sync.Mutex
	// Guarded by mu.
	all  map[*vigil]struct{}
	next chan struct{} // closed, and replaced, when a node is declared dead; nil: nobody waits
}

// nextDeath is closed when the next node is declared dead: its sessions may be claimed.
func (s *vigils) nextDeath() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = make(chan struct{})
	}
	return s.next
}

func (s *vigils) add(v *vigil) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[*vigil]struct{}{}
	}
	s.all[v] = struct{}{}
}

func (s *vigils) remove(v *vigil) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, v)
}

// nodeDied tells those at once that hang on a node which was declared dead, or wait for a session
// of it. One that was heard a moment ago may be another incarnation at the same address, or a
// request that has only just been sent: it is lost if it says nothing for a while longer.
func (g *Gateway) nodeDied(url string) {
	g.vigils.mu.Lock()
	if g.vigils.next != nil {
		close(g.vigils.next)
		g.vigils.next = nil
	}
	var over []*vigil
	for v := range g.vigils.all {
		switch {
		case v.owner != url:
		case time.Since(began)-time.Duration(v.last.Load()) >= deadSilence:
			over = append(over, v)
		default:
			v.died.Store(true)
			v.timer.Reset(deadSilence)
		}
	}
	g.vigils.mu.Unlock()
	for _, v := range over {
		_ = contain.Do(g.options.Logger, "vigil", v.lost)
	}
}

// deadSilence is less than for how long a node is silent before it is declared dead.
const deadSilence = 300 * time.Millisecond

// elsewhere reports whether another node than owner has the session.
func (g *Gateway) elsewhere(id session.ID, owner string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), dialWait)
	defer cancel()
	lease, err := g.options.Directory.Owner(ctx, id)
	if err != nil || lease.Node == owner && !g.options.Hub.Dead(lease) {
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
		v.g.vigils.remove(v)
		v.timer.Stop()
	}
}
