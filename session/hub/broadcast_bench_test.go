package hub_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/session"
	"switchboard/session/broadcast"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// obedient is an upstream without a socket: it acknowledges every update at once.
type obedient struct {
	acks   chan string
	closed chan struct{}
	once   sync.Once
	all    *obedients
	take   func() func()
}

func (o *obedient) Each(do func(session.Frame, error) error) error {
	for {
		select {
		case event := <-o.acks:
			leave := o.take()
			err := do(session.NewFrame([]byte(event)), nil)
			leave()
			if err != nil {
				return err
			}
		case <-o.closed:
			return net.ErrClosed
		}
	}
}

func (o *obedient) TakeTurns(take func() func()) { o.take = take }
func (o *obedient) Buffered() bool               { return false }
func (o *obedient) Unacked() int                 { return 0 }

func (o *obedient) Write(f session.Frame, _ session.Timing) (bool, error) {
	if bytes.Contains(f.Payload(), []byte(`"session.update"`)) {
		o.all.written.Done()
		o.acks <- o.all.updated
	}
	return true, nil
}

func (o *obedient) Flush() error { return nil }

func (o *obedient) Close(int, string) error {
	o.once.Do(func() { close(o.closed) })
	return nil
}

// obedients dials them. written counts down by the updates that were written.
type obedients struct {
	created, updated string
	written          sync.WaitGroup
}

func (d *obedients) Dial(context.Context, session.DialRequest) (session.Conn, error) {
	o := &obedient{acks: make(chan string, 2), closed: make(chan struct{}), all: d}
	o.acks <- d.created
	return o, nil
}

// reports keeps no outcomes. missing counts down by those that were reported.
type reports struct {
	*sessiontest.Memory
	missing sync.WaitGroup
}

func (r *reports) Report(_ context.Context, rep broadcast.Report) error {
	r.missing.Add(-len(rep.Outcomes))
	return nil
}

// BenchmarkBroadcast is one broadcast to 10,000 sessions of a node, without sockets: what
// is ours until all is written, and until all is acknowledged and reported.
func BenchmarkBroadcast(b *testing.B) {
	const sessions = 10000
	d := &obedients{created: createdFor("sess_1", time.Hour)}
	d.updated = strings.Replace(d.created, "session.created", "session.updated", 1)
	mem := &reports{Memory: sessiontest.NewMemory()}
	fx := start(b, func(o *hub.Options) {
		o.Dialer, o.Store, o.Directory, o.Broadcasts = d, mem, mem, mem
	})
	for range sessions {
		if _, err := fx.hub.Create(b.Context(), session.Spec{ID: session.ID(session.NewID("s_"))}); err != nil {
			b.Fatal(err)
		}
	}
	var written time.Duration
	for range b.N {
		d.written.Add(sessions)
		mem.missing.Add(sessions)
		begin := time.Now()
		if _, err := mem.Publish(b.Context(), session.Broadcast{Instructions: "close at 8", Mode: broadcast.ModeReplace}); err != nil {
			b.Fatal(err)
		}
		d.written.Wait()
		written += time.Since(begin)
		mem.missing.Wait()
	}
	b.ReportMetric(written.Seconds()*1000/float64(b.N), "ms-written/op")
}
