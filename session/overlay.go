package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// standing is what a node remembers of the broadcasts' log, guarded by the hub's lock.
type standing struct {
	entries []BroadcastEntry // those that sessions to come may need, in order
}

// keep remembers an entry for sessions that are created or claimed later.
func (s *standing) keep(e BroadcastEntry) {
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
			h.apply(ctx, e)
			last = e.ID
		}
	}
}

// apply changes all sessions here that an entry concerns. The acknowledgements are
// gathered behind it, so that the next entry need not wait: the order is kept by the
// connections.
func (h *Hub) apply(ctx context.Context, e BroadcastEntry) {
	h.mu.Lock()
	h.heard.keep(e)
	all := make([]*Controller, 0, len(h.running))
	for _, c := range h.running {
		all = append(all, c)
	}
	h.mu.Unlock()
	g := newGathering(h, e, len(all))
	g.askAll(all)
	h.sessions.Go(func() { g.run(context.WithoutCancel(ctx)) })
}

// catchUpLocked applies the entries that a session which starts here has not seen.
func (h *Hub) catchUpLocked(c *Controller) {
	for _, e := range h.heard.entries {
		if g := newGathering(h, e, 1); g.ask(c) {
			h.sessions.Go(func() { g.run(context.Background()) })
		}
	}
}

// overlayNow lets a session consider an entry and reports whether it was concerned;
// settle is told once what became of it.
func (c *Controller) overlayNow(e BroadcastEntry, settle func(ID, error)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := &e.Broadcast
	late := !b.Sticky && c.created.Truncate(time.Millisecond).After(b.CreatedAt) && !e.Withdrawn
	if c.refusesLocked() != nil || !b.selects(c.spec.Labels) || late {
		return false
	}
	if !c.overlay.take(e, c.up.says) {
		return false
	}
	c.sendOverlay(func(id ID, err error) {
		var refused *UpstreamError
		if errors.As(err, &refused) { // it must not spoil the next upstream's configuration
			c.overlay.drop(e.Broadcast.ID)
		}
		c.saveLocked() // not before: whoever claims the session meanwhile considers the entry anew
		settle(id, err)
	})
	return true
}

// sendOverlay tells the upstream what the instructions are now. Without an upstream the
// next one begins with them.
func (c *Controller) sendOverlay(settle func(ID, error)) {
	k := &ack{eventID: NewID(ownPrefix), typ: "session.updated"}
	if settle != nil {
		k.settle = func(r reply) { settle(c.id, r.err) }
	}
	if c.up.lost {
		c.acks.finish(k, reply{err: ErrUpstreamLost})
		return
	}
	update := overlayUpdate{Type: "session.update", EventID: k.eventID}
	update.Session.Type, update.Session.Instructions = c.up.kind, c.overlay.text()
	c.acks.add(k)
	if err := c.sendUp(NewFrame(marshal(update)), false, false); err != nil {
		c.acks.finish(k, reply{err: err})
	}
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

// rebaseLocked takes the instructions that a client has just set as those that broadcasts
// stand on, and puts what stands over them again. k is the update that the upstream
// answered; nil if that is not known.
func (c *Controller) rebaseLocked(k *ack) {
	set := k != nil && k.instructs || k == nil && c.up.says != c.overlay.text()
	if !c.overlay.Based || !set {
		return
	}
	c.overlay.Base = c.up.says
	if len(c.overlay.Standing) > 0 {
		c.sendOverlay(nil)
	}
}

// gathering collects what became of one entry in some sessions of this node.
type gathering struct {
	hub     *Hub
	entry   BroadcastEntry
	asked   map[ID]bool  // sessions that have not answered; run's, once it runs
	results chan Outcome // room for all
}

func newGathering(h *Hub, e BroadcastEntry, most int) *gathering {
	return &gathering{hub: h, entry: e, asked: make(map[ID]bool, most), results: make(chan Outcome, most)}
}

// ask lets a session consider the entry and reports whether it was concerned.
func (g *gathering) ask(c *Controller) bool {
	concerned := c.overlayNow(g.entry, g.settle)
	if concerned {
		g.asked[c.id] = true
	}
	return concerned
}

// askers is how many goroutines tell the sessions of a node. The acknowledgements wake
// thousands, between which one alone would wait for its turn again and again.
const askers = 8

// askAll lets sessions consider the entry, and returns when all have been told.
func (g *gathering) askAll(all []*Controller) {
	var wg sync.WaitGroup
	var asked [askers][]ID
	for n := range askers {
		wg.Go(func() {
			for i := n; i < len(all); i += askers {
				if all[i].overlayNow(g.entry, g.settle) {
					asked[n] = append(asked[n], all[i].id)
				}
			}
		})
	}
	wg.Wait()
	for _, ids := range asked {
		for _, id := range ids {
			g.asked[id] = true
		}
	}
}

// settle takes the outcome of one session; called under its lock, it never waits.
func (g *gathering) settle(id ID, err error) {
	o := Outcome{Session: id, Status: OutcomeApplied, At: time.Now()}
	switch {
	case errors.Is(err, ErrUpstreamLost), errors.Is(err, ErrLeaseLost):
		o.Status = OutcomeDeferred
	case errors.Is(err, ErrEnded):
		o.Status = OutcomeEnded
	case err != nil:
		o.Status, o.Reason = OutcomeRefused, err.Error()
	}
	g.results <- o
}

// Outcomes are reported as they come, but not one by one.
const (
	reportEvery  = 50 * time.Millisecond
	reportAtMost = 1000
)

// run reports until every session has answered or has had its time to.
func (g *gathering) run(ctx context.Context) {
	report := Report{Broadcast: g.entry.Broadcast.ID, Withdrawn: g.entry.Withdrawn, Node: g.hub.node.Node, Matched: len(g.asked)}
	g.send(ctx, report)
	report.Matched = 0
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	late := time.After(g.hub.node.AckTimeout)
	for len(g.asked) > 0 {
		due := false
		select {
		case o := <-g.results:
			delete(g.asked, o.Session)
			report.Outcomes = append(report.Outcomes, o)
		case <-tick.C:
			due = true
		case <-late:
			for id := range g.asked {
				report.Outcomes = append(report.Outcomes, Outcome{Session: id, Status: OutcomeSilent, At: time.Now()})
			}
			clear(g.asked)
		}
		if len(report.Outcomes) == reportAtMost || len(g.asked) == 0 || due && len(report.Outcomes) > 0 {
			g.send(ctx, report)
			report.Outcomes = nil
		}
	}
}

func (g *gathering) send(ctx context.Context, r Report) {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	if err := g.hub.node.Broadcasts.Report(ctx, r); err != nil {
		g.hub.node.Logger.Warn("outcomes of a broadcast not reported", "broadcast", r.Broadcast, "outcomes", len(r.Outcomes), "err", err)
	}
}
