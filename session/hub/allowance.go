package hub

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"switchboard/session"
	"switchboard/session/realtime"
)

// allowance is what all clients of one token may send to a session, over however many
// sockets and reconnects.
type allowance struct {
	mu sync.Mutex
	// Guarded by mu.
	events   bucket
	bytes    bucket
	acks     bucket
	answered time.Time // when a message was last refused unseen

	// Guarded by the controller's lock.
	clients int
	left    time.Time // when the last of them left
}

func newAllowance(p session.Policy, now time.Time) *allowance {
	return &allowance{events: newBucket(p.EventsPerSecond, now), bytes: newBucket(p.BytesPerSecond, now), acks: newBucket(acksPerSecond, now)}
}

// Room says why a client cannot join: a *LimitError where too many have already.
func (c *Controller) Room(a Attachment) error {
	s := c.lock()
	defer s.unlock()
	_, err := s.allow(a)
	return err
}

// allow finds the allowance of a client that is about to join. One that nobody uses is
// forgotten once it is full again.
func (c *held) allow(a Attachment) (*allowance, error) {
	now := time.Now()
	maps.DeleteFunc(c.allowances, func(_ string, o *allowance) bool {
		return o.clients == 0 && now.Sub(o.left) > bucketBurst*time.Second
	})
	o := c.allowances[a.Token]
	switch {
	case len(c.clients) >= c.node.SessionClients:
		return nil, &session.LimitError{Limit: "session_clients", Max: int64(c.node.SessionClients)}
	case a.Token == "":
		return newAllowance(a.Policy, now), nil
	case o == nil:
		o = newAllowance(a.Policy, now)
	case o.clients >= c.node.TokenClients:
		return nil, &session.LimitError{Limit: "token_clients", Max: int64(c.node.TokenClients)}
	}
	return o, nil
}

// share counts a client that joins.
func (c *held) share(token string, o *allowance) {
	o.clients++
	if token == "" {
		return
	}
	if c.allowances == nil {
		c.allowances = make(map[string]*allowance, 1)
	}
	c.allowances[token] = o
}

// admit says why a message is not even looked at: it is too large, or comes too soon.
// The latter is said once a second, so that a flood is not answered with another.
func (o *allowance) admit(p *session.Policy, size int) *realtime.Refusal {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	var no *realtime.Refusal
	switch {
	case !o.events.take(1, now):
		no = &realtime.Refusal{Code: "rate_limit_exceeded", Message: fmt.Sprintf("More than events_per_second = %d events a second.", p.EventsPerSecond), Param: "events_per_second"}
	case p.EventBytes > 0 && size > p.EventBytes: // costs its sender more than the answer costs us
		return tooLarge(p)
	case !o.bytes.take(size, now):
		no = &realtime.Refusal{Code: "rate_limit_exceeded", Message: fmt.Sprintf("More than bytes_per_second = %d bytes a second.", p.BytesPerSecond), Param: "bytes_per_second"}
	default:
		return nil
	}
	if no.Silent = now.Sub(o.answered) < time.Second; !no.Silent {
		o.answered = now
	}
	return no
}

// admitAck reports whether an acknowledgement is one of those that count against no limit.
func (o *allowance) admitAck() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.acks.take(1, time.Now())
}

// tooLarge refuses an event that is over the policy's limit, mostly without having read it.
func tooLarge(p *session.Policy) *realtime.Refusal {
	return &realtime.Refusal{Code: "event_too_large", Message: fmt.Sprintf("The event is larger than policy %q allows: event_bytes = %d.", p.Name, p.EventBytes), Param: "event_bytes"}
}
