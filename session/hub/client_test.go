package hub_test

import (
	"context"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// gathering is a connection that always has more: what it sends is kept back to be written with that.
type gathering struct{ session.Conn }

func (gathering) Buffered() bool { return true }

// gatherings dials them.
type gatherings struct{ *fixture }

func (d gatherings) Dial(ctx context.Context, r session.DialRequest) (session.Conn, error) {
	c, err := d.fixture.Dial(ctx, r)
	return gathering{c}, err
}

// reset is a socket that keeps frames back, and was reset when they are to be written.
type reset struct {
	session.Conn
	kept bool
}

func (r *reset) Write(f session.Frame, when session.Timing) (bool, error) {
	if when == session.WithNext {
		r.kept = true
		return true, nil
	}
	if r.kept {
		return false, syscall.ECONNRESET
	}
	return r.Conn.Write(f, when)
}

// A client that leaves while its connection keeps events back is taken off once, though writing
// them fails.
func TestClientLeavesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t, func(o *hub.Options) { o.Dialer = gatherings{o.Dialer.(*fixture)} })
		defer fx.stop()
		ctl, up := fx.open(session.Spec{})
		ours, theirs := sessiontest.Pipe()
		left := make(chan error, 1)
		go func() { left <- ctl.Attach(&reset{Conn: theirs}, &hub.Attachment{Policy: session.Open()}) }()
		want(t, ours, "session.created")

		send(t, up, `{"type":"kept.back","event_id":"k"}`)
		synctest.Wait()
		ours.Drop()
		<-left
		if n := fx.hub.Stats().Clients; n != 0 {
			t.Errorf("%d clients are counted, want none", n)
		}
	})
}

// firstReset dials a first upstream that is, and sound ones.
type firstReset struct {
	*fixture
	dialled int
}

func (d *firstReset) Dial(ctx context.Context, r session.DialRequest) (session.Conn, error) {
	c, err := d.fixture.Dial(ctx, r)
	if d.dialled++; d.dialled > 1 || err != nil {
		return c, err
	}
	return &reset{Conn: c}, nil
}

// An upstream that is lost while its connection keeps events back is replaced once, though writing
// them fails, too.
func TestUpstreamIsReplacedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t, func(o *hub.Options) { o.Dialer = &firstReset{fixture: o.Dialer.(*fixture)} })
		defer fx.stop()
		ctl, up := fx.openFor(time.Hour)
		ours, theirs := sessiontest.Pipe()
		left := make(chan error, 1)
		go func() { left <- ctl.Attach(gathering{theirs}, &hub.Attachment{Policy: session.Open()}) }()
		want(t, ours, "session.created")

		send(t, ours, `{"type":"response.cancel","event_id":"k"}`)
		synctest.Wait()
		up.Drop()
		fx.next("sess_2", time.Hour, 0)
		want(t, ours, "switchboard.session.renewed")
		time.Sleep(time.Minute)
		if n := len(fx.ends); n != 0 {
			t.Errorf("%d more upstreams were dialled", n)
		}
		ours.Drop()
		<-left
	})
}
