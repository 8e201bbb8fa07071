package buffer

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/session"
	"switchboard/session/sessiontest"
)

// TestHoldLetsFramesGo: a frame lies in the memory of the connection that read it. What an outbox
// that is held has kept back of it must be on its way, before that is read over.
func TestHoldLetsFramesGo(t *testing.T) {
	ours, theirs := sessiontest.Pipe()
	o := Outbox{Conn: ours, Lock: &sync.Mutex{}, Limit: 1 << 10, Stall: time.Second,
		Doubt: func() bool { return false }, Await: func() bool { return true }, Guard: func(f func()) { f() }, Dropped: new(atomic.Int64)}
	first := session.NewFrame([]byte("first"))
	if err := o.SendEvent(first, session.WithNext); err != nil {
		t.Fatal(err)
	}
	o.Hold()
	copy(first.Payload(), "#####")
	if err := o.SendEvent(session.NewFrame([]byte("second")), session.AtOnce); err != nil {
		t.Fatal(err)
	}
	if o.Bytes == 0 {
		t.Error("a held outbox wrote")
	}
	o.Release()
	for _, want := range []string{"first", "second"} {
		if got, err := theirs.Receive(); err != nil || got != want {
			t.Errorf("received %q, %v, want %q", got, err, want)
		}
	}
	o.Close()
	if err := o.SendAudio(session.NewFrame([]byte("third")), nil, session.AtOnce); err != nil || !o.Closed() || o.Bytes != 0 {
		t.Errorf("a closed outbox kept %d bytes, %v", o.Bytes, err)
	}
}
