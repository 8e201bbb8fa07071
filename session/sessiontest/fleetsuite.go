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
		"silent node":                  testSilentNode,
		"node without a URL":           testNodeInvalid,
		"cluster secret":               testClusterSecret,
		"orphan of a lost node":        testOrphan,
		"orphan of a leaving node":     testOrphanReleased,
		"no orphans":                   testNoOrphans,
		"orphans among many":           testOrphansAmongMany,
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

func testNodes(t *testing.T, f Fleet) {
	wantNodes(t, f)
	a := session.Node{URL: nodeA, Sessions: 7, Started: created}
	b := session.Node{URL: "http://[fe80::1]:80/}{ü", Draining: true, Started: created}
	must(t, f.Announce(t.Context(), b, time.Hour))
	must(t, f.Announce(t.Context(), a, time.Hour))
	wantNodes(t, f, a, b)
	a.Sessions, a.Draining = 8, true
	must(t, f.Announce(t.Context(), a, time.Hour))
	wantNodes(t, f, a, b)
	must(t, f.Announce(t.Context(), session.Node{URL: a.URL}, 0))
	wantNodes(t, f, b)
	must(t, f.Announce(t.Context(), session.Node{URL: a.URL}, 0))
	must(t, f.Announce(t.Context(), b, 0))
	wantNodes(t, f)
}

func testSilentNode(t *testing.T, f Fleet) {
	lasting := session.Node{URL: nodeB, Started: created}
	must(t, f.Announce(t.Context(), lasting, time.Hour))
	must(t, f.Announce(t.Context(), session.Node{URL: nodeA, Started: created}, 20*time.Millisecond))
	Eventually(t, "the silent node is gone", func() bool {
		nodes, err := f.Nodes(t.Context())
		must(t, err)
		return len(nodes) == 1
	})
	wantNodes(t, f, lasting)
}

func testNodeInvalid(t *testing.T, f Fleet) {
	wantInvalid(t, f.Announce(t.Context(), session.Node{}, time.Hour), "url")
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
func begin(t *testing.T, f Fleet, id session.ID, node string, ttl time.Duration) session.Lease {
	t.Helper()
	l := acquire(t, f, id, node, ttl)
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
	begin(t, f, "s-1", nodeA, 20*time.Millisecond)
	begin(t, f, "s-2", nodeB, time.Hour)
	awaitOrphans(t, f, "s-1")
	taken := acquire(t, f, "s-1", nodeB, time.Hour)
	wantOrphans(t, f, 10)
	end(t, f, taken)
	must(t, f.Release(t.Context(), taken))
	wantOrphans(t, f, 10)
}

func testOrphanReleased(t *testing.T, f Fleet) {
	a := begin(t, f, "s-1", nodeA, time.Hour)
	b := begin(t, f, "s-2", nodeA, time.Hour)
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
	ended := begin(t, f, "s-ended", nodeA, 20*time.Millisecond)
	end(t, f, ended)
	acquire(t, f, "s-unrecorded", nodeA, 20*time.Millisecond)
	apply(t, f, recorded("s-unheld"))
	expire(t, f, "s-ended")
	expire(t, f, "s-unrecorded")
	wantOrphans(t, f, 10)
	must(t, f.Release(t.Context(), ended))
	wantOrphans(t, f, 10)
	wantOrphans(t, f, 0)
}

// Leases that were renewed are looked at when the first would have expired, and left alone.
func testOrphansAmongMany(t *testing.T, f Fleet) {
	var leases []session.Lease
	for i := range 1200 {
		leases = append(leases, session.Lease{ID: session.ID(fmt.Sprint("s-", i)), Node: nodeA, Epoch: 1})
	}
	if lost, err := f.Renew(t.Context(), leases, 100*time.Millisecond); err != nil || len(lost) > 0 {
		t.Fatalf("lost %v, %v", lost, err)
	}
	wantRenewed(t, f, leases)
	begin(t, f, "s-lost", nodeA, time.Millisecond)
	awaitOrphans(t, f, "s-lost")
	acquire(t, f, "s-lost", nodeB, time.Hour) // or it would be listed again before long
	expired := time.After(200 * time.Millisecond)
	for looking := true; looking; {
		wantOrphans(t, f, 10)
		select {
		case <-expired:
			looking = false
		default:
		}
	}
	for _, l := range leases[:3] {
		r := record(l.ID)
		apply(t, f, session.Change{ID: l.ID, Epoch: l.Epoch, Record: &r})
		must(t, f.Release(t.Context(), l))
	}
	wantOrphans(t, f, 10, "s-0", "s-1", "s-2")
}

func testOrphansLimit(t *testing.T, f Fleet) {
	for i := range 5 {
		must(t, f.Release(t.Context(), begin(t, f, session.ID(fmt.Sprint("s-", i)), nodeA, time.Hour)))
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
		must(t, f.Release(t.Context(), begin(t, f, id, nodeA, time.Hour)))
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
	must(t, f.Release(t.Context(), begin(t, f, "s-1", nodeA, time.Hour)))
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
	l := session.Lease{ID: "s-1", Node: nodeA, Epoch: 5}
	r := record(l.ID)
	apply(t, f, session.Change{ID: l.ID, Epoch: l.Epoch, Record: &r})
	if lost, err := f.Renew(t.Context(), []session.Lease{l}, 20*time.Millisecond); err != nil || len(lost) > 0 {
		t.Fatalf("lost %v, %v", lost, err)
	}
	awaitOrphans(t, f, "s-1")
}

// A session that is claimed and handed on within a moment is up for a claim at once.
func testOrphanTaken(t *testing.T, f Fleet) {
	must(t, f.Release(t.Context(), begin(t, f, "s-1", nodeA, time.Hour)))
	wantOrphans(t, f, 10, "s-1")
	must(t, f.Release(t.Context(), acquire(t, f, "s-1", nodeB, time.Hour)))
	wantOrphans(t, f, 10, "s-1")
}
