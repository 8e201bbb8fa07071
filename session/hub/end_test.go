package hub_test

import (
	"context"
	"testing"
	"testing/synctest"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/realtime"
	"switchboard/session/sessiontest"
)

// lateDialer dials upstreams that still send an event while they are closed.
type lateDialer struct {
	*fixture
	t *testing.T
}

func (d lateDialer) Dial(context.Context, session.DialRequest) (session.Conn, error) {
	ours, theirs := sessiontest.Pipe()
	d.ends <- ours
	return late{theirs, ours, d.t}, nil
}

type late struct {
	session.Conn
	peer *sessiontest.Conn
	t    *testing.T
}

func (l late) Close(code int, reason string) error {
	send(l.t, l.peer, `{"type":"rate_limits.updated","event_id":"late","rate_limits":[]}`)
	synctest.Wait() // it is read
	return l.Conn.Close(code, reason)
}

// The log says last why the session ended, whatever the upstream sends meanwhile.
func TestEndIsLoggedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t, func(o *hub.Options) { o.Dialer = lateDialer{o.Dialer.(*fixture), t} })
		defer fx.stop()
		c, _ := fx.open(session.Spec{ID: "s"})
		feed := c.Subscribe()
		if err := c.End(t.Context(), hub.Ending{}); err != nil {
			t.Fatal(err)
		}
		var followed []string
		for e, err := feed.Next(t.Context()); err == nil; e, err = feed.Next(t.Context()) {
			followed = append(followed, e.Type)
		}
		stored, err := fx.mem.Events(t.Context(), "s", "", 100)
		if err != nil {
			t.Fatal(err)
		}
		if last := stored[len(stored)-1].Type; last != realtime.TypEnded || len(stored) < 2 || stored[len(stored)-2].Type != "rate_limits.updated" {
			t.Errorf("the log of %d events ends with %s", len(stored), last)
		}
		if n := len(followed); n == 0 || followed[n-1] != realtime.TypEnded {
			t.Errorf("a follower saw %s", followed)
		}
	})
}
