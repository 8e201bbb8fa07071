package sessiontest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchboard/session"
)

// TestDirectory is what every [session.Directory] must pass. open returns an empty one.
func TestDirectory(t *testing.T, open func(t *testing.T) session.Directory) {
	for name, test := range map[string]func(*testing.T, session.Directory){
		"acquire and release":        testAcquire,
		"acquire takes valid names":  testAcquireInvalid,
		"transfer":                   testTransfer,
		"one of many gets the lease": testAcquireRace,
		"expired lease":              testExpired,
		"renew":                      testRenew,
		"renew many":                 testRenewMany,
		"given up is not renewed":    testGivenUp,
		"renew unknown":              testRenewUnknown,
		"writes of the old owner":    testFence,
		"owners that race":           testFenceRace,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

const (
	nodeA = "http://10.0.0.1:8080"
	nodeB = "http://10.0.0.2:8080"
)

func acquire(t *testing.T, d session.Directory, id session.ID, node string, ttl time.Duration) session.Lease {
	t.Helper()
	l, err := d.Acquire(t.Context(), id, node, ttl)
	must(t, err)
	if l.ID != id || l.Node != node || l.Epoch <= 0 {
		t.Fatalf("acquired %+v", l)
	}
	return l
}

func wantOwner(t *testing.T, d session.Directory, want session.Lease) {
	t.Helper()
	got, err := d.Owner(t.Context(), want.ID)
	must(t, err)
	if got != want {
		t.Fatalf("owner is %+v, want %+v", got, want)
	}
}

func wantRenewed(t *testing.T, d session.Directory, leases []session.Lease, lost ...session.ID) {
	t.Helper()
	got, err := d.Renew(t.Context(), leases, time.Hour)
	must(t, err)
	if !slices.Equal(got, lost) {
		t.Fatalf("lost %v, want %v", got, lost)
	}
}

func expire(t *testing.T, d session.Directory, id session.ID) {
	t.Helper()
	Eventually(t, "the lease expires", func() bool {
		_, err := d.Owner(t.Context(), id)
		return errors.Is(err, session.ErrNotFound)
	})
}

func testAcquire(t *testing.T, d session.Directory) {
	_, err := d.Owner(t.Context(), "s-1")
	wantNotFound(t, err)
	first := acquire(t, d, "s-1", nodeA, time.Hour)
	wantOwner(t, d, first)
	_, err = d.Acquire(t.Context(), "s-1", nodeB, time.Hour)
	if held, ok := errors.AsType[*session.HeldError](err); !ok || held.Lease != first {
		t.Fatalf("acquired while held: %v", err)
	}
	again := acquire(t, d, "s-1", nodeA, time.Hour)
	if again.Epoch <= first.Epoch {
		t.Fatalf("epoch went from %d to %d", first.Epoch, again.Epoch)
	}
	must(t, d.Release(t.Context(), first)) // an old one: changes nothing
	wantOwner(t, d, again)
	must(t, d.Release(t.Context(), again))
	must(t, d.Release(t.Context(), again))
	_, err = d.Owner(t.Context(), "s-1")
	wantNotFound(t, err)
	if other := acquire(t, d, "s-1", nodeB, time.Hour); other.Epoch <= again.Epoch {
		t.Fatalf("epoch went from %d to %d", again.Epoch, other.Epoch)
	}
}

func testTransfer(t *testing.T, d session.Directory) {
	first := acquire(t, d, "s-1", nodeA, time.Hour)
	second, err := d.Transfer(t.Context(), first, nodeB, time.Hour)
	must(t, err)
	if second.Node != nodeB || second.Epoch <= first.Epoch {
		t.Fatalf("%+v became %+v", first, second)
	}
	wantOwner(t, d, second)
	wantRenewed(t, d, []session.Lease{first, second}, "s-1")
	must(t, d.Release(t.Context(), first)) // changes nothing
	wantOwner(t, d, second)
	_, err = d.Transfer(t.Context(), first, "http://10.0.0.3:8080", time.Hour) // it is not its any more
	if held, ok := errors.AsType[*session.HeldError](err); !ok || held.Lease != second {
		t.Fatalf("transferred twice: %v", err)
	}
	must(t, d.Release(t.Context(), second))
	_, err = d.Transfer(t.Context(), second, nodeA, time.Hour) // nobody holds it
	must(t, err)
	_, err = d.Transfer(t.Context(), session.Lease{ID: "}{"}, nodeA, time.Hour)
	wantInvalid(t, err, "id")
}

func testAcquireInvalid(t *testing.T, d session.Directory) {
	_, err := d.Acquire(t.Context(), "}{", nodeA, time.Hour)
	wantInvalid(t, err, "id")
	_, err = d.Acquire(t.Context(), "s-1", "", time.Hour)
	wantInvalid(t, err, "node")
	_, err = d.Owner(t.Context(), "}{")
	wantNotFound(t, err)
}

func testAcquireRace(t *testing.T, d session.Directory) {
	var wg sync.WaitGroup
	results := make(chan error, 16)
	for i := range cap(results) {
		wg.Go(func() {
			_, err := d.Acquire(t.Context(), "s-1", fmt.Sprint("http://node-", i), time.Hour)
			results <- err
		})
	}
	wg.Wait()
	close(results)
	won := 0
	for err := range results {
		if _, held := errors.AsType[*session.HeldError](err); err == nil {
			won++
		} else if !held {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Fatalf("%d nodes got the lease", won)
	}
}

func testExpired(t *testing.T, d session.Directory) {
	old := acquire(t, d, "s-1", nodeA, 20*time.Millisecond)
	expire(t, d, "s-1")
	taken := acquire(t, d, "s-1", nodeB, time.Hour)
	if taken.Epoch <= old.Epoch {
		t.Fatalf("epoch went from %d to %d", old.Epoch, taken.Epoch)
	}
	wantRenewed(t, d, []session.Lease{old}, "s-1")
	wantOwner(t, d, taken)
	must(t, d.Release(t.Context(), old))
	wantOwner(t, d, taken)
}

func testRenew(t *testing.T, d session.Directory) {
	a := acquire(t, d, "s-a", nodeA, 20*time.Millisecond)
	b := acquire(t, d, "s-b", nodeA, time.Hour)
	expire(t, d, "s-a")
	wantRenewed(t, d, []session.Lease{a, b})
	wantOwner(t, d, a)
	wantOwner(t, d, b)
	must(t, d.Release(t.Context(), a))
	taken := acquire(t, d, "s-a", nodeB, time.Hour)
	wantRenewed(t, d, []session.Lease{b, a}, "s-a")
	wantOwner(t, d, taken)
	wantRenewed(t, d, nil)
}

func testRenewMany(t *testing.T, d session.Directory) {
	var leases []session.Lease
	var lost []session.ID
	for i := range 300 {
		id := session.ID(fmt.Sprint("s-", i))
		l := acquire(t, d, id, nodeA, time.Hour)
		if i%3 == 0 {
			acquire(t, d, id, nodeA, time.Hour)
			lost = append(lost, id)
		}
		leases = append(leases, l)
	}
	wantRenewed(t, d, leases, lost...)
}

func testGivenUp(t *testing.T, d session.Directory) {
	l := acquire(t, d, "s-1", nodeA, time.Hour)
	must(t, d.Release(t.Context(), l))
	wantRenewed(t, d, []session.Lease{l}, "s-1")
	_, err := d.Owner(t.Context(), "s-1")
	wantNotFound(t, err)
}

// A directory that lost what it knew learns it again from those who hold leases.
func testRenewUnknown(t *testing.T, d session.Directory) {
	l := session.Lease{ID: "s-1", Node: nodeA, Epoch: 5}
	wantRenewed(t, d, []session.Lease{l})
	wantOwner(t, d, l)
	twin := session.Lease{ID: "s-1", Node: nodeB, Epoch: 5}
	wantRenewed(t, d, []session.Lease{twin}, "s-1")
	if next := acquire(t, d, "s-1", nodeA, time.Hour); next.Epoch <= 5 {
		t.Fatalf("epoch went from 5 to %d", next.Epoch)
	}
}

// fenced is the store that checks the epochs which d gives out: ours are one.
func fenced(t *testing.T, d session.Directory) session.Store {
	t.Helper()
	s, ok := d.(session.Store)
	if !ok {
		t.Fatalf("%T is not the session.Store too", d)
	}
	return s
}

func testFence(t *testing.T, d session.Directory) {
	s := fenced(t, d)
	write := func(l session.Lease, eventID string) []session.ID {
		r := recorded(l.ID)
		e := logged(l.ID, eventID)
		r.Epoch, e.Epoch = l.Epoch, l.Epoch
		stale, err := s.Apply(t.Context(), []session.Change{r, e})
		must(t, err)
		return stale
	}
	old := acquire(t, d, "s-1", nodeA, time.Hour)
	if stale := write(old, "1-0"); len(stale) > 0 {
		t.Fatal("the owner's write was refused")
	}
	must(t, d.Release(t.Context(), old))
	if stale := write(old, "2-0"); len(stale) > 0 {
		t.Fatal("what was left to write was refused before there was another owner")
	}
	taken := acquire(t, d, "s-1", nodeB, time.Hour)
	if stale := write(old, "3-0"); !slices.Equal(stale, []session.ID{"s-1"}) {
		t.Fatal("the old owner wrote after the new one had the lease")
	}
	if stale := write(taken, "4-0"); len(stale) > 0 {
		t.Fatal("the new owner's write was refused")
	}
	wantEvents(t, s, "s-1", "", 10, "1-0", "2-0", "4-0")
}

// An old owner that goes on writing while another node takes the lease: what it begins to
// write after that is refused, all of it.
func testFenceRace(t *testing.T, d session.Directory) {
	s := fenced(t, d)
	old := acquire(t, d, "s-1", nodeA, time.Hour)
	apply(t, s, session.Change{ID: "s-1", Epoch: old.Epoch, Record: new(record("s-1"))})
	must(t, d.Release(t.Context(), old))

	var taken atomic.Bool
	writing := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 1; ; i++ {
			e := logged("s-1", fmt.Sprint(i, "-0"))
			e.Epoch = old.Epoch
			late := taken.Load()
			stale, err := s.Apply(t.Context(), []session.Change{e})
			if err != nil || late && len(stale) == 0 {
				t.Errorf("a write after the lease was taken: stale %v, error %v", stale, err)
			}
			if i == 5 {
				close(writing)
			}
			if i >= 5 && (late || err != nil) {
				return
			}
		}
	})
	<-writing
	acquire(t, d, "s-1", nodeB, time.Hour)
	taken.Store(true)
	wg.Wait()
}
