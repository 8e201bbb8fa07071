package hub

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
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
	c *Controller
	*follower[*session.LoggedEvent]
}

// Subscribe starts to follow the session's log.
func (c *Controller) Subscribe() *Feed {
	f := &Feed{c, newFollower(feedEvents, feedBytes, func(e *session.LoggedEvent) int64 { return int64(len(e.Raw)) })}
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
	e, err := f.next(ctx)
	if err != nil {
		return session.LoggedEvent{}, err
	}
	return *e, nil
}

// Close stops following.
func (f *Feed) Close() {
	s := f.c.lock()
	defer s.unlock()
	f.c.feeds = slices.DeleteFunc(f.c.feeds, func(o *Feed) bool { return o == f })
	f.stop(context.Canceled)
}

// offer reports false when the feed is over.
func (f *Feed) offer(e *session.LoggedEvent) bool {
	if !f.room(e, 0) {
		f.stop(ErrFeedBehind)
		return false
	}
	f.put(e)
	return true
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
