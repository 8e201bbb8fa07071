package hub

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"switchboard/session"
)

// A follower may have feedEvents events waiting, of feedBytes together. One event may wait
// however large it is.
const (
	feedEvents = 1024
	feedBytes  = 4 << 20
)

// ErrFeedBehind ends a feed whose reader is too slow; it may follow again from the last
// event it saw, out of the store's log.
var ErrFeedBehind = errors.New("session: reader of the feed stayed behind")

// Feed follows the live events of one session, without audio. One goroutine reads it.
type Feed struct {
	c      *Controller
	events chan *session.LoggedEvent
	bytes  atomic.Int64 // of the events that wait
	once   sync.Once
	end    chan struct{}
	err    error // set before end is closed
}

// Subscribe starts to follow the session's log.
func (c *Controller) Subscribe() *Feed {
	f := &Feed{c: c, events: make(chan *session.LoggedEvent, feedEvents), end: make(chan struct{})}
	s := c.lock()
	defer s.unlock()
	if c.state >= stateClosing {
		f.stop(ErrEnded)
		return f
	}
	c.feeds = append(c.feeds, f)
	return f
}

// LastEvent is the ID of the newest event of the session's log; "0-0" if there is none.
func (c *Controller) LastEvent() string {
	s := c.lock()
	defer s.unlock()
	return c.logID.last()
}

// Next waits for the next event. ErrEnded: the session is over; ErrFeedBehind: too slow.
// Events that were offered before the end come first.
func (f *Feed) Next(ctx context.Context) (session.LoggedEvent, error) {
	select {
	case e := <-f.events:
		return f.taken(e), nil
	default:
	}
	select {
	case e := <-f.events:
		return f.taken(e), nil
	case <-f.end:
		select {
		case e := <-f.events:
			return f.taken(e), nil
		default:
			return session.LoggedEvent{}, f.err
		}
	case <-ctx.Done():
		return session.LoggedEvent{}, context.Cause(ctx)
	}
}

// Close stops following.
func (f *Feed) Close() {
	s := f.c.lock()
	defer s.unlock()
	f.c.feeds = slices.DeleteFunc(f.c.feeds, func(o *Feed) bool { return o == f })
	f.stop(context.Canceled)
}

// taken counts an event as one that waits no more.
func (f *Feed) taken(e *session.LoggedEvent) session.LoggedEvent {
	f.bytes.Add(-int64(len(e.Raw)))
	return *e
}

// offer reports false when the feed is over.
func (f *Feed) offer(e *session.LoggedEvent) bool {
	size := int64(len(e.Raw))
	if waiting := f.bytes.Add(size); waiting > feedBytes && waiting > size {
		f.stop(ErrFeedBehind)
		return false
	}
	select {
	case f.events <- e:
		return true
	default:
		f.stop(ErrFeedBehind)
		return false
	}
}

func (f *Feed) stop(why error) {
	f.once.Do(func() {
		f.err = why
		close(f.end)
	})
}

// logID makes the IDs of a session's log: milliseconds and a number within them, always
// greater than the one before.
type logID struct {
	ms int64
	n  int64
}

// last is the ID that was made last.
func (l *logID) last() string {
	return strconv.FormatInt(l.ms, 10) + "-" + strconv.FormatInt(l.n, 10)
}

// follow makes the next ID greater than one that another node made.
func (l *logID) follow(id string) {
	ms, n, _ := strings.Cut(id, "-")
	l.ms, l.n = logNumber(ms), logNumber(n)
}

// maxLogNumber leaves room below what a store takes, 15 digits.
const maxLogNumber = 1e14

// logNumber reads a part of an ID; 0 for what is none that could still grow.
func logNumber(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > maxLogNumber {
		return 0
	}
	return n
}

func (l *logID) next(now time.Time) string {
	if ms := now.UnixMilli(); ms > l.ms {
		l.ms, l.n = ms, 0
	} else {
		l.n++
	}
	return strconv.FormatInt(l.ms, 10) + "-" + strconv.FormatInt(l.n, 10)
}
