package hub_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/contain"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// mine is a connection that panics when it is to read or write an event with "boom" in it.
type mine struct {
	session.Conn
	reads, writes bool
}

func (m mine) Each(do func(session.Frame, error) error) error {
	return m.Conn.Each(func(f session.Frame, err error) error {
		if m.reads && strings.Contains(string(f.Payload()), "boom") {
			panic("read")
		}
		return do(f, err)
	})
}

func (m mine) Write(f session.Frame, when session.Timing) (bool, error) {
	if m.writes && f.Raw != nil && strings.Contains(string(f.Payload()), "boom") {
		panic("write")
	}
	return m.Conn.Write(f, when)
}

// sendLast sends what the other end does not survive: it may be gone before this end hears that it
// was taken.
func sendLast(t *testing.T, c *sessiontest.Conn, text string) {
	t.Helper()
	if err := c.Send(text); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Fatalf("send: %v", err)
	}
}

// mines dials upstreams that panic.
type mines struct {
	*fixture
	mine
}

func (d mines) Dial(ctx context.Context, r session.DialRequest) (session.Conn, error) {
	d.mine.Conn, _ = d.fixture.Dial(ctx, r)
	return d.mine, nil
}

// minedStore panics at what is written or read of one session.
type minedStore struct {
	session.Store
	id          session.ID
	apply, load atomic.Bool
}

func (s *minedStore) Apply(ctx context.Context, changes []session.Change) ([]session.ID, error) {
	for _, c := range changes {
		if c.ID == s.id && c.Item != nil && s.apply.Load() {
			panic("apply")
		}
	}
	return s.Store.Apply(ctx, changes)
}

func (s *minedStore) Load(ctx context.Context, id session.ID) (session.Stored, error) {
	if id == s.id && s.load.Load() {
		panic("load")
	}
	return s.Store.Load(ctx, id)
}

// A panic ends the session whose bytes caused it, wherever it happens, and no other.
func TestPanicEndsOneSession(t *testing.T) {
	boom := `{"type":"boom","event_id":"e"}`
	for name, c := range map[string]struct {
		up, down mine
		blow     func(t *testing.T, fx *fixture, up, cl *sessiontest.Conn)
	}{
		"reading the upstream":                    {up: mine{reads: true}, blow: func(t *testing.T, _ *fixture, up, _ *sessiontest.Conn) { sendLast(t, up, boom) }},
		"reading the client":                      {down: mine{reads: true}, blow: func(t *testing.T, _ *fixture, _, cl *sessiontest.Conn) { sendLast(t, cl, boom) }},
		"writing to the upstream, under the lock": {up: mine{writes: true}, blow: func(t *testing.T, _ *fixture, _, cl *sessiontest.Conn) { sendLast(t, cl, boom) }},
		"writing to the client, under the lock":   {down: mine{writes: true}, blow: func(t *testing.T, _ *fixture, up, _ *sessiontest.Conn) { sendLast(t, up, boom) }},
		"making another upstream": {up: mine{reads: true}, blow: func(t *testing.T, fx *fixture, up, _ *sessiontest.Conn) {
			up.Drop()
			sendLast(t, <-fx.ends, strings.Replace(created, `"id":"sess_1"`, `"id":"boom"`, 1))
		}},
		"renewing": {up: mine{reads: true}, blow: func(t *testing.T, fx *fixture, _, _ *sessiontest.Conn) {
			sendLast(t, <-fx.ends, strings.Replace(created, `"id":"sess_1"`, `"id":"boom"`, 1))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fx := start(t, func(o *hub.Options) { o.Dialer = mines{o.Dialer.(*fixture), c.up} })
				defer fx.stop()
				before := contain.Panics()
				ctl, up := fx.openFor(20 * time.Second)
				other, otherUp := fx.open(session.Spec{})
				bystander, _ := fx.attach(other, session.Open())
				ours, theirs := sessiontest.Pipe()
				left := make(chan error, 1)
				c.down.Conn = theirs
				go func() { left <- ctl.Attach(c.down, &hub.Attachment{Policy: session.Open()}) }()
				want(t, ours, "session.created")

				c.blow(t, fx, up, ours)
				said := want(t, ours, `"type":"error"`, `"code":"internal_error"`)
				if strings.Contains(said, "panic") {
					t.Errorf("the client is told %s", said)
				}
				var closed *session.CloseError
				if _, err := ours.Read(); !errors.As(err, &closed) || closed.Code != session.CloseUpstream || closed.Reason == "" {
					t.Errorf("the client saw %v", err)
				}
				<-left
				time.Sleep(time.Minute) // nobody takes it up again
				if r, err := fx.mem.Record(t.Context(), ctl.Record().ID); err != nil || r.Status != session.StatusEnded || r.Reason == "" {
					t.Errorf("recorded %s %q, %v", r.Status, r.Reason, err)
				}
				if contain.Panics() != before+1 {
					t.Errorf("%d panics", contain.Panics()-before)
				}
				send(t, otherUp, `{"type":"marker","event_id":"m"}`)
				want(t, bystander, "marker")
			})
		})
	}
}

