package redisstore_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
	"switchboard/session/redisstore"
	"switchboard/session/redisstore/redistest"
	"switchboard/session/sessiontest"
)

// What finds orphans may be out of order: then no lease is given out that it would not
// find, but those that are held go on.
func TestLeasesGoOnWithoutOrphans(t *testing.T) {
	client := connect(t, redistest.Start(t).URL)
	s := redisstore.New(client, redisstore.Options{})
	held, err := s.Acquire(t.Context(), "s-1", nodeB)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"gw:{o}:due", "gw:{h:a1}:held"} {
		if err := client.Set(t.Context(), key, "neither", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if lost, err := s.Restore(t.Context(), []session.Lease{held}); err != nil || len(lost) > 0 {
		t.Fatalf("lost %v, %v", lost, err)
	}
	if _, err := s.Acquire(t.Context(), "s-2", nodeA); err == nil {
		t.Fatal("a lease was given out")
	}
	if _, err := s.Owner(t.Context(), "s-2"); !errors.Is(err, session.ErrNotFound) {
		t.Fatalf("owner: %v", err)
	}
	if _, err := s.Orphans(t.Context(), 10); err == nil {
		t.Fatal("orphans were listed")
	}
	if err := s.Release(t.Context(), held); err == nil {
		t.Fatal("nobody was told that the session was not offered")
	}
	if _, err := s.Owner(t.Context(), "s-1"); !errors.Is(err, session.ErrNotFound) {
		t.Fatalf("owner of the released: %v", err)
	}
}

// Ended sessions, and those that were forgotten, do not stay among those to look at.
func TestNothingIsLookedAtForEver(t *testing.T) {
	server := redistest.Start(t)
	client := connect(t, server.URL)
	s := redisstore.New(client, redisstore.Options{Keep: 10 * time.Millisecond})
	for _, id := range []session.ID{"s-ended", "s-forgotten"} {
		l, err := s.Acquire(t.Context(), id, nodeA)
		if err != nil {
			t.Fatal(err)
		}
		if id == "s-ended" {
			record := changes(id, session.StatusEnded)[0]
			record.Epoch = l.Epoch
			apply(t, s, record)
		}
	}
	if n, err := s.Offer(t.Context(), nodeA.Incarnation); n != 2 || err != nil {
		t.Fatalf("offered %d, %v", n, err)
	}
	sessiontest.Eventually(t, "nothing is left to look at", func() bool {
		if ids, err := s.Orphans(t.Context(), 10); err != nil || len(ids) > 0 {
			t.Fatalf("orphans %v, %v", ids, err)
		}
		return client.ZCard(t.Context(), "gw:{o}:due").Val() == 0
	})
}

// A lease that reached Redis after its incarnation was declared dead and its sessions were
// offered is found again, because whoever looks at the session sees that the holder is dead.
func TestLeaseOfTheDead(t *testing.T) {
	s := redisstore.New(connect(t, redistest.Start(t).URL), redisstore.Options{})
	for _, h := range []session.Holder{nodeA, nodeB} {
		if _, err := s.Beat(t.Context(), session.Heartbeat{Incarnation: h.Incarnation, Node: session.Node{URL: h.Node}, Counter: 1}); err != nil {
			t.Fatal(err)
		}
	}
	old, err := s.Acquire(t.Context(), "s-1", nodeB)
	if err != nil {
		t.Fatal(err)
	}
	r := changes("s-1", session.StatusActive)[0]
	r.Epoch = old.Epoch
	apply(t, s, r)
	if err := s.Release(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if done, err := s.Declare(t.Context(), nodeB.Incarnation, session.Heartbeat{Incarnation: nodeA.Incarnation, Counter: 1}); !done || err != nil {
		t.Fatal(done, err)
	}
	late, err := s.Acquire(t.Context(), "s-1", nodeA)
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := s.Orphans(t.Context(), 10); len(ids) != 1 || err != nil {
		t.Fatalf("orphans %v, %v", ids, err)
	}
	if _, err := s.Transfer(t.Context(), late, nodeB); err != nil {
		t.Error(err)
	}
}

// Leases of a version without heartbeats: a node that renews them keeps them, also from nodes
// with heartbeats, and they expire.
func TestLeasesOfOlderVersions(t *testing.T) {
	client := connect(t, redistest.Start(t).URL)
	s := redisstore.New(client, redisstore.Options{})
	old := func(id session.ID, ttl time.Duration) {
		t.Helper()
		apply(t, s, changes(id, session.StatusActive)[0])
		err := errors.Join(
			client.ZAdd(t.Context(), "gw:{o}:due", redis.Z{Score: 1, Member: string(id)}).Err(),
			client.Set(t.Context(), "gw:{s:"+string(id)+"}:lease", "1 http://a", ttl).Err(),
		)
		if err != nil {
			t.Fatal(err)
		}
	}
	old("s-1", time.Hour)
	if l, err := s.Owner(t.Context(), "s-1"); err != nil || l.Node != "http://a" || l.Incarnation != "" {
		t.Errorf("owner %+v, %v", l, err)
	}
	if _, held := errors.AsType[*session.HeldError](errOf(s.Acquire(t.Context(), "s-1", nodeB))); !held {
		t.Error("acquired while it is held")
	}
	if ids, err := s.Orphans(t.Context(), 10); err != nil || len(ids) > 0 {
		t.Errorf("orphans %v, %v", ids, err)
	}
	l, err := s.Transfer(t.Context(), session.Lease{ID: "s-1", Holder: session.Holder{Node: "http://a"}, Epoch: 1}, nodeB)
	if err != nil || l.Epoch <= 1 {
		t.Errorf("handed over: %+v, %v", l, err)
	}
	// An older node takes it over in its turn, and its lease is one that expires.
	if err := client.Set(t.Context(), "gw:{s:s-1}:lease", fmt.Sprint(l.Epoch+1, " http://a"), time.Hour).Err(); err != nil {
		t.Fatal(err)
	}
	if l, err := s.Owner(t.Context(), "s-1"); err != nil || l.Node != "http://a" || l.Incarnation != "" {
		t.Errorf("owner %+v, %v", l, err)
	}
	old("s-2", 20*time.Millisecond)
	sessiontest.Eventually(t, "the lease expires", func() bool {
		ids, err := s.Orphans(t.Context(), 10)
		return err == nil && len(ids) == 1 && ids[0] == "s-2"
	})
}

func errOf[T any](_ T, err error) error { return err }
