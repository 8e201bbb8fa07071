package records_test

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"switchboard/webhooks/records"
	"switchboard/webhooks/redistest"
)

func TestMain(m *testing.M) { redistest.Main(m, nil) }

func TestOnlyNewerStatesAreTaken(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		s := records.New(rdb, "things")
		for _, step := range []struct {
			version int64
			object  string
			changed bool
			now     string
		}{{1, `{"a":1}`, true, `{"a":1}`}, {2, `{"a":2}`, true, `{"a":2}`}, {1, `{"a":1}`, false, `{"a":2}`}, {2, `{"a":2}`, false, `{"a":2}`}, {2, `{"a":3}`, true, `{"a":3}`}} {
			r, changed, err := s.Absorb(t.Context(), "x", 100, step.version, []byte(step.object))
			if err != nil || changed != step.changed || string(r.Object) != step.now {
				t.Fatalf("%+v: %s, %v, %v", step, r.Object, changed, err)
			}
		}
	})
}

// An object that is older than all that are kept can still be looked at, and does not push out more than its own kind.
func TestAnObjectOlderThanThoseKept(t *testing.T) {
	s := records.New(redistest.Mini(t), "things")
	const kept = 1000
	for i := range kept {
		if _, _, err := s.Absorb(t.Context(), fmt.Sprint("new", i), int64(1000+i), 1, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"old1", "old2"} {
		r, changed, err := s.Absorb(t.Context(), id, 1, 1, []byte(`{"old":true}`))
		if err != nil || !changed || string(r.Object) != `{"old":true}` {
			t.Fatalf("%s: %+v, %v, %v", id, r, changed, err)
		}
	}
	all, err := s.Newest(t.Context(), 2*kept)
	if err != nil || len(all) != kept+1 {
		t.Fatalf("%d are kept, %v", len(all), err)
	}
	if _, err := s.Get(t.Context(), "new0"); err != nil {
		t.Errorf("a newer one went instead: %v", err)
	}
}