// An upstream that makes the opening panic leaves nothing behind: the same ID can be opened again.
func TestPanicWhileOpening(t *testing.T) {
	fx := start(t, func(o *hub.Options) { o.Dialer = mines{o.Dialer.(*fixture), mine{reads: true}} })
	done := make(chan error, 1)
	go func() { _, err := fx.hub.Create(t.Context(), session.Spec{ID: "s"}); done <- err }()
	up := <-fx.ends
	sendLast(t, up, strings.Replace(created, `"id":"sess_1"`, `"id":"boom"`, 1))
	if err := <-done; err == nil {
		t.Error("opened")
	}
	ended(t, up)
	fx.open(session.Spec{ID: "s"})
}

// What the store panics at is left out, and the rest is written.
func TestPanicInTheStore(t *testing.T) {
	mined := &minedStore{id: "bad"}
	fx := start(t, func(o *hub.Options) { mined.Store, o.Store = o.Store, mined })
	mined.apply.Store(true)
	for _, id := range []session.ID{"bad", "good"} {
		c, up := fx.open(session.Spec{ID: id})
		tell(t, fx, c, up, item("i", "user", "input_text", "hello"))
		if err := c.End(t.Context(), hub.Ending{}); err != nil {
			t.Fatal(err)
		}
		if r, err := fx.mem.Record(t.Context(), id); err != nil || r.Status != session.StatusEnded {
			t.Errorf("%s is recorded as %s, %v", id, r.Status, err)
		}
	}
	if items, err := fx.mem.Items(t.Context(), "good"); err != nil || len(items) != 1 {
		t.Errorf("%d items, %v", len(items), err)
	}
}

// A session that makes its claim panic has ended: the next node does not try it too.
func TestPanicInAClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mined := &minedStore{id: "bad"}
		fx := start(t, func(o *hub.Options) { mined.Store, o.Store, o.Fleet = o.Store, mined, fxFleet(o) })
		defer fx.stop()
		mined.load.Store(true)
		for _, id := range []session.ID{"bad", "good"} {
			lease, err := fx.mem.Acquire(t.Context(), id, session.Holder{Node: "http://lost", Incarnation: "lost"})
			if err != nil {
				t.Fatal(err)
			}
			r := session.Record{ID: id, Status: session.StatusActive, Node: "http://lost", Epoch: lease.Epoch, CreatedAt: time.Now(), Session: []byte("{}")}
			_, err = fx.mem.Apply(t.Context(), []session.Change{{ID: id, Epoch: lease.Epoch, Record: &r}})
			if err := errors.Join(err, fx.mem.Release(t.Context(), lease)); err != nil {
				t.Fatal(err)
			}
		}
		send(t, <-fx.ends, createdFor("sess_1", time.Hour)) // the good one
		time.Sleep(10 * time.Second)
		if r, err := fx.mem.Record(t.Context(), "bad"); err != nil || r.Status != session.StatusEnded || r.Reason == "" {
			t.Errorf("recorded %+v, %v", r, err)
		}
		if _, ok := fx.hub.Controller("good"); !ok {
			t.Error("the other one does not run")
		}
	})
}

// fxFleet is the fleet of a fixture's own memory.
func fxFleet(o *hub.Options) session.Fleet { return o.Directory.(*sessiontest.Memory) }

// A notice that its taker panics at is let go, and the next one is told.
func TestPanicInANotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan string, 16)
		fx := start(t, func(o *hub.Options) {
			o.Notify = func(_ context.Context, n hub.Notice) {
				if n.Type == hub.NoticeStarted {
					panic("notice")
				}
				told <- n.Type
			}
		})
		defer fx.stop()
		c, _ := fx.open(session.Spec{})
		if err := c.End(t.Context(), hub.Ending{}); err != nil {
			t.Fatal(err)
		}
		if typ := <-told; typ != hub.NoticeEnded {
			t.Errorf("told of %s", typ)
		}
	})
}
