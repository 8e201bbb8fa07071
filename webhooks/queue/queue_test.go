package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"switchboard/session/redisstore/redistest"
	"switchboard/webhooks/queue"
)

func TestMain(m *testing.M) {
	redistest.Main(m, func() error { return goleak.Find() })
}

// fast makes retries quick enough for a test; a claim outlasts every stall of the machine.
func fast() queue.Options {
	return queue.Options{
		Timeout: time.Minute, Attempts: 3, Idle: 20 * time.Millisecond, Node: "n1",
		Backoff: func(int) time.Duration { return time.Millisecond },
	}
}

func open(t *testing.T, rdb redis.UniversalClient, o queue.Options) *queue.Queue {
	return queue.New(rdb, strings.ReplaceAll(t.Name(), "/", "."), o)
}

// until runs a worker until the test's condition holds.
func until(t *testing.T, q *queue.Queue, handle queue.Handler, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // only a broken test waits for it
	done := make(chan struct{})
	go func() { defer close(done); q.Run(ctx, 4, handle) }()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() && ctx.Err() == nil {
		<-tick.C
	}
	late := ctx.Err() != nil
	cancel()
	<-done
	if late {
		t.Fatal("the condition never held")
	}
}

func state(t *testing.T, q *queue.Queue, id string) queue.State {
	r, err := q.Get(context.WithoutCancel(t.Context()), id)
	if err != nil {
		t.Fatal(err)
	}
	return r.State
}

func item(id string) queue.Item {
	return queue.Item{ID: id, Topic: "batch.completed", Origin: "test", Body: []byte(`{"id":"` + id + `"}`)}
}

func mustAdd(t *testing.T, q *queue.Queue, items ...queue.Item) []bool {
	t.Helper()
	added, err := q.Add(t.Context(), items...)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func TestItemsAreAddedOnceAndHandledOnce(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		q := open(t, rdb, fast())
		if got := mustAdd(t, q, item("a"), item("b"), item("a")); !slices.Equal(got, []bool{true, true, false}) {
			t.Fatalf("added = %v", got)
		}
		var mu sync.Mutex
		seen := map[string]int{}
		until(t, q, func(_ context.Context, c queue.Claim) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			seen[c.ID+string(c.Body)]++
			return "counter", nil
		}, func() bool { return state(t, q, "a") == queue.Done && state(t, q, "b") == queue.Done })
		if seen[`a{"id":"a"}`] != 1 || seen[`b{"id":"b"}`] != 1 {
			t.Fatalf("handled %v", seen)
		}
		r, err := q.Get(t.Context(), "a")
		if err != nil || r.Duplicates != 1 || r.Fails != 0 || len(r.Attempts) != 1 || r.Attempts[0].By != "counter" || r.Attempts[0].Node != "n1" {
			t.Fatalf("record %+v, %v", r, err)
		}
	})
}

// A group tells new items from known ones wherever they stand in it, and leaves the known ones as they are.
func TestAGroupMayHoldWhatIsKnown(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		q := open(t, rdb, fast())
		for _, step := range []struct {
			add  string
			want []bool
		}{
			{"a", []bool{true}},
			{"a", []bool{false}},
			{"bac", []bool{true, false, true}},
			{"ccdd", []bool{false, false, true, false}},
			{"abcd", []bool{false, false, false, false}},
			{"efgh", []bool{true, true, true, true}},
		} {
			var group []queue.Item
			for _, id := range step.add {
				group = append(group, item(string(id)))
			}
			if got := mustAdd(t, q, group...); !slices.Equal(got, step.want) {
				t.Fatalf("%s: added = %v", step.add, got)
			}
		}
		until(t, q, func(context.Context, queue.Claim) (string, error) { return "", nil }, func() bool { return state(t, q, "h") == queue.Done && state(t, q, "a") == queue.Done })
		if got := mustAdd(t, q, item("a"), item("i")); !slices.Equal(got, []bool{false, true}) || state(t, q, "a") != queue.Done {
			t.Fatalf("added = %v, and a is %s", got, state(t, q, "a"))
		}
		n, err := q.Count(t.Context())
		if r, _ := q.Get(t.Context(), "a"); err != nil || n.All != 9 || r.Duplicates != 4 {
			t.Fatalf("%+v, %v; %+v", n, err, r)
		}
	})
}

