package hub

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"switchboard/session"
)

// ErrMoved ends a session here that another node runs on. As the answer to a command it
// says that nothing was done.
var ErrMoved = errors.New("session: moved to another node")

// handoverAtOnce is how many sessions are on their way to other nodes at a time: more do
// not arrive sooner, and their clients wait for each other's.
const handoverAtOnce = 8

// handOverAll refuses new sessions for good and gives every one that runs to another node. What is
// left when ctx is done is ended by the caller.
func (h *Hub) handOverAll(ctx context.Context) {
	h.mu.Lock()
	h.draining = true
	h.mu.Unlock()
	h.evacuate(ctx)
}

// evacuate gives every session to another node, each at a quiet moment or, if it has none for
// most of the time there is, at any.
func (h *Hub) evacuate(ctx context.Context) {
	h.mu.Lock()
	all := make([]*Controller, 0, len(h.running))
	for _, c := range h.running {
		all = append(all, c)
	}
	h.mu.Unlock()
	if h.node.HandOver == nil || h.node.Fleet == nil {
		return
	}
	patience, cancel := context.WithTimeout(ctx, h.node.DrainLimit*3/4)
	defer cancel()
	var wg sync.WaitGroup
	slots := make(chan struct{}, handoverAtOnce)
	for _, c := range all {
		wg.Go(func() {
			c.contain(func() {
				for moved := false; !moved; {
					quiet := c.waitQuiet(patience)
					moved = h.handOverIn(ctx, slots, c, !quiet) || !quiet
				}
			})
		})
	}
	wg.Wait()
}

// handOverIn is handOver once there is a free slot.
func (h *Hub) handOverIn(ctx context.Context, slots chan struct{}, c *Controller, anyMoment bool) bool {
	slots <- struct{}{}
	defer func() { <-slots }()
	return h.handOver(ctx, c, anyMoment)
}

// handOver moves one session, and reports false if the moment has passed, unless it is to
// move at any, or if it cannot move. If no node takes it, it is left to be claimed.
func (h *Hub) handOver(ctx context.Context, c *Controller, anyMoment bool) bool {
	c.recallForAnother(ctx)
	s, ok := c.freeze(anyMoment)
	if !ok {
		return false
	}
	if err := h.node.journal.Flush(ctx); err != nil {
		h.node.Logger.Warn("session handed over before all of it was written", "session", c.id, "err", err)
	}
	for _, n := range h.others(ctx) {
		err := h.node.HandOver(ctx, n, s)
		if err == nil {
			h.node.stats.HandedOver.Add(1)
			break
		}
		h.node.Logger.Warn("session not handed over", "session", c.id, "to", n.URL, "err", err)
	}
	c.end(ErrMoved)
	return true
}

// others lists the nodes that may take a session, the emptiest first.
func (h *Hub) others(ctx context.Context) []session.Node {
	nodes, err := h.node.Fleet.Nodes(ctx)
	if err != nil {
		h.node.Logger.Warn("nodes not listed", "err", err)
	}
	nodes = slices.DeleteFunc(nodes, func(n session.Node) bool { return n.URL == h.node.Node || n.Draining })
	rand.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] }) // not all to the same of equals
	slices.SortStableFunc(nodes, func(a, b session.Node) int { return a.Sessions - b.Sessions })
	return nodes
}

// freeze stops the relay both ways, if it may, and returns what the session is. Its clients
// are told to come back: what they would send now would be lost.
func (c *Controller) freeze(anyMoment bool) (session.Snapshot, bool) {
	s := c.lock()
	defer s.unlock()
	quiet := !c.up.gone() && !c.up.swapping && s.quiet(time.Now())
	if s.refuses() != nil || c.spec.EndWithClient || !quiet && !anyMoment {
		return session.Snapshot{}, false
	}
	c.frozen = true
	if c.turn.active != "" {
		s.finishItems(c.turn.active)
	}
	s.save()
	s.release()
	s.detach()
	c.up.lose()
	snapshot := s.snapshot()
	code, text := closeCode(ErrMoved)
	for _, cl := range c.clients {
		cl.conn.Close(code, text)
	}
	return snapshot, true
}

// snapshot is the session as it would be if its upstream were lost now.
func (c *held) snapshot() session.Snapshot {
	c.turn.wanted = c.turn.owed(time.Now())
	if c.up.resend() {
		c.turn.wanted = false // it is asked for as it was
	}
	s := session.Snapshot{
		Version: 1,
		Record:  c.record(), Items: c.items(), Wanted: c.turn.wanted,
		Seq: c.history.Seq, Era: c.history.Named(), Floor: c.history.Floor, Cut: c.history.Cut, Edge: c.history.Edge(), LogID: c.logID.last(),
		Audio: c.up.audio(c.conv.Items),
	}
	if len(c.whispers) > 0 {
		s.Version = session.SnapshotVersion // an earlier node would show private items to clients
	}
	c.history.Each(func(e []byte) { s.History = append(s.History, slices.Clone(e)) })
	c.up.tail.Each(func(e []byte) { s.Tail = append(s.Tail, slices.Clone(e)) })
	for _, q := range c.up.out.Queue {
		s.Waiting = append(s.Waiting, slices.Clone(q.Frame.Payload()))
	}
	return s
}
