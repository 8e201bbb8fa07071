package hub

import (
	"context"
	"time"
)

// controlPause is how long no client event but audio may have come before the upstream is
// changed: what was sent a moment ago may not have been taken note of yet.
const controlPause = 500 * time.Millisecond

// quiet reports whether nothing is under way that would suffer from a change of the upstream.
func (c *held) quiet(now time.Time) bool {
	at, ok := c.quietAt(now)
	return ok && !at.After(now)
}

// quietAt is from when the session is quiet if nothing happens until then; false if something has to
// happen first, of which stir tells those who wait.
func (c *held) quietAt(now time.Time) (time.Time, bool) {
	if c.turn.active != "" || c.turn.wanted || c.turn.speaking {
		return time.Time{}, false
	}
	at := later(now, c.controlled.Add(controlPause))
	at = later(at, c.turn.requested.Add(requestWait))
	at = later(at, c.up.said.awaited())
	return later(at, c.up.ledger.awaited(now)), true
}

// later is the later one of two times.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// stir has those look again who wait for a quiet moment, or for the next upstream. It is called
// wherever something ends that a change of the upstream would disturb, and after one.
func (c *held) stir() {
	if c.stirred != nil {
		close(c.stirred)
		c.stirred = nil
	}
	if c.up.dueAt(time.Now()) {
		c.lookNow()
	}
}

// stirs is closed by the next stir.
func (c *held) stirs() <-chan struct{} {
	if c.stirred == nil {
		c.stirred = make(chan struct{})
	}
	return c.stirred
}

// waitQuiet waits for a moment at which the session may move to another node; false if none came,
// or if it cannot move: its client could not come back.
func (c *Controller) waitQuiet(ctx context.Context) bool {
	for {
		wait, stirred, over := c.mayMove()
		if over || wait == 0 {
			return !over
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-c.life.Done():
		case <-stirred:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return false
		}
	}
}

// neverQuiet is how long to wait for a moment that only an event can bring, which stir tells of.
const neverQuiet = time.Hour

// mayMove returns how long it takes until the session may move if nothing happens, 0 for now, and
// what is closed when something does; or that it never can.
func (c *Controller) mayMove() (wait time.Duration, stirred <-chan struct{}, over bool) {
	s := c.lock()
	defer s.unlock()
	if c.state != stateOpen || c.spec.EndWithClient {
		return 0, nil, true
	}
	now := time.Now()
	at, ok := s.quietAt(now)
	if !ok || c.up.swapping || c.up.gone() {
		return neverQuiet, s.stirs(), false
	}
	return at.Sub(now), s.stirs(), false
}
