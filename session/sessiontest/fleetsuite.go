package sessiontest

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"switchboard/session"
)

// Fleet is what the suite is about, and what fills it: leases, and the records of the
// sessions they are of.
type Fleet interface {
	session.Fleet
	session.Directory
	session.Store
	ClusterSecret(ctx context.Context) ([]byte, error)
}

// TestFleet is what every [session.Fleet] must pass. open returns an empty one.
func TestFleet(t *testing.T, open func(t *testing.T) Fleet) {
	for name, test := range map[string]func(*testing.T, Fleet){
		"nodes":                        testNodes,
		"heartbeats":                   testHeartbeats,
		"heartbeats that were lost":    testForgetfulFleet,
		"declare":                      testDeclare,
		"offer":                        testOffer,
		"cluster secret":               testClusterSecret,
		"orphan of a lost node":        testOrphan,
		"orphan of a leaving node":     testOrphanReleased,
		"no orphans":                   testNoOrphans,
		"orphans at most":              testOrphansLimit,
		"orphans for several nodes":    testOrphansShared,
		"orphan that nobody took":      testOrphanAgain,
		"orphan of a forgetful fleet":  testOrphanUnknown,
		"orphan released by its taker": testOrphanTaken,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func wantNodes(t *testing.T, f session.Fleet, want ...session.Node) {
	t.Helper()
	got, err := f.Nodes(t.Context())
	must(t, err)
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Fatalf("nodes are %+v, want %+v", got, want)
	}
}

// beats writes a heartbeat of a node's first incarnation.
func beats(t *testing.T, f session.Heartbeats, n session.Node, counter int64) session.Census {
	t.Helper()
	c, err := f.Beat(t.Context(), session.Heartbeat{Incarnation: holder(n.URL).Incarnation, Node: n, Counter: counter, Acked: counter - 1})
	must(t, err)
	return c
}

func testNodes(t *testing.T, f Fleet) {
	wantNodes(t, f)
	a := session.Node{URL: nodeA.Node, Sessions: 7, Started: created}
	b := session.Node{URL: "http://[fe80::1]:80/}{ü", Draining: true, Started: created}
	beats(t, f, b, 1)
	beats(t, f, a, 1)
	wantNodes(t, f, a, b)
	a.Sessions, a.Draining = 8, true
	beats(t, f, a, 2)
	wantNodes(t, f, a, b)
	declare(t, f, a.URL, a.URL, 2, true) // it leaves
	wantNodes(t, f, b)
	declare(t, f, b.URL, b.URL, 1, true)
	wantNodes(t, f)
}

func declare(t *testing.T, f session.Heartbeats, by, dead string, counter int64, want bool) {
	t.Helper()
	d := session.Heartbeat{Incarnation: holder(dead).Incarnation, Counter: counter}
	if got, err := f.Declare(t.Context(), holder(by).Incarnation, d); err != nil || got != want {
		t.Fatalf("%s declared dead by %s: %v, %v", dead, by, got, err)
	}
}

func testHeartbeats(t *testing.T, f Fleet) {
	a, b := session.Node{URL: nodeA.Node}, session.Node{URL: nodeB.Node}
	first := beats(t, f, a, 1)
	if first.Dead || first.Previous != 0 || first.Joined == 0 || first.Joined != first.Generation || len(first.Members) != 1 {
		t.Fatalf("the first heartbeat: %+v", first)
	}
	second := beats(t, f, b, 1)
	if second.Joined <= first.Joined || second.Generation != second.Joined || len(second.Members) != 2 {
		t.Fatalf("the second node's: %+v", second)
	}
	third, err := f.Beat(t.Context(), session.Heartbeat{Incarnation: nodeA.Incarnation, Node: a, Counter: 5, Acked: 1, Seen: first.Generation, Joined: first.Joined})
	must(t, err)
	if third.Previous != 1 || third.Joined != first.Joined || third.Generation != second.Joined {
		t.Fatalf("the third heartbeat: %+v", third)
	}
	late := beats(t, f, a, 3) // overtaken: it changes nothing
	want := []session.Member{
		{Heartbeat: session.Heartbeat{Incarnation: nodeA.Incarnation, Node: a, Counter: 5, Acked: 1, Seen: first.Generation, Joined: first.Joined}},
		{Heartbeat: session.Heartbeat{Incarnation: nodeB.Incarnation, Node: b, Counter: 1, Joined: second.Joined}},
	}
	if late.Previous != 5 || !reflect.DeepEqual(late.Members, want) {
		t.Fatalf("members are %+v, want %+v", late.Members, want)
	}
	_, err = f.Beat(t.Context(), session.Heartbeat{Incarnation: "1"})
	wantInvalid(t, err, "url")
	_, err = f.Beat(t.Context(), session.Heartbeat{Node: a})
	wantInvalid(t, err, "incarnation")
}

// A fleet that lost what it knew gives out a generation that it has not given out before.
func testForgetfulFleet(t *testing.T, f Fleet) {
	b := session.Heartbeat{Incarnation: "1", Node: session.Node{URL: nodeA.Node}, Counter: 9, Seen: 1 << 50, Joined: 1 << 50}
	if c, err := f.Beat(t.Context(), b); err != nil || c.Joined <= b.Seen || c.Previous != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

func testDeclare(t *testing.T, f Fleet) {
	a, b := session.Node{URL: nodeA.Node}, session.Node{URL: nodeB.Node}
	beats(t, f, a, 1)
	beats(t, f, b, 1)
	beats(t, f, a, 2)
	declare(t, f, b.URL, a.URL, 1, false) // it has changed
	declare(t, f, "http://c", a.URL, 2, false)
	declare(t, f, b.URL, "http://c", 1, false)
	declare(t, f, b.URL, a.URL, 2, true)
	declare(t, f, b.URL, a.URL, 2, false)
	declare(t, f, a.URL, b.URL, 1, false) // the dead declare nobody
	if c := beats(t, f, a, 3); !c.Dead {
		t.Errorf("the dead one is told %+v", c)
	}
	c := beats(t, f, b, 2)
	if len(c.Members) != 2 || !c.Members[0].Dead || c.Members[0].Counter != 2 || c.Members[1].Dead {
		t.Errorf("members are %+v", c.Members)
	}
	wantNodes(t, f, b)
	again, err := f.Beat(t.Context(), session.Heartbeat{Incarnation: "2", Node: a, Counter: 1}) // another life
	must(t, err)
	if again.Dead || again.Joined <= c.Generation {
		t.Errorf("its next life is told %+v", again)
	}
	wantNodes(t, f, a, b)
}

// What a dead incarnation holds is offered, and nothing else.
func testOffer(t *testing.T, f Fleet) {
	for i := range 1200 {
		begin(t, f, session.ID(fmt.Sprint("s-", i)), nodeA)
	}
	begin(t, f, "s-b", nodeB)
	released := begin(t, f, "s-released", nodeA)
	must(t, f.Release(t.Context(), released))
	taken := begin(t, f, "s-released", nodeB)
	if n, err := f.Offer(t.Context(), nodeA.Incarnation); err != nil || n != 1200 {
		t.Fatalf("offered %d, %v", n, err)
	}
	if n, err := f.Offer(t.Context(), nodeA.Incarnation); err != nil || n != 0 {
		t.Fatalf("offered %d again, %v", n, err)
	}
	wantOwner(t, f, taken)
	orphans, err := f.Orphans(t.Context(), 2000)
	must(t, err)
	if slices.Sort(orphans); len(slices.Compact(orphans)) != 1200 || slices.Contains(orphans, "s-b") || slices.Contains(orphans, "s-released") {
		t.Errorf("%d orphans", len(orphans))
	}
}

func testClusterSecret(t *testing.T, f Fleet) {
	var wg sync.WaitGroup
	secrets := make(chan []byte, 8)
	for range cap(secrets) {
		wg.Go(func() {
			secret, err := f.ClusterSecret(t.Context())
			if err != nil || len(secret) != 32 {
				t.Errorf("a secret of %d bytes, %v", len(secret), err)
			}
			secrets <- secret
		})
	}
	wg.Wait()
	first := <-secrets
	for range cap(secrets) - 1 {
		if !bytes.Equal(<-secrets, first) {
			t.Error("nodes have different secrets")
		}
	}
}

// begin has a node hold a session that is recorded.
func begin(t *testing.T, f Fleet, id session.ID, h session.Holder) session.Lease {
	t.Helper()
	beats(t, f, session.Node{URL: h.Node}, 1)
	l := acquire(t, f, id, h)
	r := record(id)
	apply(t, f, session.Change{ID: id, Epoch: l.Epoch, Record: &r})
	return l
}

func end(t *testing.T, f Fleet, l session.Lease) {
	t.Helper()
	r := record(l.ID)
	r.Status, r.EndedAt = session.StatusEnded, created
	apply(t, f, session.Change{ID: l.ID, Epoch: l.Epoch, Record: &r})
}

func wantOrphans(t *testing.T, f session.Fleet, limit int, want ...session.ID) {
	t.Helper()
	got, err := f.Orphans(t.Context(), limit)
	must(t, err)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("orphans are %v, want %v", got, want)
	}
}

// awaitOrphans waits until all of them were listed, each once.
func awaitOrphans(t *testing.T, f session.Fleet, want ...session.ID) {
	t.Helper()
	var got []session.ID
	Eventually(t, fmt.Sprint("orphans ", want), func() bool {
		some, err := f.Orphans(t.Context(), 10)
		must(t, err)
		got = append(got, some...)
		return len(got) >= len(want)
	})
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("orphans are %v, want %v", got, want)
	}
}

