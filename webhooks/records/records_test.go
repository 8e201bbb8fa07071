package records_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"switchboard/session/redisstore/redistest"
	"switchboard/webhooks/records"
)

func TestMain(m *testing.M) { redistest.Main(m, nil) }

func TestOnlyNewerStatesAreTaken(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		s := records.New(rdb, "things", slog.New(slog.DiscardHandler))
		for _, step := range []struct {
			version int64
			object  string
			changed bool
			now     string
		}{{1, `{"a":1}`, true, `{"a":1}`}, {2, `{"a":2}`, true, `{"a":2}`}, {1, `{"a":1}`, false, `{"a":2}`}, {2, `{"a":2}`, false, `{"a":2}`}, {2, `{"a":3}`, true, `{"a":3}`}} {
			r, changed, err := s.Absorb(t.Context(), "", "x", 100, step.version, []byte(step.object))
			if err != nil || changed != step.changed || string(r.Object) != step.now {
				t.Fatalf("%+v: %s, %v, %v", step, r.Object, changed, err)
			}
		}
	})
}

// An object that is older than all that are kept can still be looked at, and does not push out more than its own kind.
func TestAnObjectOlderThanThoseKept(t *testing.T) {
	s := records.New(redistest.Mini(t), "things", slog.New(slog.DiscardHandler))
	const kept = 1000
	for i := range kept {
		if _, _, err := s.Absorb(t.Context(), "", fmt.Sprint("new", i), int64(1000+i), 1, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"old1", "old2"} {
		r, changed, err := s.Absorb(t.Context(), "", id, 1, 1, []byte(`{"old":true}`))
		if err != nil || !changed || string(r.Object) != `{"old":true}` {
			t.Fatalf("%s: %+v, %v, %v", id, r, changed, err)
		}
	}
	all, _, err := s.Newest(t.Context(), records.Everyone, "", 2*kept)
	if err != nil || len(all) != kept+1 {
		t.Fatalf("%d are kept, %v", len(all), err)
	}
	if _, err := s.Get(t.Context(), "new0"); err != nil {
		t.Errorf("a newer one went instead: %v", err)
	}
}

// Each owner pages through its own records, those who see all through all, and one owner's do not push out another's.
func TestRecordsOfOwners(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		s := records.New(rdb, "things", slog.New(slog.DiscardHandler))
		for i := range 1010 {
			absorb(t, s, "a", fmt.Sprintf("a%04d", i), int64(i))
		}
		for i := range 30 {
			absorb(t, s, "b", fmt.Sprintf("b%04d", i), int64(i))
			absorb(t, s, "", fmt.Sprintf("x%04d", i), int64(i))
		}
		for who, want := range map[records.Viewer]int{{Key: "a"}: 1000, {Key: "b"}: 30, {Key: "c"}: 0, records.Everyone: 1060} {
			seen := map[string]bool{}
			for after := ""; ; {
				page, next, err := s.Newest(t.Context(), who, after, 100)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range page {
					seen[r.ID] = true
				}
				if after = next; next == "" {
					break
				}
			}
			if len(seen) != want {
				t.Errorf("%+v sees %d, want %d", who, len(seen), want)
			}
		}
		if _, _, err := s.Newest(t.Context(), records.Viewer{Key: "b"}, "a0500", 1); !errors.Is(err, records.ErrNotFound) {
			t.Errorf("a page behind another owner's record: %v", err)
		}
	})
}

func absorb(t *testing.T, s *records.Store, owner, id string, created int64) {
	t.Helper()
	if _, _, err := s.Absorb(t.Context(), owner, id, created, 1, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
}

func TestAnOwnerIsKnownByAnyOfAnObjectsIDs(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		s := records.New(rdb, "things", slog.New(slog.DiscardHandler))
		if err := errors.Join(s.Own(t.Context(), "a", "file-1"), s.Own(t.Context(), "", "file-2")); err != nil {
			t.Fatal(err)
		}
		for want, ids := range map[string][]string{"a": {"batch-1", "file-1"}, "": {"batch-2", "file-2"}} {
			if owner, err := s.Owner(t.Context(), ids...); owner != want || err != nil {
				t.Errorf("%v: %q, %v", ids, owner, err)
			}
		}
		if (records.Viewer{}).Sees("") || (records.Viewer{Key: "a"}).Sees("") || !(records.Viewer{Key: "a"}).Sees("a") || !records.Everyone.Sees("") {
			t.Error("who sees what is wrong")
		}
	})
}

// Of many that do the same at once, on two nodes, one does it at a time.
func TestAlone(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		var running, done atomic.Int32
		var group sync.WaitGroup
		for _, s := range []*records.Store{records.New(rdb, "things", slog.New(slog.DiscardHandler)), records.New(rdb, "things", slog.New(slog.DiscardHandler))} {
			for range 4 {
				group.Go(func() {
					err := s.Alone(t.Context(), "x", func(context.Context) error {
						if running.Add(1) > 1 {
							t.Error("two at once")
						}
						running.Add(-1)
						done.Add(1)
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
		}
		group.Wait()
		if done.Load() != 8 {
			t.Errorf("done %d times", done.Load())
		}
		rdb.Set(t.Context(), "gw:{wh:things}:lock:y", "another's", 0)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := records.New(rdb, "things", slog.New(slog.DiscardHandler)).Alone(gone, "y", nil); !errors.Is(err, records.ErrBusy) {
			t.Errorf("who gives up waiting: %v", err)
		}
	})
}
