package hub

import (
	"context"
	"time"
)

// keptWait bounds how long those who wait for something to be kept wait for the store. It
// is told anyway then: a slow store may not keep a conversation from going on.
const keptWait = 500 * time.Millisecond

// withholding is what clients are not told yet; guarded by the controller's lock.
type withholding struct {
	last  int64       // number of the last event that was to be kept first
	limit *time.Timer // releases all; nil: nothing is withheld
}

// withhold has clients wait with all that they are sent from now on, until what has
// changed so far is in the store.
func (c *held) withhold() {
	w := &c.withheld
	mine := w.last + 1
	written := func() {
		c.own().contain(func() { c.own().releaseWritten(mine) })
	}
	if len(c.clients) == 0 || !c.node.journal.AfterWrite(written) {
		return
	}
	w.last = mine
	if w.limit != nil {
		return
	}
	for _, cl := range c.clients {
		cl.out.Hold()
	}
	w.limit = time.AfterFunc(keptWait, func() { c.own().contain(c.own().release) })
}

// releaseWritten tells clients what was withheld, if nothing was behind the n-th time.
func (c *Controller) releaseWritten(n int64) {
	s := c.lock()
	defer s.unlock()
	if c.withheld.last == n {
		s.release()
	}
}

func (c *Controller) release() {
	s := c.lock()
	defer s.unlock()
	s.release()
}

// release tells clients what was withheld.
func (c *held) release() {
	if c.withheld.limit == nil {
		return
	}
	c.withheld.limit.Stop()
	c.withheld.limit = nil
	for _, cl := range c.clients {
		cl.out.Release()
	}
}

// kept waits until what was done for a caller is in the store. The caller was woken under the lock, by
// the event that answers it, and what that event changes is given to the journal before it is let go.
func (c *Controller) kept(ctx context.Context) {
	c.lock().unlock()
	ctx, cancel := context.WithTimeout(ctx, keptWait)
	defer cancel()
	_ = c.node.journal.Flush(ctx) // done it is, also while the store is away
}
