package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"switchboard/session"
	"switchboard/session/configuration"
)

// relayed is the medium of sessions whose audio passes through the gateway. Each leg is an API
// session of its own, which is told what was said before.
type relayed struct{ c *Controller }

// next dials the upstream and has it be ready.
func (r relayed) next(ctx context.Context, o configuration.Opening) (*leg, error) {
	c := r.c
	ctx, cancel := context.WithTimeout(ctx, c.node.OpenTimeout)
	defer cancel()
	conn, err := c.node.Dialer.Dial(ctx, session.DialRequest{Model: c.spec.Model, Intent: c.spec.Intent, SafetyID: c.spec.SafetyID})
	if err != nil {
		return nil, fmt.Errorf("dial upstream: %w", err)
	}
	l := &leg{conn: conn, words: c.up.words, opened: time.Now()}
	if err := l.within(ctx, func() error { return c.up.speaks.begin(l, o) }); err != nil {
		return nil, err
	}
	c.noteDropped(l)
	return l, nil
}

// Times at which a leg is replaced, as parts of its life: late enough that few sessions
// live to see it, early enough to wait for a quiet moment; spread, so that sessions that
// began together do not renew together.
const (
	renewWindow = 6  // the last sixth
	renewJitter = 12 // begins up to a twelfth earlier
	renewForce  = 20 // no later than a twentieth before the end, at most renewLast
	renewLast   = 30 * time.Second
)

// renewal is never for a leg that does not say when it expires.
func (relayed) renewal(expires time.Time) (at, by time.Time) {
	life := time.Until(expires)
	if expires.IsZero() || life <= 0 {
		return time.Time{}, time.Time{}
	}
	return expires.Add(-life/renewWindow - jitter(life/renewJitter)), expires.Add(-min(life/renewForce, renewLast))
}

// over reports that the next upstream would refuse, too: the account, or what the session is.
func (relayed) over(why error) bool {
	var refused *session.UpstreamError
	if errors.As(why, &refused) {
		return refused.Class() == session.Account || refused.Class() == session.Session && refused.Code != codeExpired
	}
	var closed *session.CloseError
	if errors.As(why, &closed) {
		return closed.Code == 1008 || closed.Code >= 3000 || closed.Code == session.CloseNormal
	}
	return false
}

// lost ends the active response, which is lost with its upstream, and has the next one be sent what
// this one had not done.
func (relayed) lost(c *held) {
	c.failResponse()
	if c.up.resend() {
		c.turn.wanted = false // it is asked for as it was
	}
	c.turn.speaking, c.turn.requested = false, time.Time{}
}
