package buffer

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/session"
	"switchboard/session/sessiontest"
)

// sure is an owner that may always write.
type sure struct{ sync.Mutex }

func (*sure) Doubt() bool      { return false }
func (*sure) Await() bool      { return true }
func (*sure) Contain(f func()) { f() }

// TestHoldLetsFramesGo: a frame lies in the memory of the connection that read it. What an outbox
// that is held has kept back of it must be on its way, before that is read over.
func TestHoldLetsFramesGo(t *testing.T) {
	ours, theirs := sessiontest.Pipe()
	o := Outbox{Conn: ours, Owner: &sure{}, Limit: 1 << 10, Stall: time.Second, Dropped: new(atomic.Int64)}
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

// TestDropOldestKeepsTheOrder: of what waits only the oldest audio goes, and no more than has to.
func TestDropOldestKeepsTheOrder(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		o := Outbox{Limit: 200, Dropped: new(atomic.Int64)}
		for i := range 40 {
			o.Push(Queued{Frame: session.NewFrame([]byte{byte(i)}), Audio: random.IntN(3) > 0})
		}
		left, want := o.Bytes, []byte{}
		for _, q := range o.Queue {
			if q.Audio && left > o.Limit {
				left -= len(q.Frame.Raw)
				continue
			}
			want = append(want, q.Frame.Payload()...)
		}
		before := o.Bytes
		o.DropOldest()
		var got []byte
		for _, q := range o.Queue {
			got = append(got, q.Frame.Payload()...)
		}
		if !bytes.Equal(got, want) || o.Bytes != left || o.Lost != before-left {
			t.Fatalf("seed %d: %v stay, want %v; %d bytes, want %d; %d lost", seed, got, want, o.Bytes, left, o.Lost)
		}
	}
}

// BenchmarkDropOldest is one append to a queue that is full, as in a flood.
func BenchmarkDropOldest(b *testing.B) {
	o := Outbox{Limit: 2 << 20, Dropped: new(atomic.Int64)}
	f := session.NewFrame(make([]byte, 1400))
	for b.Loop() {
		o.Push(Queued{Frame: f, Audio: true})
		o.DropOldest()
	}
}
