package hub

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"switchboard/session"
	"switchboard/session/buffer"
	"switchboard/session/configuration"
	"switchboard/session/realtime"
)

// open connects to the upstream for the first time, and configures it.
func (c *Controller) open(ctx context.Context, config json.RawMessage) error {
	l, err := c.up.medium.next(ctx, configuration.Opening{Config: config})
	if err != nil {
		return err
	}
	s := c.lock()
	defer s.unlock()
	c.state = stateOpen
	s.use(l)
	s.notice(Notice{Type: NoticeStarted})
	s.save()
	created := c.up.words.tells[meansReady]
	s.logEvent(created, realtime.Marshal(realtime.Object{"type": created, "event_id": session.NewID(realtime.OwnPrefix), "session": c.up.session}))
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

// use makes l the session's leg.
func (c *held) use(l *leg) {
	l.out = c.own().outbox(l.conn, c.node.UpstreamQueue, &c.node.stats.DroppedUp)
	defer c.lookNow() // it has a time of its own
	if err := c.up.moveTo(l); err != nil {
		c.lost(l, err)
	}
}

// outbox makes one for a connection.
func (c *Controller) outbox(conn session.Conn, limit int, dropped *atomic.Int64) buffer.Outbox {
	return buffer.Outbox{Conn: conn, Owner: (*writer)(c), Limit: limit, Stall: c.node.StallLimit, Dropped: dropped}
}

// writer is the controller as its outboxes know it.
type writer Controller

func (w *writer) Lock()            { w.mu.Lock() }
func (w *writer) Unlock()          { w.mu.Unlock() }
func (w *writer) Doubt() bool      { return !w.node.pulse.permitted() }
func (w *writer) Await() bool      { return (*Controller)(w).await() }
func (w *writer) Contain(f func()) { (*Controller)(w).contain(f) }
