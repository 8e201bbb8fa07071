package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"switchboard/session"
	"switchboard/session/configuration"
	"switchboard/session/realtime"
)

// Events of the gateway's own; a client may ignore them.
const (
	typeRenewed = "switchboard.session.renewed" // another upstream took the place of the one before
	typeReset   = "switchboard.session.reset"   // what was missed is not kept: this is the present state
	typeItems   = "switchboard.session.items"   // more of it
	typeDropped = "switchboard.session.dropped" // the oldest of the conversation was let go to stay within its limits
)

// Why an upstream was replaced.
const (
	reasonExpiring = "expiring"
	reasonLost     = "upstream_lost"
	reasonMoved    = "moved" // another node runs the session now
)

// ErrUpstreamLost answers commands that the upstream had not acknowledged when it was lost.
var ErrUpstreamLost = errors.New("session: upstream was lost; the session goes on with another")

var errExpiring = errors.New("upstream is about to expire")

// jitter is a random part of d.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d)
}

// checkRenewal starts a renewal when it is time and the moment is quiet, forces it when
// time has run out, and returns when to look again. Until then stir tells of such a moment.
func (c *held) checkRenewal(now time.Time) time.Duration {
	switch {
	case c.state != stateOpen, c.up.gone(), c.up.renewAt.IsZero():
		return c.node.ResumeWindow
	case !c.up.dueAt(now):
		return c.up.renewAt.Sub(now)
	case !now.Before(c.up.renewBy) && c.up.wish.why == "":
		c.lost(c.up.leg, errExpiring)
		return c.node.ResumeWindow
	case c.up.swapping:
		return max(c.up.renewBy.Sub(now), 0)
	case !now.Before(c.up.renewBy):
		return c.swapBy((*Controller).force)
	case c.up.toRecall(c.up.leg, recallLimit, c.conv.Items) != "":
		return c.swapBy((*Controller).renew)
	}
	at, ok := c.quietAt(now)
	switch {
	case !ok:
		return c.up.renewBy.Sub(now)
	case at.After(now):
		return min(at.Sub(now), c.up.renewBy.Sub(now))
	}
	return c.swapBy((*Controller).renew)
}

// swapBy starts to make another leg ready, which ends with swapped.
func (c *held) swapBy(how func(*Controller)) time.Duration {
	c.up.swapping = true
	c.traceReplacing()
	c.own().start(func() { how(c.own()) })
	return c.node.ResumeWindow
}

// swapped notes that no other leg is being made ready any more.
func (c *held) swapped() {
	c.up.swapping = false
	c.stir()
}

// renew makes another leg ready while the present one goes on, and moves over if the
// moment is still quiet and nothing was said meanwhile; else it will be tried again. What has to be
// recalled does not wait for such a moment: there may be none.
func (c *Controller) renew() {
	old := c.present()
	c.recall(c.life, old, recallLimit)
	version, config, items, ok := c.beginSwap(old)
	if !ok {
		return
	}
	l, err := c.up.medium.next(c.life, configuration.Opening{Config: config, Items: items, Again: true})
	c.endSwap(old, l, version, err)
}

// present is the session's leg.
func (c *Controller) present() *leg {
	s := c.lock()
	defer s.unlock()
	return c.up.leg
}

// beginSwap returns what another leg is to be told, and of which version of the conversation
// that is; false if this is not the moment.
func (c *Controller) beginSwap(old *leg) (version int64, config json.RawMessage, items []realtime.Object, ok bool) {
	s := c.lock()
	defer s.unlock()
	if !c.up.present(old) || !s.quiet(time.Now()) {
		s.swapped()
		return 0, nil, nil, false
	}
	config, items = s.replay()
	return c.conv.Version, config, items, true
}

// endSwap moves the session over to l, if it was made and the moment is still quiet.
func (c *Controller) endSwap(old, l *leg, version int64, err error) {
	s := c.lock()
	defer s.unlock()
	defer s.swapped()
	if err != nil {
		c.up.renewAt = time.Now().Add(jitter(time.Until(c.up.renewBy) / 2))
		s.failRenewal(err)
		return
	}
	if s.refuses() != nil || !c.up.present(old) || c.conv.Version != version || !s.quiet(time.Now()) {
		l.conn.Close(session.CloseNormal, "")
		return
	}
	s.swap(l, cmp.Or(c.up.wish.why, reasonExpiring))
}

// swap moves the session over to l and tells the clients.
func (c *held) swap(l *leg, reason string) {
	old := c.up.leg
	c.use(l)
	defer c.stir()
	c.markTold()
	c.up.recalled = recalled{}
	c.readUpstream()
	if old.conn != nil {
		c.detach()
		old.conn.Close(session.CloseNormal, "")
	}
	c.traceReplaced(reason, nil)
	c.node.stats.Renewals.Add(1)
	c.node.stats.Gap.Observe(old.gap())
	renewed := realtime.Object{"type": typeRenewed, "reason": reason, "session": c.up.session}
	if len(l.dropped) > 0 {
		renewed["dropped"] = l.dropped
	}
	c.emit(renewed)
	if c.overlay.Based && c.up.says() != c.overlay.text() {
		c.sendOverlay(nil) // it came while the leg was made ready
	}
	c.save()
	c.up.wish.settle(Renewal{Reason: reason, Items: len(c.conv.Items), Dropped: l.dropped}, nil)
}

