package hub

import (
	"context"
	"time"

	"switchboard/session/contain"
)

// drainEvery is how often a node that is to have no sessions looks for some that it still has.
const drainEvery = time.Second

// Drain moves all sessions to other nodes and opens no more here until ctx is done; then this node
// takes sessions again. Without another node that takes them, they stay. The process goes on, so
// that an operator may look at it, or stop it with nothing on it.
func (h *Hub) Drain(ctx context.Context) {
	h.clear(true)
	defer h.clear(false)
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	for {
		if h.node.HandOver != nil && h.node.Fleet != nil && h.Stats().Sessions > 0 && len(h.others(ctx)) > 0 {
			_ = contain.Do(h.node.Logger, "drain", func() { h.drainOnce(ctx) })
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (h *Hub) drainOnce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, h.node.DrainLimit)
	defer cancel()
	h.evacuate(ctx)
}

func (h *Hub) clear(wanted bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cleared = wanted
}

// Draining reports whether the node opens no sessions, because it stops or an operator wants it so.
func (h *Hub) Draining() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.draining || h.cleared
}
