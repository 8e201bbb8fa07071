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
