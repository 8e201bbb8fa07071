package sessiontest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"switchboard/session"
)

// TestDirectory is what every [session.Directory] must pass. open returns an empty one.
func TestDirectory(t *testing.T, open func(t *testing.T) session.Directory) {
	for name, test := range map[string]func(*testing.T, session.Directory){
		"acquire and release":        testAcquire,
		"acquire takes valid names":  testAcquireInvalid,
		"transfer":                   testTransfer,
		"one of many gets the lease": testAcquireRace,
		"incarnations of one node":   testIncarnations,
		"seize":                      testSeize,
		"restore":                    testRestore,
		"restore many":               testRestoreMany,
		"given up is not restored":   testGivenUp,
		"restore unknown":            testRestoreUnknown,
		"writes of the old owner":    testFence,
		"owners that race":           testFenceRace,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var (
	nodeA = holder("http://10.0.0.1:8080")
	nodeB = holder("http://10.0.0.2:8080")
	nodeC = holder("http://10.0.0.3:8080")
)

// holder is the first incarnation of a node.
func holder(url string) session.Holder { return session.Holder{Node: url, Incarnation: url + " }{ 1"} }

func acquire(t *testing.T, d session.Directory, id session.ID, h session.Holder) session.Lease {
	t.Helper()
	l, err := d.Acquire(t.Context(), id, h)
	must(t, err)
	if l.ID != id || l.Holder != h || l.Epoch <= 0 {
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

func wantRestored(t *testing.T, d session.Directory, leases []session.Lease, lost ...session.ID) {
	t.Helper()
	got, err := d.Restore(t.Context(), leases)
	must(t, err)
	if !slices.Equal(got, lost) {
		t.Fatalf("lost %v, want %v", got, lost)
	}
}

func testAcquire(t *testing.T, d session.Directory) {
	_, err := d.Owner(t.Context(), "s-1")
	wantNotFound(t, err)
	first := acquire(t, d, "s-1", nodeA)
	wantOwner(t, d, first)
	_, err = d.Acquire(t.Context(), "s-1", nodeB)
	if held, ok := errors.AsType[*session.HeldError](err); !ok || held.Lease != first {
		t.Fatalf("acquired while held: %v", err)
	}
	again := acquire(t, d, "s-1", nodeA)
	if again.Epoch <= first.Epoch {
		t.Fatalf("epoch went from %d to %d", first.Epoch, again.Epoch)
	}
	must(t, d.Release(t.Context(), first)) // an old one: changes nothing
	wantOwner(t, d, again)
	must(t, d.Release(t.Context(), again))
	must(t, d.Release(t.Context(), again))
	_, err = d.Owner(t.Context(), "s-1")
	wantNotFound(t, err)
	if other := acquire(t, d, "s-1", nodeB); other.Epoch <= again.Epoch {
		t.Fatalf("epoch went from %d to %d", again.Epoch, other.Epoch)
	}
}

func testTransfer(t *testing.T, d session.Directory) {
	first := acquire(t, d, "s-1", nodeA)
	second, err := d.Transfer(t.Context(), first, nodeB)
	must(t, err)
	if second.Holder != nodeB || second.Epoch <= first.Epoch {
		t.Fatalf("%+v became %+v", first, second)
	}
	wantOwner(t, d, second)
	wantRestored(t, d, []session.Lease{first, second}, "s-1")
	must(t, d.Release(t.Context(), first)) // changes nothing
	wantOwner(t, d, second)
	_, err = d.Transfer(t.Context(), first, nodeC) // it is not its any more
	if held, ok := errors.AsType[*session.HeldError](err); !ok || held.Lease != second {
		t.Fatalf("transferred twice: %v", err)
	}
	must(t, d.Release(t.Context(), second))
	_, err = d.Transfer(t.Context(), second, nodeA) // nobody holds it
	must(t, err)
	_, err = d.Transfer(t.Context(), session.Lease{ID: "}{"}, nodeA)
	wantInvalid(t, err, "id")
}

func testAcquireInvalid(t *testing.T, d session.Directory) {
	_, err := d.Acquire(t.Context(), "}{", nodeA)
	wantInvalid(t, err, "id")
	_, err = d.Acquire(t.Context(), "s-1", session.Holder{Incarnation: "1"})
	wantInvalid(t, err, "node")
	_, err = d.Acquire(t.Context(), "s-1", session.Holder{Node: nodeA.Node})
	wantInvalid(t, err, "incarnation")
	_, err = d.Owner(t.Context(), "}{")
	wantNotFound(t, err)
}

func testAcquireRace(t *testing.T, d session.Directory) {
	var wg sync.WaitGroup
	results := make(chan error, 16)
	for i := range cap(results) {
		wg.Go(func() {
			_, err := d.Acquire(t.Context(), "s-1", holder(fmt.Sprint("http://node-", i)))
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

// Another life of a process does not have what the one before has, until it seizes it.
func testIncarnations(t *testing.T, d session.Directory) {
	old := acquire(t, d, "s-1", nodeA)
	again := session.Holder{Node: nodeA.Node, Incarnation: "2"}
	_, err := d.Acquire(t.Context(), "s-1", again)
	if held, ok := errors.AsType[*session.HeldError](err); !ok || held.Lease != old {
		t.Fatalf("acquired while held: %v", err)
	}
	taken, err := d.Transfer(t.Context(), old, again)
	must(t, err)
	wantOwner(t, d, taken)
	must(t, d.Release(t.Context(), old))
	wantOwner(t, d, taken)
}

// One of many that seize a lease gets it.
func testSeize(t *testing.T, d session.Directory) {
	old := acquire(t, d, "s-1", nodeA)
	var wg sync.WaitGroup
	var won atomic.Int64
	for i := range 8 {
		wg.Go(func() {
			_, err := d.Transfer(t.Context(), old, holder(fmt.Sprint("http://node-", i)))
			if _, held := errors.AsType[*session.HeldError](err); err == nil {
				won.Add(1)
			} else if !held {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d nodes seized it", won.Load())
	}
	wantRestored(t, d, []session.Lease{old}, "s-1")
}

func testRestore(t *testing.T, d session.Directory) {
	a, b := acquire(t, d, "s-a", nodeA), acquire(t, d, "s-b", nodeA)
	wantRestored(t, d, []session.Lease{a, b})
	wantOwner(t, d, a)
	wantOwner(t, d, b)
	must(t, d.Release(t.Context(), a))
	taken := acquire(t, d, "s-a", nodeB)
	wantRestored(t, d, []session.Lease{b, a}, "s-a")
	wantOwner(t, d, taken)
	wantRestored(t, d, nil)
}

func testRestoreMany(t *testing.T, d session.Directory) {
	var leases []session.Lease
	var lost []session.ID
	for i := range 300 {
		id := session.ID(fmt.Sprint("s-", i))
		l := acquire(t, d, id, nodeA)
		if i%3 == 0 {
			acquire(t, d, id, nodeA)
			lost = append(lost, id)
		}
		leases = append(leases, l)
	}
	wantRestored(t, d, leases, lost...)
}

func testGivenUp(t *testing.T, d session.Directory) {
	l := acquire(t, d, "s-1", nodeA)
	must(t, d.Release(t.Context(), l))
	wantRestored(t, d, []session.Lease{l}, "s-1")
	_, err := d.Owner(t.Context(), "s-1")
	wantNotFound(t, err)
}

// A directory that lost what it knew learns it again from those who hold leases.
func testRestoreUnknown(t *testing.T, d session.Directory) {
	l := session.Lease{ID: "s-1", Holder: nodeA, Epoch: 5}
	wantRestored(t, d, []session.Lease{l})
	wantOwner(t, d, l)
	twin := session.Lease{ID: "s-1", Holder: nodeB, Epoch: 5}
	wantRestored(t, d, []session.Lease{twin}, "s-1")
	if next := acquire(t, d, "s-1", nodeA); next.Epoch <= 5 {
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
	old := acquire(t, d, "s-1", nodeA)
	if stale := write(old, "1-0"); len(stale) > 0 {
		t.Fatal("the owner's write was refused")
	}
	must(t, d.Release(t.Context(), old))
	if stale := write(old, "2-0"); len(stale) > 0 {
		t.Fatal("what was left to write was refused before there was another owner")
	}
	taken := acquire(t, d, "s-1", nodeB)
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
	old := acquire(t, d, "s-1", nodeA)
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
	acquire(t, d, "s-1", nodeB)
	taken.Store(true)
	wg.Wait()
}