func testOrphan(t *testing.T, f Fleet) {
	begin(t, f, "s-1", nodeA)
	begin(t, f, "s-2", nodeB)
	wantOrphans(t, f, 10)
	_, err := f.Offer(t.Context(), nodeA.Incarnation)
	must(t, err)
	wantOrphans(t, f, 10, "s-1")
	beats(t, f, session.Node{URL: nodeB.Node}, 1)
	taken := acquire(t, f, "s-1", nodeB)
	wantOrphans(t, f, 10)
	end(t, f, taken)
	must(t, f.Release(t.Context(), taken))
	wantOrphans(t, f, 10)
}

func testOrphanReleased(t *testing.T, f Fleet) {
	a := begin(t, f, "s-1", nodeA)
	b := begin(t, f, "s-2", nodeA)
	wantOrphans(t, f, 10)
	old := a
	old.Epoch--
	must(t, f.Release(t.Context(), old)) // it is not: changes nothing
	wantOrphans(t, f, 10)
	must(t, f.Release(t.Context(), a))
	must(t, f.Release(t.Context(), b))
	wantOrphans(t, f, 10, "s-1", "s-2")
}

// What has ended, was never recorded or was never held is nobody's to claim.
func testNoOrphans(t *testing.T, f Fleet) {
	wantOrphans(t, f, 10)
	ended := begin(t, f, "s-ended", nodeA)
	end(t, f, ended)
	acquire(t, f, "s-unrecorded", nodeA)
	apply(t, f, recorded("s-unheld"))
	_, err := f.Offer(t.Context(), nodeA.Incarnation)
	must(t, err)
	wantOrphans(t, f, 10)
	must(t, f.Release(t.Context(), ended))
	wantOrphans(t, f, 10)
	wantOrphans(t, f, 0)
}

