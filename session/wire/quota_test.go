package wire

import (
	"context"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever arrives and whatever is cut off: no key and no node holds more than it may, everybody
// gets a turn, and at the end all is given back.
func TestQuotaProperty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keyBytes, nodeBytes = 100, 250
		q := &Quota{KeyBytes: keyBytes, NodeBytes: nodeBytes, KeyRate: 1000}
		var node atomic.Int64
		keys := map[string]*atomic.Int64{"a": {}, "b": {}, "c": {}, "d": {}}
		var served atomic.Int64
		var all sync.WaitGroup
		for key, held := range keys {
			for seed := range uint64(8) {
				all.Go(func() {
					r := rand.New(rand.NewPCG(seed, 1))
					s, leave := q.Share(key)
					defer leave()
					for range 50 {
						ctx, cancel := context.WithCancel(t.Context())
						if r.IntN(4) == 0 { // a connection that ends while it waits
							time.AfterFunc(time.Duration(r.IntN(2000))*time.Millisecond, cancel)
						}
						size := 1 + r.Int64N(2*keyBytes)
						n, err := s.acquire(ctx, size, size*r.Int64N(2))
						if err == nil {
							if held.Add(n) > keyBytes || node.Add(n) > nodeBytes {
								t.Errorf("key %s holds %d, the node %d", key, held.Load(), node.Load())
							}
							time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
							held.Add(-n)
							node.Add(-n)
							s.release(n)
							served.Add(1)
						}
						cancel()
					}
				})
			}
		}
		all.Wait()
		if served.Load() < 4*8*50/2 {
			t.Errorf("only %d of %d were served", served.Load(), 4*8*50)
		}
		time.Sleep(time.Minute)
		if _, leave := q.Share("e"); len(q.shares) != 1 {
			t.Errorf("%d keys are remembered", len(q.shares))
		} else {
			leave()
		}
		if held, waiting := q.Load(); held != 0 || waiting != 0 {
			t.Errorf("%d bytes are held and %d wait", held, waiting)
		}
		if !q.node.TryAcquire(nodeBytes) {
			t.Error("not all was given back")
		}
	})
}

// A key sends so many bytes a second in large messages, and another key does not wait for it.
func TestQuotaRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &Quota{KeyBytes: 1000, NodeBytes: 4000, KeyRate: 100}
		s, leave := q.Share("a")
		defer leave()
		take := func(s *Share) time.Duration {
			begin := time.Now()
			n, err := s.acquire(t.Context(), 1000, 1000)
			if err != nil {
				t.Fatal(err)
			}
			s.release(n)
			return time.Since(begin)
		}
		if d := take(s); d != 0 {
			t.Errorf("the first waited %v", d)
		}
		if d := take(s); d < 9*time.Second || d > 11*time.Second {
			t.Errorf("1000 bytes at 100 a second waited %v", d)
		}
		other, leave := q.Share("b")
		defer leave()
		if d := take(other); d != 0 {
			t.Errorf("another key waited %v", d)
		}
	})
}

// Bodies of one key share its rate, however many requests they come in; ordinary ones are free.
func TestQuotaOfBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &Quota{KeyBytes: 1 << 20, NodeBytes: 4 << 20, KeyRate: 1 << 20}
		read := func(size int) time.Duration {
			begin := time.Now()
			s, leave := q.Share("a")
			defer leave()
			n, err := io.Copy(io.Discard, s.Pace(t.Context(), io.NopCloser(strings.NewReader(strings.Repeat("x", size)))))
			if err != nil || n != int64(size) {
				t.Fatalf("read %d of %d, %v", n, size, err)
			}
			return time.Since(begin)
		}
		for range 100 {
			if d := read(largeMessage); d != 0 {
				t.Fatalf("an ordinary body waited %v", d)
			}
		}
		s, leave := q.Share("a")
		defer leave()
		giveBack, err := s.Hold(t.Context(), 1<<20)
		if held, _ := q.Load(); err != nil || held != 1<<20 {
			t.Errorf("a body holds %d, %v", held, err)
		}
		if giveBack(); q.held.Load() != 0 {
			t.Errorf("%d bytes are held by nothing", q.held.Load())
		}
		if d := read(1 << 20); d != 0 {
			t.Errorf("the first large one waited %v", d)
		}
		if d := read(9 << 20); d < 8*time.Second || d > 10*time.Second {
			t.Errorf("9 MiB at 1 MiB a second waited %v", d)
		}
	})
}
