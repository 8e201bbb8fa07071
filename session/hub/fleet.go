package hub

import (
	"context"
	"errors"
	"sync"
	"time"

	"switchboard/session"
	"switchboard/session/contain"
)

// self is this node as others see it.
func (h *Hub) self() session.Node {
	h.mu.Lock()
	defer h.mu.Unlock()
	return session.Node{URL: h.node.Node, Sessions: len(h.running), Draining: h.draining, Started: h.started}
}

// missed and found log when heartbeats begin to fail, and when they succeed again.
func (h *Hub) missed(ctx context.Context, err error) {
	if ctx.Err() == nil && !h.missing.Swap(true) {
		h.node.Logger.Warn("heartbeats fail", "err", err)
	}
}

func (h *Hub) found() {
	if h.missing.Swap(false) {
		h.node.Logger.Info("heartbeats succeed again")
	}
}

// stops reports whether this node was told to stop.
func (h *Hub) stops() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.draining
}

// sweepEvery is how often orphans are looked for at least; at once when a node has died.
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
		case <-h.wake:
		}
		h.resolve(ctx)
		for !h.Draining() && h.sweepOnce(ctx) == sweepAtOnce && ctx.Err() == nil {
		}
	}
}

// sweepSoon has orphans looked for at once.
func (h *Hub) sweepSoon() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// asHeld is the error of a lease that another incarnation holds.
func asHeld(err error) (*session.HeldError, bool) { return errors.AsType[*session.HeldError](err) }

func (h *Hub) claimOrphan(ctx context.Context, id session.ID) {
	_, err := h.claim(ctx, session.Lease{ID: id})
	if _, held := asHeld(err); err != nil && !held && !errors.Is(err, ErrEnded) && ctx.Err() == nil {
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
	slots := make(chan struct{}, claimsAtOnce/2)
	for _, id := range ids {
		slots <- struct{}{}
		claims.Go(func() {
			defer func() { <-slots }()
			_ = contain.Do(h.node.Logger, "orphan", func() { h.claimOrphan(ctx, id) }, "session", id)
		})
	}
	claims.Wait()
	return len(ids)
}