func TestFailuresAreTriedAgainAndThenDead(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		o := fast()
		var mu sync.Mutex
		var dead []string
		o.OnDead = func(_ context.Context, it queue.Item, note string) {
			mu.Lock()
			defer mu.Unlock()
			dead = append(dead, it.ID+": "+note)
		}
		q := open(t, rdb, o)
		mustAdd(t, q, item("flaky"), item("hopeless"), item("panics"), item("fatal"))
		calls := map[string]int{}
		handle := func(_ context.Context, c queue.Claim) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			calls[c.ID]++
			switch {
			case c.ID == "flaky" && calls[c.ID] == 3:
				return "h", nil
			case c.ID == "panics":
				panic("poison")
			case c.ID == "fatal":
				return "h", queue.Fatal(errors.New("malformed"))
			}
			return "h", errors.New("not now")
		}
		until(t, q, handle, func() bool {
			n, _ := q.Count(t.Context())
			return n.Waiting == 0
		})
		if calls["flaky"] != 3 || calls["hopeless"] != 3 || calls["panics"] != 3 || calls["fatal"] != 1 {
			t.Fatalf("calls %v", calls)
		}
		slices.Sort(dead)
		want := []string{"fatal: malformed", "hopeless: not now", "panics: panic: poison"}
		if !slices.Equal(dead, want) {
			t.Fatalf("dead %v", dead)
		}
		page, err := q.List(t.Context(), queue.Filter{State: queue.Dead})
		if err != nil || len(page.Records) != 3 {
			t.Fatalf("%d dead listed, %v", len(page.Records), err)
		}
		if n, err := q.Replay(t.Context(), "ann", "hopeless", "unknown"); n != 1 || err != nil {
			t.Fatalf("replayed %d, %v", n, err)
		}
		until(t, q, func(context.Context, queue.Claim) (string, error) { return "fixed", nil },
			func() bool { return state(t, q, "hopeless") == queue.Done })
		r, _ := q.Get(t.Context(), "hopeless")
		if len(r.Attempts) != 5 || r.Attempts[3].Action != "replayed" || r.Attempts[3].By != "ann" || r.Attempts[4].By != "fixed" {
			t.Fatalf("attempts %+v", r.Attempts)
		}
	})
}

// A worker that dies holds its claim until the lease ends; what it writes after that is refused.
func TestALostClaimIsTakenByAnotherAndFenced(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		brief := fast()
		brief.Lease = 100 * time.Millisecond
		q := open(t, rdb, brief)
		mustAdd(t, q, item("x"))
		slow, stuck := make(chan struct{}), make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan struct{})
		go func() {
			defer close(first)
			q.Run(ctx, 1, func(context.Context, queue.Claim) (string, error) {
				close(stuck)
				<-slow // past its lease
				return "slow", errors.New("too late to matter")
			})
		}()
		<-stuck
		second := open(t, rdb, fast())
		until(t, second, func(context.Context, queue.Claim) (string, error) { return "second", nil },
			func() bool { return state(t, q, "x") == queue.Done })
		close(slow)
		cancel()
		<-first
		r, _ := q.Get(t.Context(), "x")
		if r.State != queue.Done || len(r.Attempts) != 1 || r.Attempts[0].By != "second" {
			t.Fatalf("record %+v", r)
		}
	})
}

func TestAnItemThatKillsItsWorkersIsBuried(t *testing.T) {
	rdb := redistest.Redis(t)
	o := fast()
	o.Lease, o.Attempts = time.Millisecond, 2
	q := open(t, rdb, o)
	mustAdd(t, q, item("poison"))
	for range 2 { // two workers that take it and never come back
		stuck, cancel := context.WithCancel(t.Context())
		taken := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			queue.New(lostWrites{rdb}, t.Name(), o).Run(stuck, 1, func(context.Context, queue.Claim) (string, error) {
				close(taken)
				cancel()
				return "", errors.New("gone")
			})
		}()
		<-taken
		<-done
	}
	until(t, q, func(context.Context, queue.Claim) (string, error) { t.Error("handled"); return "", nil },
		func() bool { return state(t, q, "poison") == queue.Dead })
}

