package hub

import (
	"context"
	"errors"
	"slices"
	"time"

	"switchboard/session"
	"switchboard/session/broadcast"
	"switchboard/session/contain"
	"switchboard/session/realtime"
)

// standing is what a node remembers of the broadcasts' log, guarded by the hub's lock.
type standing struct {
	entries []broadcast.Entry // those that sessions to come may need, in order
}

// keep remembers an entry for sessions that are created or claimed later. None of those needs
// a broadcast that is withdrawn by then; where it stands already, the withdrawal does.
func (s *standing) keep(e broadcast.Entry) {
	if e.Withdrawn {
		s.entries = slices.DeleteFunc(s.entries, func(o broadcast.Entry) bool { return o.Broadcast.ID == e.Broadcast.ID })
	}
	s.entries = append(s.entries, e)
	if len(s.entries) > maxEntries {
		s.entries = slices.Delete(s.entries, 0, 1)
	}
}

// maxEntries bounds what a node remembers of the log; the log itself keeps no more.
const maxEntries = 1000

// follow applies what the log says, in its order, until ctx is done.
func (h *Hub) follow(ctx context.Context) {
	if h.node.Broadcasts == nil {
		return
	}
	last := ""
	for ctx.Err() == nil {
		entries, err := h.node.Broadcasts.Follow(ctx, last)
		if err != nil {
			if ctx.Err() == nil {
				h.node.Logger.Warn("broadcasts not read", "err", err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
			continue
		}
		for _, e := range entries {
			_ = contain.Do(h.node.Logger, "broadcast", func() { h.apply(ctx, e) }, "broadcast", e.Broadcast.ID)
			last = e.ID
		}
	}
}

// apply changes all sessions here that an entry concerns. The acknowledgements are
// gathered behind it, so that the next entry need not wait: the order is kept by the
// connections.
func (h *Hub) apply(ctx context.Context, e broadcast.Entry) {
	begin := time.Now()
	h.mu.Lock()
	if h.closed { // nobody would wait for it
		h.mu.Unlock()
		return
	}
	h.heard.keep(e)
	all := make([]*Controller, 0, len(h.running))
	for _, c := range h.running {
		all = append(all, c)
	}
	g, told := newGathering(h, e, len(all)), make(chan struct{})
	h.node.sessions.Go(func() {
		_ = contain.Do(h.node.Logger, "broadcast", func() { defer close(told); g.askAll(all) })
		_ = contain.Do(h.node.Logger, "broadcast", func() { g.run(context.WithoutCancel(ctx)) })
	})
	h.mu.Unlock()
	<-told
	h.node.stats.Entries.Add(1)
	h.node.stats.EntryTime.Add(int64(time.Since(begin)))
}

// catchUpLocked applies the entries that a session which starts here has not seen.
func (h *Hub) catchUpLocked(c *Controller) {
	for _, e := range h.heard.entries {
		c.contain(func() {
			if g := newGathering(h, e, 1); g.ask(c) {
				h.node.sessions.Go(func() {
					_ = contain.Do(h.node.Logger, "broadcast", func() { g.run(context.Background()) })
				})
			}
		})
	}
	if len(h.heard.entries) > 0 {
		c.save() // which of them were before its time
	}
}

// overlayNow lets a session consider an entry and reports whether it was concerned; g is told
// once what became of it. Unless the session is in the middle of a turn, what its upstream sends
// meanwhile passes g's gate.
func (c *Controller) overlayNow(g *gathering) bool {
	c.await()
	s := c.lock()
	defer s.unlock()
	e := g.entry
	b := &e.Broadcast
	switch {
	case s.unable() != nil, !selects(b, c.id, c.spec.Labels), c.up.kind != "realtime": // no other has instructions
		return false
	case !b.Sticky && !e.Withdrawn && c.beganAfter(b.CreatedAt):
		c.overlay.pass(e.ID) // nor is it for this session on the node that runs it next
		return false
	case !c.overlay.take(e, c.up.says()):
		return false
	}
	if c.turn.active == "" && !c.turn.speaking {
		c.gate.Store(&g.gate)
	}
	s.sendOverlay(func(id session.ID, err error) {
		c.gate.CompareAndSwap(&g.gate, nil)
		var refused *session.UpstreamError
		if errors.As(err, &refused) { // it must not spoil the next upstream's configuration
			c.overlay.drop(e.Broadcast.ID)
		}
		if err == nil {
			s.noteEntry(e)
		}
		s.save() // not before: whoever claims the session meanwhile considers the entry anew
		g.settle(id, err)
	})
	return true
}

// followLag is how long after a broadcast was sent a node may hear of it.
const followLag = 5 * time.Second

// beganAfter reports whether the session began after a broadcast of that time, of which
// this node has only just heard. The time is the store's and its clock may be another than
// the nodes', so that it counts only while the session is so young that it could have.
func (c *Controller) beganAfter(sent time.Time) bool {
	return time.Since(c.created) < followLag && c.created.Truncate(time.Millisecond).After(sent)
}

// sendOverlay tells the upstream what the instructions are now. Without an upstream the
// next one begins with them.
func (c *held) sendOverlay(settle func(session.ID, error)) {
	k := &pending{eventID: session.NewID(realtime.OwnPrefix), asks: asksUpdate}
	if settle != nil {
		k.settle = func(r reply) { settle(c.id, r.err) }
	}
	if c.up.gone() {
		c.up.ledger.finish(k, reply{err: ErrUpstreamLost})
		return
	}
	update := overlayUpdate{Type: c.up.words.event[asksUpdate], EventID: k.eventID}
	update.Session.Type, update.Session.Instructions = c.up.kind, c.overlay.text()
	f := session.NewFrame(realtime.Marshal(update))
	if err := c.up.room(f); err != nil {
		c.up.ledger.finish(k, reply{err: err})
		return
	}
	c.up.ledger.add(k)
	c.sendUp(f)
}

// overlayUpdate says nothing but the instructions: a voice in the same update would be
// refused after the first audio.
type overlayUpdate struct {
	Type    string `json:"type"`
	EventID string `json:"event_id"`
	Session struct {
		Type         string `json:"type"`
		Instructions string `json:"instructions"`
	} `json:"session"`
}

// rebase takes the instructions that a client has just set as those that broadcasts
// stand on, and puts what stands over them again. k is the update that the upstream
// answered; nil if that is not known.
func (c *held) rebase(k *pending) {
	set := k != nil && k.instructs || k == nil && c.up.says() != c.overlay.text()
	if !c.overlay.Based || !set {
		return
	}
	c.overlay.Base = c.up.says()
	if len(c.overlay.Standing) > 0 {
		c.sendOverlay(nil)
	}
}