// emit sends an event of the gateway's own to all clients.
func (c *held) emit(told realtime.Object) {
	told["event_id"] = session.NewID("event_")
	typ, raw := told["type"].(string), realtime.Marshal(told)
	c.logEvent(typ, raw)
	c.pass(session.NewFrame(realtime.PlainEvent([]byte(typ), raw)), event{}, session.AtOnce)
}

// lost ends the use of a leg that failed and starts to make another, unless the
// reason says that none would do better.
func (c *held) lost(l *leg, why error) {
	if c.state != stateOpen || !c.up.present(l) {
		return
	}
	c.up.lose() // first: what detach finds broken is this leg no longer
	c.detach()
	if c.up.fail(why) {
		c.end(why)
		return
	}
	c.traceReplacing()
	c.up.medium.lost(c)
	c.save()
	c.own().start(c.own().recover)
}

// failResponse tells the clients that the active response ends here. One of which
// nothing was heard yet is asked for again.
func (c *held) failResponse() {
	id := c.turn.active
	c.turn.wanted = c.turn.owed(time.Now())
	if id == "" {
		return
	}
	c.traceDone(realtime.Response{ID: id, Status: "failed", Failure: &session.UpstreamError{Code: reasonLost}})
	c.turn.active, c.turn.answered = "", false
	c.finishItems(id)
	c.cutItems()
	c.emit(realtime.Object{"type": c.up.words.tells[meansDone], "response": realtime.Object{
		"id": id, "object": "realtime.response", "status": "failed", "output": []realtime.Object{},
		"status_details": realtime.Object{"type": "failed", "error": realtime.Object{"type": "server_error", "code": "upstream_lost"}},
		"usage":          nil, "metadata": nil,
	}})
}

// cutItems marks what the lost upstream did not finish.
func (c *held) cutItems() {
	for _, it := range c.conv.Items {
		if it.Status == "in_progress" {
			it.Status = "incomplete"
			c.saveItem(it, nil)
		}
	}
}

// recover makes another leg in the place of one that was lost, with back-off.
func (c *Controller) recover() {
	began := time.Now()
	for attempt := c.firstAttempt(); attempt == 0 || c.backOff(attempt-1); attempt++ {
		if !c.await() {
			return
		}
		l, err := c.nextLeg()
		if err == nil {
			c.await()
			c.recovered(l)
			return
		}
		c.node.count(err)
		if c.up.medium.over(err) || time.Since(began) > recoverWait {
			c.end(fmt.Errorf("recover upstream: %w", err))
			return
		}
	}
}

// firstAttempt is greater the more legs in a row were lost soon.
func (c *Controller) firstAttempt() int {
	s := c.lock()
	defer s.unlock()
	return max(c.up.flaps-1, 0)
}

// nextLeg makes the leg that takes the place of one that was lost, or goes on with the spare one.
func (c *Controller) nextLeg() (*leg, error) {
	config, items, spare := c.replay()
	if spare == nil {
		return c.up.medium.next(c.life, configuration.Opening{Config: config, Items: items, Again: true})
	}
	ctx, cancel := context.WithTimeout(c.life, c.node.OpenTimeout)
	defer cancel()
	return spare, spare.within(ctx, func() error { return c.up.speaks.tell(spare, items) })
}

func (c *Controller) replay() (config json.RawMessage, items []realtime.Object, spare *leg) {
	s := c.lock()
	defer s.unlock()
	config, items = s.replay()
	spare, c.up.wish.spare = c.up.wish.spare, nil
	return config, items, spare
}

// backOff waits behind an attempt that failed; false when the session is over.
func (c *Controller) backOff(attempt int) bool {
	pause := min(100*time.Millisecond<<min(attempt, 6), 5*time.Second)
	select {
	case <-c.life.Done():
		return false
	case <-time.After(pause/2 + jitter(pause/2)):
		return true
	}
}

func (c *Controller) recovered(l *leg) {
	s := c.lock()
	defer s.unlock()
	if s.unable() != nil || !c.up.gone() {
		l.conn.Close(session.CloseNormal, "")
		return
	}
	reason := reasonLost
	switch c.up.state {
	case legAwaited:
		reason = reasonMoved
	case legSpent:
		reason = cmp.Or(c.up.wish.why, reasonExpiring)
	}
	s.swap(l, reason)
	if c.turn.wanted {
		c.turn.wanted = false
		s.askForResponse()
	}
}
