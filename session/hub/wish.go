package hub

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"switchboard/session"
	"switchboard/session/configuration"
	"switchboard/session/realtime"
)

// Why an upstream was replaced that could have gone on.
const (
	reasonRequested = "requested" // an operator asked for it
	reasonFailing   = "failing"   // its responses failed, one after the other
)

// wishPatience is how long a renewal that somebody asked for waits for a quiet moment. Then the
// present response is given up: it may be what is stuck.
const wishPatience = 5 * time.Second

// renewWait bounds how long Renew waits for the upstream that it asked for.
const renewWait = 20 * time.Second

// Times between renewals of a session whose responses fail on every upstream.
const (
	failingPause    = time.Minute // doubled each time
	failingPauseMax = 32 * time.Minute
)

// Renewal is what became of one that was asked for.
type Renewal struct {
	Pending bool     // it is not done yet, and goes on
	Reason  string   // why the upstream was replaced
	Items   int      // of the conversation
	Dropped []string // fields of the configuration that the new upstream refused
}

// wish is a renewal that somebody asked for; guarded by the controller's lock.
type wish struct {
	why     string // "" for none
	waiting []chan renewed
	spare   *leg // ready but for the conversation, for recover to go on with

	failed int       // responses in a row
	after  time.Time // before that none is asked for because of those
	pause  time.Duration
}

type renewed struct {
	Renewal
	err error
}

// Renew replaces the session's upstream at the next quiet moment, or within seconds at any, and
// returns when the new one is in use. A renewal that takes long is pending, and goes on. What
// kept the new upstream from being made is returned; the session then goes on with the present one.
func (c *Controller) Renew(ctx context.Context) (Renewal, error) {
	done := make(chan renewed, 1)
	if err := c.wishFor(done); err != nil {
		return Renewal{}, err
	}
	defer c.leave(done)
	late := time.NewTimer(renewWait)
	defer late.Stop()
	select {
	case r := <-done:
		return r.Renewal, r.err
	case <-late.C:
		return Renewal{Pending: true, Reason: reasonRequested}, nil
	case <-ctx.Done():
		return Renewal{}, context.Cause(ctx)
	}
}

func (c *Controller) wishFor(done chan renewed) error {
	s := c.lock()
	defer s.unlock()
	if err := s.refuses(); err != nil {
		return err
	}
	c.up.wish.waiting = append(c.up.wish.waiting, done)
	s.renewSoon(reasonRequested)
	return nil
}

// renewSoon has the upstream replaced soon. One that is lost is being replaced anyway.
func (c *held) renewSoon(why string) {
	if c.up.gone() || c.up.wish.why != "" {
		return
	}
	now := time.Now()
	c.up.wish.why = why
	c.up.renewAt, c.up.renewBy = now, now.Add(wishPatience)
	c.lookNow()
}

// force replaces the upstream although the moment is not quiet. That another can be had is made
// sure first; it is told the conversation once the present one is let go.
func (c *Controller) force() {
	old := c.present()
	ctx, cancel := context.WithTimeoutCause(c.life, recallTime, session.ErrTimeout)
	c.recall(ctx, old, recallLimit)
	cancel()
	l, err := c.up.medium.next(c.life, configuration.Opening{Config: c.config(), Again: true})
	s := c.lock()
	defer s.unlock()
	defer s.swapped()
	switch {
	case err != nil:
		s.failRenewal(err)
	case s.unable() != nil || !c.up.present(old):
		l.conn.Close(session.CloseNormal, "")
	default:
		c.up.wish.spare = l
		s.lost(old, errExpiring)
	}
}

// config is what the next upstream is to be configured with.
func (c *Controller) config() json.RawMessage {
	s := c.lock()
	defer s.unlock()
	config, _ := s.replay()
	return config
}

// settle tells those who wait.
func (w *wish) settle(r Renewal, err error) {
	for _, done := range w.waiting {
		done <- renewed{r, err}
	}
	w.waiting, w.why = nil, ""
}

// failRenewal gives a renewal up: the present upstream goes on until its time has come.
func (c *held) failRenewal(err error) {
	c.node.count(err)
	if over := c.unable(); over != nil {
		err = over
	}
	c.traceReplaced(c.up.wish.why, err)
	if c.up.wish.why != "" {
		c.up.wish.settle(Renewal{}, err)
		c.up.setRenewal()
	}
}

// leave stops waiting for a renewal.
func (c *Controller) leave(done chan renewed) {
	s := c.lock()
	defer s.unlock()
	c.up.wish.waiting = slices.DeleteFunc(c.up.wish.waiting, func(o chan renewed) bool { return o == done })
}

// noteOutcome has the upstream replaced after several responses in a row that failed through no
// fault of theirs. That does not help where the model is broken: it is tried less and less often.
func (c *held) noteOutcome(r realtime.Response) {
	w, now := &c.up.wish, time.Now()
	switch {
	case r.ServerFailed():
		w.failed++
	case r.Status == "completed":
		if w.failed = 0; now.After(w.after) {
			w.pause = 0
		}
	}
	if limit := c.node.RenewAfter; limit < 0 || w.failed < limit || now.Before(w.after) {
		return
	}
	w.failed = 0
	w.pause = min(max(2*w.pause, failingPause), failingPauseMax)
	w.after = now.Add(w.pause)
	c.renewSoon(reasonFailing)
}

// raise puts into a channel that holds one that there is something to do; it never waits.
func raise(flag chan struct{}) {
	select {
	case flag <- struct{}{}:
	default:
	}
}
