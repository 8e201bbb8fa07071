package hub

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"switchboard/session"
	"switchboard/session/contain"
	"switchboard/session/liveness"
)

// pulse is whether this node is alive, for its fleet and for itself. Only the permit is read on
// the event path.
type pulse struct {
	began time.Time
	node  string
	times liveness.Times
	until atomic.Int64 // by since: relayed is what comes before that, and nothing after

	mu sync.Mutex
	// Guarded by mu.
	machine *liveness.Machine
	changed chan struct{} // closed, and replaced, when there is another permit or incarnation
}

func newPulse(o Options) *pulse {
	p := &pulse{began: time.Now(), node: o.Node, times: liveness.TimesOf(o.Heartbeat, o.Lease), changed: make(chan struct{})}
	p.machine = liveness.New(p.times, rand.Text(), o.Node)
	return p
}

// since is the monotonic time, which runs on while the process is stopped.
func (p *pulse) since() time.Duration { return time.Since(p.began) + time.Second }

// permitted reports whether this node may relay now. It is one atomic load and a look at the
// clock, so a process that was frozen touches nothing that is not its own any more.
func (p *pulse) permitted() bool { return int64(p.since()) < p.until.Load() }

// wait is closed when permitted may have another answer.
func (p *pulse) wait() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// await waits for the permit; false: done was first.
func (p *pulse) await(done <-chan struct{}) bool {
	for {
		changed := p.wait()
		if p.permitted() {
			return true
		}
		select {
		case <-changed:
		case <-done:
			return false
		}
	}
}

// with has the machine told something, and does what is to be done then.
func (p *pulse) with(tell func(m *liveness.Machine, now time.Duration)) liveness.Work {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.since()
	if tell != nil {
		tell(p.machine, now)
	}
	w := p.machine.Tick(now)
	if w.GiveUp {
		p.machine = liveness.New(p.times, rand.Text(), p.node)
	}
	if until := int64(p.machine.RelayUntil()); p.until.Swap(until) != until {
		close(p.changed)
		p.changed = make(chan struct{})
	}
	return w
}

// holder is this incarnation, as leases name it. The zero value: it has not joined the fleet.
func (p *pulse) holder() session.Holder {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.machine.Joined() {
		return session.Holder{}
	}
	return session.Holder{Node: p.node, Incarnation: p.machine.Incarnation()}
}

// dead reports whether what an incarnation held may be seized.
func (p *pulse) dead(incarnation string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return incarnation != "" && p.machine.Dead(incarnation, p.since())
}

// age is since when no heartbeat has succeeded.
func (p *pulse) age() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.machine.Age(p.since())
}

// joinWait is how long a session waits for its node to join the fleet.
const joinWait = 2 * time.Second

// errNotJoined is of a node that has not reached Redis since it started.
var errNotJoined = errors.New("this node has not joined its fleet yet")

// join waits until this node may hold leases.
func (h *Hub) join(ctx context.Context) (session.Holder, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, joinWait, errNotJoined)
	defer cancel()
	if !h.node.pulse.await(ctx.Done()) {
		return session.Holder{}, context.Cause(ctx)
	}
	return h.node.pulse.holder(), nil
}

// acquire takes the lease of a session, also from a dead node, whose lease may be known already:
// without one, dead only names the session. What became of a call that failed is not known: then
// the lease is looked after later.
func (h *Hub) acquire(ctx context.Context, dead session.Lease) (l session.Lease, err error) {
	holder, err := h.join(ctx)
	if err != nil {
		return session.Lease{}, err
	}
	if dead.Node == "" {
		l, err = h.node.Directory.Acquire(ctx, dead.ID, holder)
	} else {
		l, err = h.node.Directory.Transfer(ctx, dead, holder)
	}
	if held, ok := asHeld(err); ok && h.node.pulse.dead(held.Lease.Incarnation) {
		l, err = h.node.Directory.Transfer(ctx, held.Lease, holder)
	}
	if _, held := asHeld(err); err != nil && !held {
		h.doubtful(dead.ID)
	}
	return l, err
}

// doubtful notes a session whose lease this node may hold without knowing it.
func (h *Hub) doubtful(id session.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.unsure) < unsureLimit {
		h.unsure[id] = true
	}
}

// unsureLimit bounds the sessions that are looked after; those beyond it are offered when this
// incarnation has ended, or when they are asked for here.
const unsureLimit = 10_000

// resolve gives up the leases that this node may hold and has no session for.
func (h *Hub) resolve(ctx context.Context) {
	h.mu.Lock()
	unsure := h.unsure
	if len(unsure) > 0 {
		h.unsure = map[session.ID]bool{}
	}
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, h.node.OpenTimeout)
	defer cancel()
	for id := range unsure {
		_ = contain.Do(h.node.Logger, "doubtful lease", func() { h.resolveOne(ctx, id) }, "session", id)
	}
}

func (h *Hub) resolveOne(ctx context.Context, id session.ID) {
	if h.reserve(id) != nil { // it runs here, or is about to
		return
	}
	defer h.unreserve(id)
	l, err := h.acquire(ctx, session.Lease{ID: id}) // by its holder: a new epoch, whatever was sent before
	if err == nil {
		if err := h.node.Directory.Release(ctx, l); err != nil {
			h.doubtful(id)
		}
	}
}

// restore has the fleet know all leases of this node again, and ends sessions that others have.
func (h *Hub) restore(ctx context.Context) {
	leases := h.leases()
	all := make([]session.Lease, 0, len(leases))
	for _, l := range leases {
		all = append(all, l)
	}
	if len(all) == 0 {
		return
	}
	lost, err := h.node.Directory.Restore(ctx, all)
	if err != nil {
		h.node.Logger.Warn("leases not restored", "err", err)
	}
	for _, id := range lost {
		h.lose(id, leases[id].Epoch)
	}
}

// leases are those of the sessions that run here.
func (h *Hub) leases() map[session.ID]session.Lease {
	h.mu.Lock()
	defer h.mu.Unlock()
	leases := make(map[session.ID]session.Lease, len(h.running))
	for id, c := range h.running {
		leases[id] = c.lease
	}
	return leases
}

// loseAll ends the sessions of incarnations of this node that have ended.
func (h *Hub) loseAll() {
	now := h.node.pulse.holder()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.running {
		if c.lease.Holder != now {
			c.end(ErrLeaseLost)
		}
	}
}
