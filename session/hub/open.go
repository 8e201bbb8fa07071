package hub

import (
	"context"
	"sync/atomic"
	"time"

	"switchboard/session"
	"switchboard/session/buffer"
	"switchboard/session/configuration"
)

// open connects to the upstream for the first time.
func (c *Controller) open(ctx context.Context) error {
	l, err := c.connect(ctx, configuration.Opening{Config: c.spec.Config})
	if err != nil {
		return err
	}
	s := c.lock()
	defer s.unlock()
	c.state = stateOpen
	s.use(l)
	s.notice(Notice{Type: NoticeStarted})
	s.save()
	return nil
}

// abandon ends a session that was opened and may not run after all: left as it is, it
// would be claimed as one that had lost its node.
func (c *Controller) abandon(why error) {
	s := c.lock()
	defer s.unlock()
	c.state, c.status = stateClosed, session.StatusEnded
	c.reason, c.ended = why, time.Now()
	c.up.conn.Close(session.CloseNormal, "")
	s.noticeEnd()
	s.save()
}

// use makes l the session's leg. What waited for the one before, and the input
// audio that the upstream has not made an item of, goes to the new one.
func (c *held) use(l *leg) {
	l.out = c.own().outbox(l.conn, c.node.UpstreamQueue, &c.node.stats.DroppedUp)
	old := c.up
	c.up = l
	c.setRenewal(l)
	if old == nil {
		return
	}
	if err := l.out.TakeOver(c.retell(&old.out), &old.out); err != nil {
		c.lost(l, err)
	}
}

// outbox makes one for a connection. It calls Doubt while the lock is held.
func (c *Controller) outbox(conn session.Conn, limit int, dropped *atomic.Int64) buffer.Outbox {
	return buffer.Outbox{Conn: conn, Lock: &c.mu, Limit: limit, Stall: c.node.StallLimit, Doubt: (*held)(c).doubt, Guard: c.contain, Dropped: dropped}
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

// setRenewal decides when l is to be replaced.
func (c *held) setRenewal(l *leg) {
	c.renewAt, c.renewBy = time.Time{}, time.Time{}
	life := time.Until(l.expires)
	if l.expires.IsZero() || life <= 0 {
		return
	}
	c.renewAt = l.expires.Add(-life/renewWindow - jitter(life/renewJitter))
	c.renewBy = l.expires.Add(-min(life/renewForce, renewLast))
}