func testOrphansLimit(t *testing.T, f Fleet) {
	for i := range 5 {
		must(t, f.Release(t.Context(), begin(t, f, session.ID(fmt.Sprint("s-", i)), nodeA)))
	}
	began := time.Now()
	first, err := f.Orphans(t.Context(), 2)
	must(t, err)
	rest, err := f.Orphans(t.Context(), 10)
	must(t, err)
	both := once(append(slices.Clone(first), rest...), began)
	if len(first) != 2 || !slices.Equal(both, []session.ID{"s-0", "s-1", "s-2", "s-3", "s-4"}) {
		t.Fatalf("first %v, then %v", first, rest)
	}
}

// Nodes that sweep at the same time do not run after the same sessions.
func testOrphansShared(t *testing.T, f Fleet) {
	var want []session.ID
	for i := range 40 {
		id := session.ID(fmt.Sprintf("s-%02d", i))
		want = append(want, id)
		must(t, f.Release(t.Context(), begin(t, f, id, nodeA)))
	}
	began := time.Now()
	var wg sync.WaitGroup
	lists := make(chan []session.ID, 4)
	for range cap(lists) {
		wg.Go(func() {
			ids, err := f.Orphans(t.Context(), 10)
			if err != nil {
				t.Error(err)
			}
			lists <- ids
		})
	}
	wg.Wait()
	close(lists)
	var got []session.ID
	for ids := range lists {
		got = append(got, ids...)
	}
	rest, err := f.Orphans(t.Context(), 40)
	must(t, err)
	got = once(append(got, rest...), began)
	if !slices.Equal(got, want) {
		t.Fatalf("listed %v", got)
	}
}

// once sorts what was listed since began, without what a machine that took so long may have
// been told again.
func once(listed []session.ID, began time.Time) []session.ID {
	slices.Sort(listed)
	if time.Since(began) >= orphanPause {
		listed = slices.Compact(listed)
	}
	return listed
}

func testOrphanAgain(t *testing.T, f Fleet) {
	must(t, f.Release(t.Context(), begin(t, f, "s-1", nodeA)))
	began := time.Now()
	wantOrphans(t, f, 10, "s-1")
	again, err := f.Orphans(t.Context(), 10)
	must(t, err)
	if len(once(append(again, "s-1"), began)) > 1 {
		t.Fatal("it was listed again at once")
	}
	if len(again) == 0 {
		awaitOrphans(t, f, "s-1")
	}
}

// A fleet that lost what it knew learns it again from those who hold leases.
func testOrphanUnknown(t *testing.T, f Fleet) {
	l := session.Lease{ID: "s-1", Holder: nodeA, Epoch: 5}
	r := record(l.ID)
	apply(t, f, session.Change{ID: l.ID, Epoch: l.Epoch, Record: &r})
	if lost, err := f.Restore(t.Context(), []session.Lease{l}); err != nil || len(lost) > 0 {
		t.Fatalf("lost %v, %v", lost, err)
	}
	_, err := f.Offer(t.Context(), nodeA.Incarnation)
	must(t, err)
	wantOrphans(t, f, 10, "s-1")
}

// A session that is claimed and handed on within a moment is up for a claim at once.
func testOrphanTaken(t *testing.T, f Fleet) {
	must(t, f.Release(t.Context(), begin(t, f, "s-1", nodeA)))
	wantOrphans(t, f, 10, "s-1")
	must(t, f.Release(t.Context(), acquire(t, f, "s-1", nodeB)))
	wantOrphans(t, f, 10, "s-1")
}
