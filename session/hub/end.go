package hub

import (
	"errors"
	"slices"

	"switchboard/session"
	"switchboard/session/contain"
)

// contain runs what handles the bytes of this session: a panic in it ends the session, and
// nothing else. What f locks it has to unlock by defer.
func (c *Controller) contain(f func()) {
	if contain.Do(c.node.Logger, "session", f, "session", c.id) != nil {
		c.crash()
	}
}

// start is contain in a goroutine that the session's end waits for.
func (c *Controller) start(f func()) {
	c.readers.Go(func() { c.contain(f) })
}

// crash ends the session here and for good: the next node would only crash it again.
func (c *Controller) crash() {
	s := c.lock()
	defer s.unlock()
	c.frozen = false
	s.end(errCrashed)
}

// errCrashed ends a session that a panic has left in an unknown state.
var errCrashed = errors.New("internal error")

// close lets go of both sides; only run calls it. Whatever a panic has left, all connections
// are closed: their readers are waited for.
func (c *Controller) close() {
	c.contain(c.sayLast)
	code, text, clients, up := c.connections()
	for _, cl := range clients {
		cl.conn.Close(code, text)
	}
	if up != nil {
		up.Close(session.CloseNormal, "")
	}
	close(c.hungUp)
}

// sayLast settles what waits for the session, and tells its clients why it ends.
func (c *Controller) sayLast() {
	s := c.lock()
	defer s.unlock()
	c.up.ledger.end(s.afterEnd())
	c.up.wish.settle(Renewal{}, s.afterEnd())
	s.release()
	if e := farewell(c.reason); e != nil {
		s.emit(e)
	}
}

func (c *held) closeFeeds() {
	for _, f := range c.feeds {
		f.stop(ErrEnded)
	}
	c.feeds = nil
}

func (c *Controller) connections() (code int, text string, clients []*client, up session.Conn) {
	s := c.lock()
	defer s.unlock()
	code, text = closeCode(c.reason)
	return code, text, slices.Clone(c.clients), c.up.conn
}

// finish records the end, with all readers gone.
func (c *Controller) finish() {
	s := c.lock()
	defer s.unlock()
	defer s.closeListeners()
	defer s.closeFeeds() // who sees the log end may look at the record
	c.state = stateClosed
	if !s.elsewhere() {
		c.status = session.StatusEnded
		s.logEnd()
		s.noticeEnd()
		s.traceEnd()
		s.save()
	}
	c.history.Clear()
	c.up.close()
}
