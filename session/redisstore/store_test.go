package redisstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
	"switchboard/session/access"
	"switchboard/session/audit"
	"switchboard/session/redisstore"
	"switchboard/session/redisstore/redistest"
	"switchboard/session/series"
	"switchboard/session/sessiontest"
)

// changes are one of each kind for a session.
func changes(id session.ID, status session.Status) []session.Change {
	return []session.Change{
		{ID: id, Epoch: 1, Record: &session.Record{ID: id, Key: "shop", Status: status, CreatedAt: time.Unix(1e9, 0)}},
		{ID: id, Epoch: 1, Item: &session.Item{ID: "item-1"}},
		{ID: id, Epoch: 1, Event: &session.LoggedEvent{ID: "1-1", Type: "test", Raw: []byte(`{}`)}},
	}
}

func apply(t *testing.T, s *redisstore.Store, c ...session.Change) {
	t.Helper()
	if stale, err := s.Apply(t.Context(), c); err != nil || len(stale) > 0 {
		t.Fatalf("Apply: stale %v, error %v", stale, err)
	}
}

// life is how long the keys of id are still kept: the first and the last to go.
func life(t *testing.T, client redis.UniversalClient, id session.ID) (least, most time.Duration) {
	t.Helper()
	least = 1 << 62
	for _, part := range []string{"record", "items", "order", "log", "epoch"} {
		ttl, err := client.PTTL(t.Context(), "gw:{s:"+string(id)+"}:"+part).Result()
		if err != nil || ttl <= 0 {
			t.Fatalf("%s of %s lives for %v, %v", part, id, ttl, err)
		}
		least, most = min(least, ttl), max(most, ttl)
	}
	return least, most
}

func TestSessionIsForgotten(t *testing.T) {
	client := connect(t, redistest.Start(t).URL)
	s := redisstore.New(client, redisstore.Options{Keep: time.Hour, Forget: 10 * time.Hour})
	apply(t, s, changes("s-1", session.StatusActive)...)
	if least, most := life(t, client, "s-1"); least <= 9*time.Hour || most > 10*time.Hour {
		t.Fatalf("a live session is kept for %v to %v", least, most)
	}
	apply(t, s, changes("s-1", session.StatusEnded)...)
	if least, most := life(t, client, "s-1"); least <= 59*time.Minute || most > time.Hour {
		t.Fatalf("an ended session is kept for %v to %v", least, most)
	}
	late := changes("s-1", "")[2]
	late.Event.ID = "2-1"
	apply(t, s, late)
	if _, most := life(t, client, "s-1"); most > time.Hour {
		t.Fatalf("a late event keeps an ended session for %v", most)
	}
}

func TestEveryKeyExpires(t *testing.T) {
	server := redistest.Start(t)
	client := connect(t, server.URL)
	s := redisstore.New(client, redisstore.Options{})
	for i, call := range calls(s, session.Lease{ID: "s-1", Holder: nodeA, Epoch: 1}) {
		if err := call(t.Context()); err != nil && !errors.Is(err, session.ErrNotFound) {
			t.Fatalf("call %d: %v", i, err)
		}
	}
	if err := s.Open(t.Context(), "shop", "s-1", access.KeyLimits{Sessions: 1}, time.Minute); err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`^gw:\{[a-z]+(:[\w-]+)?\}(:[\w-]+)*$`)
	keys := server.Keys()
	if len(keys) < 20 {
		t.Fatalf("only %v", keys)
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return key == "gw:{c}:secret" }) // as long as the fleet
	for _, key := range keys {
		if ttl, err := client.PTTL(t.Context(), key).Result(); err != nil || ttl <= 0 {
			t.Errorf("%s lives for %v, %v", key, ttl, err)
		}
		if !form.MatchString(key) || strings.Contains(key, "ek_1") {
			t.Errorf("key %s", key)
		}
	}
}

