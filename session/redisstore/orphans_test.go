package redisstore_test

import (
	"errors"
	"testing"
	"time"

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
	held, err := s.Acquire(t.Context(), "s-1", "http://a", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Set(t.Context(), "gw:{o}:due", "no sorted set", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if lost, err := s.Renew(t.Context(), []session.Lease{held}, time.Hour); err != nil || len(lost) > 0 {
		t.Fatalf("lost %v, %v", lost, err)
	}
	if _, err := s.Acquire(t.Context(), "s-2", "http://a", time.Hour); err == nil {
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
		l, err := s.Acquire(t.Context(), id, "http://a", 50*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if id == "s-ended" {
			record := changes(id, session.StatusEnded)[0]
			record.Epoch = l.Epoch
			apply(t, s, record)
		}
	}
	sessiontest.Eventually(t, "nothing is left to look at", func() bool {
		if ids, err := s.Orphans(t.Context(), 10); err != nil || len(ids) > 0 {
			t.Fatalf("orphans %v, %v", ids, err)
		}
		return client.ZCard(t.Context(), "gw:{o}:due").Val() == 0
	})
}
