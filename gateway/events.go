package gateway

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"switchboard/gateway/problem"
	"switchboard/gateway/role"
	"switchboard/gateway/sse"
	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/realtime"
)

const (
	streamRetry = 2 * time.Second // until a client reconnects
	replayPage  = 200             // events per read of the store
)

var eventID = regexp.MustCompile(`^[0-9]{1,19}(-[0-9]{1,19})?$`)

// events streams a session's log: what was missed since Last-Event-ID, then what happens.
// A node that stops answers, too, and then ends the stream: of any status but 200 an
// EventSource would not come back.
func (g *Gateway) events(c *gin.Context) {
	ctx := c.Request.Context()
	f, after, err := g.eventSource(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	s := &stream{out: sse.New(c.Writer), last: after, plain: !callerOf(ctx).Key.Role.AtLeast(role.Operator)}
	if c.Request.Method == http.MethodHead {
		s.out.Head()
		return
	}
	if f.ctl == nil {
		g.replayEnded(ctx, c, s, f.rec.ID)
		return
	}
	feed := f.ctl.Subscribe() // before the replay, so that nothing falls between
	defer feed.Close()
	var missed []session.LoggedEvent
	if after != "" {
		g.flush(ctx)
		newest := f.ctl.LastEvent()
		if missed, err = g.missed(ctx, s, f.rec.ID, func() (string, error) { return newest, nil }); err != nil {
			g.fail(c, err)
			return
		}
	}
	if c.Query("viewer") == "true" {
		view, leave := g.viewers.join(f.rec.ID, callerOf(ctx).Key.Name)
		defer leave()
		s.view = view
	}
	s.open()
	for s.send(missed) == nil && len(missed) > 0 {
		if missed, err = g.replay(ctx, f.rec.ID, s.last); err != nil {
			return // the client comes back with what it has
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.streams, cancel)()
	s.follow(ctx, feed)
}

// missed reads what followed the event that the client saw last. If that event never was, or is
// not kept any more, the client is told so, and goes on behind the newest.
func (g *Gateway) missed(ctx context.Context, s *stream, id session.ID, newest func() (string, error)) ([]session.LoggedEvent, error) {
	page, err := g.replay(ctx, id, s.last)
	if err != nil {
		return nil, err
	}
	unknown := false
	var last string
	if len(page) == 0 {
		if last, err = newest(); err != nil {
			return nil, err
		}
		unknown = newer(s.last, last)
	} else if timeOf(s.last) > 0 {
		oldest, err := g.options.Store.Events(ctx, id, "", 1)
		if err != nil {
			return nil, storeError{err}
		}
		if unknown = len(oldest) > 0 && newer(oldest[0].ID, s.last); unknown {
			if last, err = newest(); err != nil {
				return nil, err
			}
		}
	}
	if unknown {
		s.last, s.resync = last, true
		return nil, nil
	}
	return page, nil
}

func (g *Gateway) eventSource(c *gin.Context) (found, string, error) {
	f, err := g.find(c.Request.Context(), callerOf(c.Request.Context()), session.ID(c.Param("id")))
	if err != nil {
		return found{}, "", err
	}
	if f.ctl == nil && f.rec.Status != session.StatusEnded {
		return found{}, "", hub.ErrLeaseLost
	}
	after := cmp.Or(c.GetHeader("Last-Event-ID"), c.Query("last_event_id"))
	switch {
	case !slices.Contains([]string{"", "true", "false"}, c.Query("viewer")):
		return found{}, "", problem.Field("query.viewer", "must be true or false")
	case after == "":
	case !eventID.MatchString(after):
		return found{}, "", problem.Field("header.Last-Event-ID", "is no ID of this stream; 0 is the beginning")
	case !strings.Contains(after, "-"):
		after += "-0"
	}
	return f, after, nil
}

// replayEnded sends what is kept of an ended session. A client that has it all gets 204,
// which tells an EventSource not to come back.
func (g *Gateway) replayEnded(ctx context.Context, c *gin.Context, s *stream, id session.ID) {
	page, err := g.missed(ctx, s, id, func() (string, error) { return g.newest(ctx, id) })
	switch {
	case err != nil:
		g.fail(c, err)
		return
	case len(page) == 0 && !s.resync:
		c.Status(http.StatusNoContent)
		return
	}
	for s.open(); s.send(page) == nil && len(page) > 0; {
		if page, err = g.replay(ctx, id, s.last); err != nil {
			return
		}
	}
}

// newest is the ID of the last event that is kept of an ended session; "0-0" if there is none.
func (g *Gateway) newest(ctx context.Context, id session.ID) (string, error) {
	newest := "0-0"
	for {
		page, err := g.replay(ctx, id, newest)
		if err != nil || len(page) == 0 {
			return newest, err
		}
		newest = page[len(page)-1].ID
	}
}

func (g *Gateway) replay(ctx context.Context, id session.ID, after string) ([]session.LoggedEvent, error) {
	page, err := g.options.Store.Events(ctx, id, after, replayPage)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		return nil, storeError{err}
	}
	return page, nil
}

// stream is a session's log on its way to one client.
type stream struct {
	out  *sse.Stream
	last string // ID of the newest event sent or known to the client

	resync bool // the event with that ID is not the one that the client saw last
	plain  bool // the client is not told what errors say of the operator's account

	view *watching // of a page that shows the session to a person; nil: a program
}

func (s *stream) open() {
	s.out.Head()
	s.out.Retry(streamRetry)
	if s.resync {
		s.out.Resync(s.last)
	}
}

// send writes events that are newer than the last one sent, in one go.
func (s *stream) send(events []session.LoggedEvent) error {
	for _, e := range events {
		if !newer(e.ID, s.last) {
			continue
		}
		s.last = e.ID
		if s.plain {
			e.Raw = realtime.PlainEvent([]byte(e.Type), e.Raw)
		}
		s.out.Event(e.ID, e.Type, e.Raw)
	}
	return s.out.Flush()
}

// feed is a session's live log; *session.Feed is one.
type feed interface {
	Next(ctx context.Context) (session.LoggedEvent, error)
}

// follow sends what happens until the client, the session or the gateway ends.
func (s *stream) follow(ctx context.Context, feed feed) {
	for {
		wait, cancel := context.WithTimeout(ctx, sse.Heartbeat)
		wait, stop := s.view.wait(wait)
		e, err := feed.Next(wait)
		stop()
		cancel()
		switch {
		case err == nil:
			err = s.send([]session.LoggedEvent{e})
		case errors.Is(err, errViewers):
			s.out.Event("", typeViewers, s.view.news())
			err = s.out.Flush()
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			s.out.Ping("")
			err = s.out.Flush()
		}
		if err != nil {
			return
		}
	}
}

// newer reports whether an event follows another one; "" is before all.
func newer(a, b string) bool { return b == "" || session.CompareEventIDs(a, b) > 0 }

// timeOf is when an event was logged, in Unix milliseconds; 0 if its ID does not say.
func timeOf(id string) (ms uint64) {
	head, _, _ := strings.Cut(id, "-")
	ms, _ = strconv.ParseUint(head, 10, 64)
	return ms
}
