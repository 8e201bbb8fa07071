package hub

import (
	"fmt"
	"time"

	"switchboard/session"
	"switchboard/session/realtime"
)

// askForResponse asks for a response that nobody waits for.
func (c *held) askForResponse() {
	c.turn.requested = time.Now()
	c.tellUp(asksResponse, realtime.Object{})
}

// tellUp sends the upstream an event whose answer nobody waits for.
func (c *held) tellUp(a ask, event realtime.Object) {
	event["type"], event["event_id"] = c.up.words.event[a], session.NewID(realtime.OwnPrefix)
	f := session.NewFrame(realtime.Marshal(event))
	if c.up.room(f) == nil { // one that takes nothing will be lost
		c.sendUp(f)
	}
}

// sendUp sends the upstream an event of the gateway's own, or has it wait for the next one.
func (c *held) sendUp(f session.Frame) { c.relayUp(f, asksNothing, session.AtOnce) }

// relayUp sends the upstream an event, or has it wait for the next one.
func (c *held) relayUp(f session.Frame, a ask, when session.Timing) {
	var err error
	if a == asksToHear {
		err = c.up.out.SendAudio(f, nil, when)
	} else {
		err = c.up.out.SendEvent(f, when)
	}
	if err != nil {
		c.lost(c.up.leg, fmt.Errorf("write upstream: %w", err))
	}
}

// largeEvent is from how many bytes on a client's event waits until the upstream takes it, so that
// no more than one such event of a client has to be held here.
const largeEvent = 256 << 10

// awaitUpstream waits until the upstream takes what it is sent, at most as long as a session may be
// without one. Only the client that sends is not read meanwhile: back-pressure.
func (c *Controller) awaitUpstream() {
	late := time.NewTimer(recoverWait)
	defer late.Stop()
	for {
		flushed, stirred, waits := c.upstreamWaits()
		if !waits {
			return
		}
		select {
		case <-flushed:
		case <-stirred:
		case <-late.C:
			return
		case <-c.life.Done():
			return
		}
	}
}

// upstreamWaits reports whether what is sent now would wait, and what is closed when that may have
// changed: flushed by the present upstream, stirred when another has taken its place.
func (c *Controller) upstreamWaits() (flushed, stirred <-chan struct{}, waits bool) {
	s := c.lock()
	defer s.unlock()
	return c.up.out.Flushed(), s.stirs(), c.up.out.Waits() && s.refuses() == nil
}
