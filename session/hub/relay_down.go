package hub

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"switchboard/session"
	"switchboard/session/conversation"
	"switchboard/session/realtime"
)

// readUpstream starts the reader of the session's leg.
func (c *held) readUpstream() {
	l := c.up.leg
	c.own().start(func() { c.own().readUpstream(l) })
}

// errReplaced ends the reader of a leg that is not in use any more.
var errReplaced = errors.New("leg was replaced")

// readUpstream passes on what the upstream sends until it is gone.
func (c *Controller) readUpstream(l *leg) {
	var watch stopwatch
	l.conn.TakeTurns(c.passGate)
	err := l.conn.Each(func(f session.Frame, err error) error {
		watch.read()
		if !c.await() {
			return errReplaced
		}
		s := c.lock()
		defer s.unlock()
		if !c.up.present(l) {
			return errReplaced
		}
		when := timing(l.conn)
		if err == nil {
			err = s.fromUpstream(f, when)
		}
		if err != nil {
			c.node.stats.Garbage.Add(1)
		}
		if when == session.AtOnce {
			s.detach()
			watch.written(&c.node.stats.Relay)
		}
		return nil
	})
	c.lose(l, fmt.Errorf("read upstream: %w", err))
	l.out.Flusher.Wait()
}

// passGate waits for a turn while the upstream's answer to a broadcast is awaited.
func (c *Controller) passGate() (leave func()) {
	if g := c.gate.Load(); g != nil && g.enter(c.hungUp) {
		return g.leave
	}
	return func() {}
}

func (c *Controller) lose(l *leg, why error) {
	s := c.lock()
	defer s.unlock()
	s.lost(l, why)
}

// timing is when to write what conn has just read: events that came together leave together.
func timing(conn session.Conn) session.Timing {
	if conn.Buffered() {
		return session.WithNext
	}
	return session.AtOnce
}

// fromUpstream relays one event, byte for byte, and takes note of it. The error says why it is
// no event.
func (c *held) fromUpstream(f session.Frame, when session.Timing) error {
	payload := f.Payload()
	h, err := realtime.Peek(payload)
	if err != nil {
		return err
	}
	if h.Typ == nil {
		return realtime.ErrNoType
	}
	c.node.stats.EventsDown.Add(1)
	c.node.stats.BytesDown.Add(int64(len(payload)))
	e := event{h, c.up.words.meaning(h.Typ)}
	if e.means == meansError {
		payload = c.up.withoutSecrets(payload)
		if c.observeError(payload) {
			return nil
		}
	}
	if c.up.echoes(e, payload) {
		return nil
	}
	if e.means == meansAudio {
		c.pass(f, e, when)
		c.hearAudio(e)
		return nil
	}
	asked := c.settle(e, payload)
	if e.means == meansRetrieved && asked != nil && asked.own() {
		return nil // recall asked for it, no client
	}
	if e.means == meansConfigured {
		c.observe(e, payload, asked)
		f = frameOf(f, c.up.shown(payload))
		c.pass(f, e, when)
		c.logEvent(string(h.Typ), f.Payload())
		return nil
	}
	if c.unheard(e, payload) {
		c.observe(e, payload, asked)
		return nil
	}
	f = frameOf(f, c.whispers.public(realtime.PlainEvent(h.Typ, payload), c.publicItem))
	if e.means.lasts() {
		c.logEvent(string(h.Typ), payload)
		c.observe(e, payload, asked)
		c.withhold()
		c.pass(f, e, when)
		return nil
	}
	c.pass(f, e, when) // before anything that takes time
	c.logEvent(string(h.Typ), payload)
	c.observe(e, payload, asked)
	return nil
}

// frameOf is f, or another frame if the event has become another one.
func frameOf(f session.Frame, event []byte) session.Frame {
	if bytes.Equal(f.Payload(), event) {
		return f
	}
	return session.NewFrame(event)
}

// pass sends an event to all clients and keeps it for those who come back. In that order: what is
// kept and has not been sent would count as received.
func (c *held) pass(f session.Frame, e event, when session.Timing) {
	c.toClients(f, e, when)
	c.remember(f.Payload())
	if e.means.heard() {
		c.overheard(f.Payload(), e.means == meansAudio)
	}
}

// toClients relays one frame to all clients; one that is too slow is let go.
func (c *held) toClients(f session.Frame, e event, when session.Timing) {
	for _, cl := range c.clients {
		if cl.out.Bytes > cl.out.Limit/2 {
			c.release() // it is not the client that stays behind
		}
		var err error
		if e.means == meansAudio {
			err = cl.out.SendAudio(f, e.ResponseID, when)
		} else {
			err = cl.out.SendEvent(f, when)
		}
		if err != nil {
			c.drop(cl, err)
		}
	}
}

// detach writes out what connections keep back by reference. Frames lie in the memory of the
// connection that read them, so this comes before that reads over them or is let go.
func (c *held) detach() {
	if err := c.up.out.Settle(); err != nil {
		c.lost(c.up.leg, fmt.Errorf("write upstream: %w", err))
	}
	for _, cl := range c.clients {
		if err := cl.out.Settle(); err != nil {
			c.drop(cl, err)
		}
	}
}

// hearAudio counts the audio of an item.
func (c *held) hearAudio(e event) {
	s := c.conv.Live[string(e.ItemID)]
	if s == nil {
		s = c.speaking(e.Head)
	}
	s.Hear(e.Delta)
	c.turn.produced = true
	if !c.turn.awaited.IsZero() {
		c.hearFirst(e, s)
	}
}

// speaking follows the item of an event, in the audio format of its response.
func (c *held) speaking(h realtime.Head) *conversation.Spoken {
	rate := cmp.Or(c.turn.rates[string(h.ResponseID)], c.up.rate)
	return c.conv.Speaking(string(h.ItemID), string(h.ResponseID), rate)
}

// logEvent gives an event to the log and to those who follow it live, without its images; but
// not one that carries a user's audio: none goes into the store.
func (c *held) logEvent(typ string, payload []byte) {
	if typ == c.up.words.tells[meansRetrieved] {
		return
	}
	e := &session.LoggedEvent{ID: c.logID.next(time.Now()), Type: typ, Raw: conversation.WithoutImages(payload)}
	c.node.journal.Add(session.Change{ID: c.id, Epoch: c.lease.Epoch, Event: e, Draft: draftOf(typ, payload), Settled: settledBy(typ, payload)})
	c.feeds = slices.DeleteFunc(c.feeds, func(f *Feed) bool { return !f.offer(e) })
}