func TestThousandSessionsLeaveNothing(t *testing.T) {
	server := redistest.Start(t)
	s := redisstore.New(connect(t, server.URL), redisstore.Options{Keep: time.Millisecond, Forget: 50 * time.Millisecond})
	for part := range 10 {
		var batch []session.Change
		for i := range 100 {
			batch = append(batch, changes(session.ID(fmt.Sprint("s-", part, "-", i)), session.StatusEnded)...)
		}
		apply(t, s, batch...)
	}
	sessiontest.Eventually(t, "nothing is left", func() bool { return len(server.Keys()) == 0 })
}

func TestListForgetsWhatIsGone(t *testing.T) {
	client := connect(t, redistest.Start(t).URL)
	s := redisstore.New(client, redisstore.Options{Keep: time.Hour})
	now := time.Now()
	s.SetClock(func() time.Time { return now })
	for i := range 150 {
		apply(t, s, changes(session.ID(fmt.Sprint("old-", i)), session.StatusEnded)...)
	}
	listed := func(key string) int64 { return client.ZCard(t.Context(), key).Val() }
	now = now.Add(2 * time.Hour)
	apply(t, s, changes("new-1", session.StatusActive)...)
	if n := listed("gw:{i}:list"); n != 51 {
		t.Fatalf("%d listed after the first tidying, want 51", n)
	}
	apply(t, s, changes("new-2", session.StatusActive)...)
	for _, key := range []string{"gw:{i}:list", "gw:{i}:until", "gw:{i:shop}:list", "gw:{i:shop}:until"} {
		if n := listed(key); n != 2 {
			t.Errorf("%s has %d entries, want 2", key, n)
		}
	}
}

