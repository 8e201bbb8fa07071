package hub

import (
	"context"
	"errors"
	"slices"
	"sync"
	"syscall"
	"time"

	"switchboard/session"
	"switchboard/session/contain"
	"switchboard/session/liveness"
)

// Peers reaches other nodes without Redis, by their URLs.
type Peers interface {
	// Incarnation asks a node who it is.
	Incarnation(ctx context.Context, url string) (string, error)

	// Vouch asks a node to pass a heartbeat on to Redis or, if it cannot reach Redis either,
	// to promise not to declare the sender dead.
	Vouch(ctx context.Context, url string, b session.Heartbeat) (Voucher, error)
}

// Voucher is what a peer did for a node that has lost Redis: one of these, or nothing.
type Voucher struct {
	Census  *session.Census `json:"census,omitempty"`  // the answer to the heartbeat that it passed on
	Promise time.Duration   `json:"promise,omitempty"` // for so long it does not declare the node dead
}

// Times of the exchange between nodes.
const (
	beatTimeout  = 2 * time.Second
	beatsAtOnce  = 8 // heartbeats under way: a Redis that is slow may still answer in time
	probeTimeout = time.Second
	restoreEvery = 24 * time.Hour // leases are written again, long before Redis forgets them
)

// heart is the goroutines of one run of heartbeats.
type heart struct {
	h     *Hub
	ctx   context.Context
	calls sync.WaitGroup
	beats chan struct{} // holds one for each under way
}

// beat writes heartbeats until ctx is done, watches those of the others, and does what follows.
func (h *Hub) beat(ctx context.Context) {
	if h.node.Fleet == nil {
		h.node.pulse.alone()
		<-ctx.Done()
		return
	}
	hb := &heart{h: h, ctx: ctx, beats: make(chan struct{}, beatsAtOnce)}
	defer hb.calls.Wait()
	beat, look, restore := time.NewTicker(h.node.Heartbeat), time.NewTicker(h.node.Heartbeat/4), time.NewTicker(restoreEvery)
	defer beat.Stop()
	defer look.Stop()
	defer restore.Stop()
	hb.send()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			hb.send()
		case <-look.C:
			hb.tell(nil)
		case <-restore.C:
			hb.start("restore", func() { h.restore(ctx) })
		}
	}
}

// alone lets a node relay that is in no fleet.
func (p *pulse) alone() {
	p.with(func(m *liveness.Machine, now time.Duration) { m.Alone() })
}

func (hb *heart) start(what string, f func()) {
	hb.calls.Go(func() { _ = contain.Do(hb.h.node.Logger, what, f) })
}

// tell has the machine told something, and starts what is to be done then.
func (hb *heart) tell(what func(m *liveness.Machine, now time.Duration)) {
	h := hb.h
	w := h.node.pulse.with(what)
	if w.GiveUp {
		h.node.Logger.Warn("this node gives up its sessions: it was declared dead, or has reached neither Redis nor a peer")
		hb.start("give up", h.loseAll)
	}
	if w.Restore {
		hb.start("restore", func() { h.restore(hb.ctx) })
	}
	for _, m := range w.Ask {
		hb.start("ask peer", func() { hb.ask(m) })
	}
	for _, m := range w.Probe {
		hb.start("probe", func() { hb.probe(m) })
	}
	for _, m := range w.Declare {
		hb.start("declare", func() { hb.declare(m) })
	}
	for _, m := range w.Buried {
		hb.start("offer", func() { hb.offer(m) })
	}
}

// send writes one heartbeat, beside earlier ones that are still under way.
func (hb *heart) send() {
	select {
	case hb.beats <- struct{}{}:
	default:
		hb.tell(nil)
		return
	}
	hb.start("heartbeat", func() {
		defer func() { <-hb.beats }()
		h := hb.h
		var b session.Heartbeat
		var began time.Duration
		h.node.pulse.peek(func(m *liveness.Machine, now time.Duration) { b, began = m.Beat(), now })
		b.Node = h.self()
		ctx, cancel := context.WithTimeout(hb.ctx, beatTimeout)
		defer cancel()
		census, err := h.node.Fleet.Beat(ctx, b)
		if err != nil {
			h.missed(hb.ctx, err)
			return
		}
		h.found()
		hb.tell(func(m *liveness.Machine, now time.Duration) { m.Answered(b, began, now, census, true) })
	})
}

// ask has a peer pass a heartbeat on, or promise.
func (hb *heart) ask(to session.Heartbeat) {
	h := hb.h
	if h.node.Peers == nil {
		return
	}
	var b session.Heartbeat
	var began time.Duration
	h.node.pulse.peek(func(m *liveness.Machine, now time.Duration) { b, began = m.Current(), now })
	b.Node = h.self()
	ctx, cancel := context.WithTimeout(hb.ctx, beatTimeout)
	defer cancel()
	v, err := h.node.Peers.Vouch(ctx, to.Node.URL, b)
	if err != nil {
		return // the next is asked with the next heartbeat
	}
	hb.tell(func(m *liveness.Machine, now time.Duration) {
		if v.Census != nil {
			m.Answered(b, began, now, *v.Census, false)
		} else {
			m.Promised(to.Incarnation, began, v.Promise, b)
		}
	})
}