// lostWrites loses every outcome, as a killed process does.
type lostWrites struct{ redis.UniversalClient }

func (l lostWrites) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	if len(args) == 8 {
		cmd := redis.NewCmd(ctx)
		cmd.SetVal(int64(1))
		return cmd
	}
	return l.UniversalClient.EvalSha(ctx, sha, keys, args...)
}

func TestAgainCountsAsNoFailure(t *testing.T) {
	rdb := redistest.Mini(t)
	q := open(t, rdb, fast())
	mustAdd(t, q, item("watch"))
	calls := 0
	until(t, q, func(context.Context, queue.Claim) (string, error) {
		if calls++; calls < 10 {
			return "w", queue.Again(time.Millisecond)
		}
		return "w", nil
	}, func() bool { return state(t, q, "watch") == queue.Done })
	r, _ := q.Get(t.Context(), "watch")
	if r.Fails != 0 || len(r.Attempts) != 1 {
		t.Fatalf("%+v", r)
	}
}

func TestALongErrorIsCutBetweenCharacters(t *testing.T) {
	q := open(t, redistest.Mini(t), fast())
	mustAdd(t, q, item("x"))
	until(t, q, func(context.Context, queue.Claim) (string, error) {
		return "h", queue.Fatal(errors.New("x" + strings.Repeat("é", 500)))
	}, func() bool { return state(t, q, "x") == queue.Dead })
	if r, _ := q.Get(t.Context(), "x"); len(r.Note) < 400 || !utf8.ValidString(r.Note) {
		t.Errorf("kept %q", r.Note)
	}
}

func TestStoppingGivesClaimsBack(t *testing.T) {
	rdb := redistest.Mini(t)
	q := open(t, rdb, fast())
	mustAdd(t, q, item("x"))
	ctx, cancel := context.WithCancel(t.Context())
	q.Run(ctx, 1, func(ctx context.Context, _ queue.Claim) (string, error) {
		cancel()
		<-ctx.Done()
		return "h", ctx.Err()
	})
	if r, err := q.Get(t.Context(), "x"); err != nil || r.State != queue.Waiting || r.Fails != 0 || len(r.Attempts) != 0 {
		t.Fatalf("%+v %v", r, err)
	}
}

func TestListFiltersAndPages(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		q := open(t, rdb, fast())
		for i := range 230 {
			it := item(fmt.Sprintf("i%03d", i))
			if i%2 == 0 {
				it.Topic, it.Origin = "file.created", "other"
			}
			mustAdd(t, q, it)
		}
		for _, f := range []queue.Filter{{}, {Topic: "file.created"}, {Topic: "file."}, {Origin: "other"}, {State: queue.Waiting}} {
			want := 115
			if f.Topic == "" && f.Origin == "" {
				want = 230
			}
			seen := map[string]bool{}
			f.Limit = 20
			for {
				page, err := q.List(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range page.Records {
					seen[r.ID] = true
				}
				if f.After = page.Next; page.Next == "" {
					break
				}
			}
			if len(seen) != want {
				t.Errorf("%+v lists %d, want %d", f, len(seen), want)
			}
		}
	})
}

func TestTrimForgetsOnlyWhatIsDoneAndOld(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		o := fast()
		o.Keep, o.KeepDead = time.Millisecond, time.Hour
		q := open(t, rdb, o)
		mustAdd(t, q, item("done"), item("dead"))
		until(t, q, func(_ context.Context, c queue.Claim) (string, error) {
			if c.ID == "dead" {
				return "", queue.Fatal(errors.New("no"))
			}
			return "", nil
		}, func() bool { n, _ := q.Count(t.Context()); return n.Waiting == 0 && n.Dead == 1 })
		mustAdd(t, q, item("waiting"))
		if err := q.Trim(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Get(t.Context(), "done"); !errors.Is(err, queue.ErrNotFound) {
			t.Errorf("done is kept: %v", err)
		}
		if state(t, q, "dead") != queue.Dead || state(t, q, "waiting") != queue.Waiting {
			t.Error("dead or waiting is gone")
		}
		if err := q.Drop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, _ := q.Count(t.Context()); n != (queue.Counts{}) {
			t.Error("left after Drop")
		}
	})
}
