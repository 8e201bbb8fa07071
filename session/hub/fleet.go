package hub

import (
	"context"
	"sync"
	"time"

	"switchboard/session"
	"switchboard/session/contain"
)

// announceTTL is how long a node is known that says nothing more.
func (h *Hub) announceTTL() time.Duration { return h.node.Lease }

// announce tells the fleet how this node is.
func (h *Hub) announce(ctx context.Context) {
	if h.node.Fleet == nil {
		return
	}
	h.mu.Lock()
	n := session.Node{URL: h.node.Node, Sessions: len(h.running), Draining: h.draining || h.cleared, Started: h.started}
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, h.node.Lease/12)
	defer cancel()
	if err := h.node.Fleet.Announce(ctx, n, h.announceTTL()); err != nil {
		h.node.Logger.Warn("node not announced", "err", err)
	}
}

// stops reports whether this node was told to stop.
func (h *Hub) stops() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.draining
}

// leave tells the fleet that this node is gone.
func (h *Hub) leave(ctx context.Context) {
	if h.node.Fleet == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, h.node.Lease/12)
	defer cancel()
	if err := h.node.Fleet.Announce(ctx, session.Node{URL: h.node.Node}, 0); err != nil {
		h.node.Logger.Warn("node not taken off the fleet; its entry expires", "err", err)
	}
}

// sweepEvery is how often orphans are looked for at least: the last of a lost node's sessions
// are back within a second of the end of their leases.
const sweepEvery = 500 * time.Millisecond

// sweepAtOnce bounds what one node claims in one round, so that the others get some.
const sweepAtOnce = 32

// sweep claims sessions that nobody runs, until ctx is done.
func (h *Hub) sweep(ctx context.Context) {
	if h.node.Fleet == nil {
		return
	}
	tick := time.NewTicker(min(h.node.Lease/12, sweepEvery))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for !h.Draining() && h.sweepOnce(ctx) == sweepAtOnce && ctx.Err() == nil {
			}
		}
	}
}

func (h *Hub) claimOrphan(ctx context.Context, id session.ID) {
	if _, err := h.Claim(ctx, id); err != nil && ctx.Err() == nil {
		h.node.Logger.Info("orphan not claimed", "session", id, "err", err)
	}
}

// sweepOnce tries to claim some orphans and returns how many it was given.
func (h *Hub) sweepOnce(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, h.node.OpenTimeout)
	defer cancel()
	ids, err := h.node.Fleet.Orphans(ctx, sweepAtOnce)
	if err != nil {
		h.node.Logger.Warn("orphans not listed", "err", err)
		return 0
	}
	var claims sync.WaitGroup // each is a handful of round trips
	for _, id := range ids {
		claims.Go(func() {
			_ = contain.Do(h.node.Logger, "orphan", func() { h.claimOrphan(ctx, id) }, "session", id)
		})
	}
	claims.Wait()
	return len(ids)
}
