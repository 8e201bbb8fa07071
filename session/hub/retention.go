package hub

import (
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"switchboard/session/realtime"
)

// What a client has of the history it does not need when it reconnects. It says so itself
// (switchboard.ack), or else its kernel does: what that has acknowledged the client has some
// seconds later.

// keptAnyway is how many bytes of history a session keeps that its clients have received but not
// acknowledged: quiet sessions then keep all of the last minute.
const keptAnyway = 32 << 10

// trimEvery is how often a session that is sent events looks what of its history is still needed.
const trimEvery = 500 * time.Millisecond

// interruptedGrace is ResumeGrace for what was sent until a response was interrupted: nobody plays
// the rest of it.
const interruptedGrace = time.Second

// maxDeparted bounds how many clients that left are told apart.
const maxDeparted = 16

// departed is a client that has left, and may come back for what follows the n-th event.
type departed struct {
	n     int64
	token string
	at    time.Time
}

// retention is for whom the history is kept; guarded by the controller's lock.
type retention struct {
	departed []departed // oldest first
	trimmed  time.Time
	next     time.Time // when the session's timer looks again
}

// remember keeps an event for clients that reconnect. A session that ends with its client has none
// once that is there: what it was sent before is kept for it until then.
func (c *held) remember(payload []byte) {
	if c.spec.EndWithClient && c.joined {
		c.history.Skip()
		return
	}
	now := time.Now()
	if soon := c.node.ResumeGrace + trimEvery; c.history.Bytes == 0 && c.retention.next.Sub(now) > soon {
		c.retention.next = now.Add(soon)
		c.lookIn(soon)
	}
	c.history.Add(payload, now)
	if now.Sub(c.retention.trimmed) >= trimEvery {
		c.trim(now, c.node.ResumeGrace)
	}
}

// trim releases what of the history no client needs any more: each has said that it has it, or has
// received it at least grace ago. Before the first client all is kept for that.
func (c *held) trim(now time.Time, grace time.Duration) {
	c.retention.trimmed = now
	if c.joined {
		c.history.Release(c.needed(now, grace))
	}
}

// needed is the number of the event behind which a client may have to be sent the history.
func (c *held) needed(now time.Time, grace time.Duration) int64 {
	n, pending := c.history.Seq, -1
	for _, cl := range c.clients {
		if cl.acks {
			n = min(n, cl.acked)
		} else {
			pending = max(pending, cl.out.Pending())
		}
	}
	if pending >= 0 {
		c.history.Received(int64(pending), now)
		n = min(n, c.history.Settled(now.Add(-grace), keptAnyway))
	}
	r := &c.retention
	r.departed = slices.DeleteFunc(r.departed, func(d departed) bool { return now.Sub(d.at) > c.node.ResumeWindow })
	for _, d := range r.departed {
		n = min(n, d.n)
	}
	return n
}

// forget trims the history of a session that may not be sent anything any more, and returns when
// to do that again.
func (c *held) forget(now time.Time) time.Duration {
	c.history.Forget(now)
	c.trim(now, c.node.ResumeGrace)
	if c.history.Bytes == 0 || !c.joined {
		return c.node.ResumeWindow
	}
	return min(c.node.ResumeWindow, c.node.ResumeGrace+trimEvery)
}

// depart keeps what a client that has left may come back for.
func (c *held) depart(n int64, token string) {
	r := &c.retention
	n = max(n, c.history.First())
	if last := len(r.departed) - 1; len(r.departed) >= maxDeparted {
		r.departed[last].n, r.departed[last].at = min(r.departed[last].n, n), time.Now()
		return
	}
	r.departed = append(r.departed, departed{n, token, time.Now()})
}

// returns takes off the one of the departed that has come back behind the n-th event. Of several
// with its token that is in doubt the one that had got furthest: what it needs the others cover.
func (c *held) returns(n int64, token string) {
	r, best := &c.retention, -1
	for i, d := range r.departed {
		if d.token == token && d.n <= n && (best < 0 || d.n >= r.departed[best].n) {
			best = i
		}
	}
	if best >= 0 {
		r.departed = slices.Delete(r.departed, best, best+1)
	}
}

// position is the number of the event up to which a client is known to have all.
func (cl *client) position() int64 {
	if cl.acks {
		return cl.acked
	}
	return 0
}

// maxAck is how large an acknowledgement may be that counts against no limit.
const maxAck = 512

// acksPerSecond is how many acknowledgements count against no limit; others do as any event does.
const acksPerSecond = 4

// isAck reports whether a message acknowledges what the client has received, in few bytes.
func isAck(event []byte) bool {
	if len(event) > maxAck {
		return false
	}
	h, err := realtime.Peek(event)
	return err == nil && string(h.Typ) == realtime.TypAck
}

// acknowledge notes what a client says it has. An event that is not known is one that nobody needs
// any more.
func (cl *client) acknowledge(h realtime.Head, event []byte) *realtime.Refusal {
	last := gjson.GetBytes(event, "last_event_id")
	switch {
	case !last.Exists():
		return &realtime.Refusal{Code: "missing_required_parameter", Message: "Missing required parameter: 'last_event_id'.", Param: "last_event_id", EventID: h.EventID}
	case last.Type != gjson.String || last.Str == "":
		return &realtime.Refusal{Code: "invalid_value", Message: "Invalid 'last_event_id': expected the event_id of the last event that you received.", Param: "last_event_id", EventID: h.EventID}
	}
	s := cl.c.lock()
	defer s.unlock()
	if n, ok := s.history.After(last.Str); ok && n >= cl.acked {
		cl.acks, cl.acked = true, n
		s.trim(time.Now(), s.node.ResumeGrace)
	}
	return nil
}