func TestUsageIsOfTheDay(t *testing.T) {
	s := redisstore.New(connect(t, redistest.Start(t).URL), redisstore.Options{})
	now := time.Date(2026, 11, 23, 23, 59, 59, 0, time.UTC)
	s.SetClock(func() time.Time { return now })
	used := func() int64 {
		t.Helper()
		sums, err := s.Count(t.Context(), "shop", nil, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return sums.Tokens
	}
	count := func(tokens int64) {
		t.Helper()
		if _, err := s.Count(t.Context(), "shop", []access.Spent{{ID: "s-1", Tokens: tokens, Seconds: 1}}, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	count(5)
	if got := used(); got != 5 {
		t.Fatalf("used %d", got)
	}
	now = now.Add(time.Second).In(time.FixedZone("west", -8*3600))
	if got := used(); got != 0 {
		t.Fatalf("used %d on the next day", got)
	}
	count(7) // the session goes on
	if got := used(); got != 2 {
		t.Fatalf("used %d on the next day, want what was used on it", got)
	}
}

// awayAndBack holds that every call fails while Redis is away and works once it is back,
// with what it kept.
func awayAndBack(t *testing.T, server *redistest.Server, leave func(*redistest.Server)) {
	s := redisstore.New(connect(t, server.URL), redisstore.Options{})
	const id = "s-1"
	lease, err := s.Acquire(t.Context(), id, nodeA)
	if err != nil {
		t.Fatal(err)
	}
	leave(server)
	var all sync.WaitGroup
	for i, call := range calls(s, lease) {
		all.Go(func() {
			if err := call(t.Context()); err == nil || errors.Is(err, session.ErrNotFound) {
				t.Errorf("call %d without Redis: %v", i, err)
			}
		})
	}
	all.Wait()
	server.Restart()
	// The client looks once a second whether it can connect again.
	sessiontest.Eventually(t, "Redis is reached again", func() bool {
		owner, err := s.Owner(t.Context(), id)
		return err == nil && owner == lease
	})
	batch := changes(id, session.StatusActive)
	for i := range batch {
		batch[i].Epoch = lease.Epoch
	}
	apply(t, s, batch...)
	for i, call := range calls(s, lease) {
		if err := call(t.Context()); err != nil && !errors.Is(err, session.ErrNotFound) {
			t.Errorf("call %d after Redis came back: %v", i, err)
		}
	}
	if lost, err := s.Restore(t.Context(), []session.Lease{lease}); err != nil || len(lost) > 0 {
		t.Errorf("the lease was lost: %v, %v", lost, err)
	}
}

// calls is one of each method.
func calls(s *redisstore.Store, l session.Lease) []func(context.Context) error {
	return []func(context.Context) error{
		func(ctx context.Context) error { _, err := s.Apply(ctx, changes("s-other", "")); return err },
		func(ctx context.Context) error { _, err := s.Record(ctx, l.ID); return err },
		func(ctx context.Context) error { _, err := s.Records(ctx, session.Query{}); return err },
		func(ctx context.Context) error { _, err := s.Totals(ctx, ""); return err },
		func(ctx context.Context) error { _, err := s.Items(ctx, l.ID); return err },
		func(ctx context.Context) error { _, err := s.Events(ctx, l.ID, "", 10); return err },
		func(ctx context.Context) error { return s.Pack(ctx, l.ID) },
		func(ctx context.Context) error { return s.AddNote(ctx, l.ID, session.Note{ID: "n"}) },
		func(ctx context.Context) error { _, err := s.Notes(ctx, l.ID); return err },
		func(ctx context.Context) error { _, err := s.Acquire(ctx, l.ID+"x", l.Holder); return err },
		func(ctx context.Context) error { _, err := s.Restore(ctx, []session.Lease{l}); return err },
		func(ctx context.Context) error { return s.Release(ctx, session.Lease{ID: "s-other", Epoch: 1}) },
		func(ctx context.Context) error { _, err := s.Owner(ctx, l.ID); return err },
		func(ctx context.Context) error { return s.PutGrant(ctx, "ek_1", access.Grant{}, time.Hour) },
		func(ctx context.Context) error { _, err := s.Grant(ctx, "ek_1"); return err },
		func(ctx context.Context) error {
			return s.Open(ctx, "shop", "s-1", access.KeyLimits{Sessions: 1}, time.Hour)
		},
		func(ctx context.Context) error {
			spent := access.Spent{ID: "s-1", Tokens: 1, Seconds: 1, Labels: map[string]string{"team": "a"}}
			_, err := s.Count(ctx, "shop", []access.Spent{spent}, time.Hour)
			return err
		},
		func(ctx context.Context) error { _, err := s.Spending(ctx, time.Now(), "", "team"); return err },
		func(ctx context.Context) error {
			_, err := s.AppendAudit(ctx, rand.Text(), []audit.Entry{{Role: "app"}, {Role: "admin"}})
			return err
		},
		func(ctx context.Context) error { _, err := s.AuditEntries(ctx, audit.Query{}, "", 10); return err },
		func(ctx context.Context) error { _, err := s.FollowAudit(ctx, ""); return err },
		func(ctx context.Context) error { _, err := s.NewestAudit(ctx); return err },
		func(ctx context.Context) error {
			return s.PutSample(ctx, series.Minute, time.Now(), "http://a 1", series.Sample{})
		},
		func(ctx context.Context) error {
			_, err := s.Samples(ctx, series.Minute, time.Now().Add(-time.Hour), time.Now())
			return err
		},
		func(ctx context.Context) error {
			_, err := s.PutVitals(ctx, series.Vitals{Node: "http://a"})
			return err
		},
		func(ctx context.Context) error { _, err := s.Vitals(ctx); return err },
		func(ctx context.Context) error { return s.Drain(ctx, series.Life("http://a", time.Time{}), "desk") },
		func(ctx context.Context) error { return s.EndLife(ctx, series.Life("http://b", time.Time{})) },
		func(ctx context.Context) error {
			_, err := s.Beat(ctx, session.Heartbeat{Incarnation: "1", Node: session.Node{URL: "http://a"}})
			return err
		},
		func(ctx context.Context) error { _, err := s.Nodes(ctx); return err },
		func(ctx context.Context) error { _, err := s.Orphans(ctx, 10); return err },
		func(ctx context.Context) error { _, err := s.ClusterSecret(ctx); return err },
		func(ctx context.Context) error { return publishAndWithdraw(ctx, s) },
		func(ctx context.Context) error { _, err := s.Follow(ctx, ""); return err },
		func(ctx context.Context) error { return s.Report(ctx, reports("1-1")) },
		func(ctx context.Context) error { _, err := s.Broadcast(ctx, "1-1"); return err },
		func(ctx context.Context) error { _, err := s.BroadcastList(ctx, 10, ""); return err },
		func(ctx context.Context) error {
			_, _, err := s.BroadcastOutcomes(ctx, "1-1", false, "", "", 10)
			return err
		},
	}
}

// A Redis that hangs holds a caller no longer than its context says.
func TestRedisHangs(t *testing.T) {
	server := redistest.Start(t)
	s := redisstore.New(connect(t, server.URL), redisstore.Options{})
	apply(t, s, changes("s-1", session.StatusActive)...)
	server.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Apply(ctx, changes("s-1", session.StatusActive)); err == nil {
		t.Fatal("a write into a hung Redis succeeded")
	}
	server.Resume()
	apply(t, s, changes("s-1", session.StatusActive)...)
}

// An epoch that a crash made Redis forget is not given out a second time.
func TestEpochGrowsThoughRedisForgets(t *testing.T) {
	server := redistest.Start(t)
	s := redisstore.New(connect(t, server.URL), redisstore.Options{})
	old, err := s.Acquire(t.Context(), "s-1", nodeA)
	if err != nil {
		t.Fatal(err)
	}
	server.Flush()
	var taken session.Lease
	sessiontest.Eventually(t, "a greater epoch", func() bool {
		taken, err = s.Acquire(t.Context(), "s-1", nodeB)
		return err == nil && taken.Epoch > old.Epoch
	})
	lost, err := s.Restore(t.Context(), []session.Lease{old, taken})
	if err != nil || !slices.Equal(lost, []session.ID{"s-1"}) {
		t.Fatalf("lost %v, %v", lost, err)
	}
	if owner, err := s.Owner(t.Context(), "s-1"); err != nil || owner != taken {
		t.Fatalf("owner is %v, %v", owner, err)
	}
}

// A Redis that restarts forgets its scripts; the first calls of many at once load them.
func TestScriptsAreLoadedAgain(t *testing.T) {
	client := connect(t, redistest.Start(t).URL)
	s := redisstore.New(client, redisstore.Options{})
	for range 3 {
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		var batch []session.Change
		for i := range 300 {
			batch = append(batch, changes(session.ID(fmt.Sprint("s-", i)), session.StatusActive)...)
		}
		apply(t, s, batch...)
	}
}

func TestThroughSentinel(t *testing.T) {
	sentinel := redistest.StartSentinel(t, redistest.Start(t))
	s := redisstore.New(connect(t, sentinel.URL), redisstore.Options{})
	apply(t, s, changes("s-1", session.StatusActive)...)
	if r, err := s.Record(t.Context(), "s-1"); err != nil || r.Key != "shop" {
		t.Fatalf("read %+v, %v", r, err)
	}
}

func TestApplyRefusesWhatCannotBeWritten(t *testing.T) {
	client := connect(t, redistest.Start(t).URL)
	s := redisstore.New(client, redisstore.Options{})
	good := changes("s-1", session.StatusActive)
	for name, bad := range map[string]session.Change{
		"nothing":       {ID: "s-1", Epoch: 1},
		"bad ID":        {ID: "a}b", Epoch: 1, Removed: "x"},
		"bad event ID":  {ID: "s-1", Epoch: 1, Event: &session.LoggedEvent{ID: "*"}},
		"bad item JSON": {ID: "s-1", Epoch: 1, Item: &session.Item{ID: "a", Raw: []byte(`{`)}},
	} {
		_, err := s.Apply(t.Context(), append(slices.Clone(good), bad))
		if invalid, ok := errors.AsType[*session.InvalidError](err); !ok || invalid.Field != "changes[3]" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := client.DBSize(t.Context()).Val(); n != 0 {
		t.Errorf("%d keys were written", n)
	}
}
