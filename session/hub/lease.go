package hub

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"switchboard/session"
)

// renew prolongs the leases of all sessions here until ctx is done. While the store is
// away they go on as long as no other node can have claimed them; then they stop, before
// another may start.
func (h *Hub) renew(ctx context.Context) {
	tick := time.NewTicker(h.node.Lease / 12)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		began := sinceStart()
		leases := h.leases()
		lost, err := h.renewAll(ctx, leases)
		switch {
		case err == nil:
			h.node.renewed.at.Store(began)
			for _, id := range lost {
				h.lose(id, leases[id].Epoch)
			}
		case ctx.Err() == nil:
			h.node.Logger.Warn("leases not renewed", "err", err)
		}
		h.announce(ctx)
	}
}

// aged reports whether a lease that was taken for a session to be was not renewed for so
// long that the node's leases, of which it becomes one, would seem younger than it is.
func (n *node) aged(c *Controller) bool {
	return time.Duration(sinceStart()-c.leased) >= n.Lease/12
}

// holdOn renews the lease of a session that took its time to get ready. ErrLeaseLost:
// another node has it.
func (h *Hub) holdOn(ctx context.Context, c *Controller) error {
	if !h.node.aged(c) {
		return nil
	}
	began := sinceStart()
	lost, err := h.node.Directory.Renew(ctx, []session.Lease{c.lease}, h.node.Lease)
	switch {
	case err != nil:
		return fmt.Errorf("renew lease: %w", err)
	case len(lost) > 0:
		return ErrLeaseLost
	}
	c.leased = began
	return nil
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

func (h *Hub) renewAll(ctx context.Context, leases map[session.ID]session.Lease) (lost []session.ID, err error) {
	if len(leases) == 0 {
		return nil, nil
	}
	// A store that is slow with thousands of leases is better than none: longer than until
	// the next tick, and short enough for three attempts before the leases are in doubt.
	ctx, cancel := context.WithTimeout(ctx, h.node.Lease/4)
	defer cancel()
	return h.node.Directory.Renew(ctx, slices.Collect(maps.Values(leases)), h.node.Lease)
}

// watchLeases stops all sessions when their leases are in doubt, whatever renewal is
// waiting for.
func (h *Hub) watchLeases(ctx context.Context) {
	tick := time.NewTicker(h.node.Lease / 48)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			h.doubt()
		}
	}
}

// renewal is when the leases of a node were last renewed. The event path looks at it, so
// that a process which was frozen and wakes up touches nothing that is not its own any more.
type renewal struct{ at atomic.Int64 } // by sinceStart

var processStart = time.Now()

// sinceStart is the monotonic time, which runs on while the process is stopped.
func sinceStart() int64 { return int64(time.Since(processStart)) }

func (r *renewal) age() time.Duration { return time.Duration(sinceStart() - r.at.Load()) }

// inDoubt reports whether the leases may soon expire, or have: an eighth before the time,
// because clocks and stops are not exact.
func (n *node) inDoubt() bool { return n.renewed.age() >= n.Lease*7/8 }

// doubt stops all sessions once their leases are in doubt.
func (h *Hub) doubt() {
	if !h.node.inDoubt() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.running {
		c.end(ErrLeaseLost)
	}
}