// Vouch answers a peer that has lost Redis.
func (h *Hub) Vouch(ctx context.Context, b session.Heartbeat) (v Voucher, err error) {
	h.node.pulse.peek(func(m *liveness.Machine, now time.Duration) { v.Promise = m.Promise(now, b) })
	if v.Promise > 0 || h.node.Fleet == nil || b.Joined == 0 {
		return v, nil
	}
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	census, err := h.node.Fleet.Beat(ctx, b)
	return Voucher{Census: &census}, err
}

// probe asks a node's address who answers there.
func (hb *heart) probe(of session.Heartbeat) {
	h := hb.h
	if h.node.Peers == nil {
		return
	}
	var began time.Duration
	h.node.pulse.peek(func(_ *liveness.Machine, now time.Duration) { began = now })
	ctx, cancel := context.WithTimeout(hb.ctx, probeTimeout)
	defer cancel()
	who, err := h.node.Peers.Incarnation(ctx, of.Node.URL)
	e := liveness.Silent
	switch {
	case hb.ctx.Err() != nil:
		return
	case err == nil && who == of.Incarnation:
		e = liveness.Alive
	case err == nil && who != "":
		e = liveness.Replaced
	case errors.Is(err, syscall.ECONNREFUSED):
		e = liveness.Refused
	}
	hb.tell(func(m *liveness.Machine, _ time.Duration) { m.Probed(of.Incarnation, began, e) })
}

func (hb *heart) declare(dead session.Heartbeat) {
	h := hb.h
	ctx, cancel := context.WithTimeout(hb.ctx, beatTimeout)
	defer cancel()
	done, err := h.node.Fleet.Declare(ctx, h.node.pulse.holder().Incarnation, dead)
	if err != nil {
		h.node.Logger.Warn("node not declared dead", "node", dead.Node.URL, "err", err)
	}
	if !done {
		return
	}
	h.node.stats.Declared.Add(1)
	h.node.Logger.Warn("node declared dead: its sessions are claimed", "node", dead.Node.URL, "incarnation", dead.Incarnation)
	hb.tell(func(m *liveness.Machine, now time.Duration) { m.Declared(dead, now) })
}

// offer has the sessions of a dead incarnation claimed: by this node and by the others.
func (hb *heart) offer(dead session.Heartbeat) {
	h := hb.h
	h.mu.Lock()
	deaths := slices.Clone(h.deaths)
	h.mu.Unlock()
	for _, tell := range deaths {
		tell(dead.Node.URL)
	}
	for hb.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(hb.ctx, storeTimeout)
		n, err := h.node.Fleet.Offer(ctx, dead.Incarnation)
		cancel()
		if n > 0 || err == nil {
			h.sweepSoon()
		}
		if err == nil {
			return
		}
		select {
		case <-time.After(h.node.Heartbeat):
		case <-hb.ctx.Done():
		}
	}
}

// OnDeath has f told of each node, by its URL, that is found to have died.
func (h *Hub) OnDeath(f func(url string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deaths = append(h.deaths, f)
}

// Suspect has a node looked at that a request could not be sent to.
func (h *Hub) Suspect(url string) {
	h.node.pulse.peek(func(m *liveness.Machine, _ time.Duration) { m.Suspect(url) })
}

// Dead reports whether the holder of a lease is dead: whoever asks for the session may claim it.
func (h *Hub) Dead(l session.Lease) bool { return h.node.pulse.dead(l.Incarnation) }

// Incarnation is who this node is at present.
func (h *Hub) Incarnation() (name string) {
	h.node.pulse.peek(func(m *liveness.Machine, _ time.Duration) { name = m.Incarnation() })
	return name
}

// peek looks at the machine without anything following from that.
func (p *pulse) peek(look func(m *liveness.Machine, now time.Duration)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	look(p.machine, p.since())
}

// leave tells the fleet that this node is gone.
func (h *Hub) leave(ctx context.Context) {
	if h.node.Fleet == nil {
		return
	}
	var b session.Heartbeat
	h.node.pulse.peek(func(m *liveness.Machine, _ time.Duration) { b = m.Current() })
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	done, err := h.node.Fleet.Declare(ctx, b.Incarnation, b)
	if err == nil && done {
		_, err = h.node.Fleet.Offer(ctx, b.Incarnation)
	}
	if err != nil {
		h.node.Logger.Warn("node not taken off the fleet; the others find that it is gone", "err", err)
	}
}
