package sessiontest

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"switchboard/session"
	"switchboard/session/access"
)

// TestMeter is what every [session.Meter] must pass. open returns an empty one.
func TestMeter(t *testing.T, open func(t *testing.T) access.Meter) {
	for name, test := range map[string]func(*testing.T, access.Meter){
		"limit":             testLimit,
		"limit under race":  testLimitRace,
		"lost sessions end": testOpenExpiry,
		"usage":             testUsage,
		"counted once":      testCountedOnce,
		"budget":            testBudget,
		"by label":          testByLabel,
		"many sessions":     testCountMany,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func wantLimit(t *testing.T, err error, name string, limit int64) {
	t.Helper()
	if met, ok := errors.AsType[*session.LimitError](err); !ok || met.Limit != name || met.Max != limit {
		t.Fatalf("error is %v, want %s of %d", err, name, limit)
	}
}

// atOnce is a limit of sessions that run at once.
func atOnce(n int) access.KeyLimits { return access.KeyLimits{Sessions: n} }

func count(t *testing.T, m access.Meter, key string, s ...access.Spent) access.Sums {
	t.Helper()
	sums, err := m.Count(t.Context(), key, s, time.Hour)
	must(t, err)
	return sums
}

func testLimit(t *testing.T, m access.Meter) {
	must(t, m.Open(t.Context(), "k}", "s-1", atOnce(2), time.Hour))
	must(t, m.Open(t.Context(), "k}", "s-2", atOnce(2), time.Hour))
	wantLimit(t, m.Open(t.Context(), "k}", "s-3", atOnce(2), time.Hour), "key_sessions", 2)
	must(t, m.Open(t.Context(), "k}", "s-1", atOnce(2), time.Hour)) // is one of the two
	must(t, m.Open(t.Context(), "{", "s-3", atOnce(2), time.Hour))
	ended := access.Spent{ID: "s-1", Ended: true}
	count(t, m, "k}", ended)
	count(t, m, "k}", ended)
	must(t, m.Open(t.Context(), "k}", "s-3", atOnce(2), time.Hour))
	wantLimit(t, m.Open(t.Context(), "k}", "s-4", atOnce(1), time.Hour), "key_sessions", 1)
	must(t, m.Open(t.Context(), "k}", "s-4", access.KeyLimits{}, time.Hour))
}

func testLimitRace(t *testing.T, m access.Meter) {
	var wg sync.WaitGroup
	results := make(chan error, 24)
	for i := range cap(results) {
		wg.Go(func() { results <- m.Open(t.Context(), "k", session.ID(fmt.Sprint("s-", i)), atOnce(5), time.Hour) })
	}
	wg.Wait()
	close(results)
	opened := 0
	for err := range results {
		if err == nil {
			opened++
			continue
		}
		wantLimit(t, err, "key_sessions", 5)
	}
	if opened != 5 {
		t.Fatalf("%d sessions were let in", opened)
	}
}

func testOpenExpiry(t *testing.T, m access.Meter) {
	must(t, m.Open(t.Context(), "k", "s-1", atOnce(1), 20*time.Millisecond))
	Eventually(t, "a session that was not closed counts no more", func() bool {
		return m.Open(t.Context(), "k", "s-2", atOnce(1), time.Hour) == nil
	})
	wantLimit(t, m.Open(t.Context(), "k", "s-1", atOnce(1), time.Hour), "key_sessions", 1)
	// One that is counted runs on, and for longer than it was opened for.
	must(t, m.Open(t.Context(), "other", "s-1", atOnce(1), 20*time.Millisecond))
	count(t, m, "other", access.Spent{ID: "s-1"})
	must(t, m.Open(t.Context(), "third", "s-1", atOnce(1), 20*time.Millisecond))
	Eventually(t, "the time of both has passed", func() bool {
		return m.Open(t.Context(), "third", "s-2", atOnce(1), time.Hour) == nil
	})
	wantLimit(t, m.Open(t.Context(), "other", "s-2", atOnce(1), time.Hour), "key_sessions", 1)
}

// wantSums compares sums; costs are sums of decimals.
func wantSums(t *testing.T, got, want access.Sums) {
	t.Helper()
	if math.Abs(got.CostUSD-want.CostUSD) < 1e-6 {
		got.CostUSD = want.CostUSD
	}
	if got != want {
		t.Fatalf("the sums are %+v, want %+v", got, want)
	}
}

func testUsage(t *testing.T, m access.Meter) {
	wantSums(t, count(t, m, "k}"), access.Sums{})
	one := access.Spent{ID: "s-1", Tokens: 1 << 40, Seconds: 1.5, Cost: session.Cost{USD: 0.000125}}
	two := access.Spent{ID: "s-2", Tokens: 7, Seconds: 0.25, Cost: session.Cost{Unknown: true}}
	count(t, m, "k}", one)
	count(t, m, "other", access.Spent{ID: "s-3", Tokens: 1, Seconds: 1})
	want := access.Sums{Sessions: 2, Tokens: 1<<40 + 7, Seconds: 1.75, CostUSD: 0.000125, Unpriced: 1}
	wantSums(t, count(t, m, "k}", two), want)
	wantSums(t, count(t, m, "k}"), want)
	rows, err := m.Spending(t.Context(), time.Now(), "", "")
	must(t, err)
	wantSums(t, rows["k}"], want)
	wantSums(t, rows["other"], access.Sums{Sessions: 1, Tokens: 1, Seconds: 1})
	if rows, err = m.Spending(t.Context(), time.Now(), "other", ""); err != nil || len(rows) != 1 {
		t.Fatalf("one key has the sums %v, %v", rows, err)
	}
	if rows, err = m.Spending(t.Context(), time.Now().AddDate(0, 0, -2), "", ""); err != nil || len(rows) != 0 {
		t.Fatalf("the day before yesterday has %v, %v", rows, err)
	}
}

// testCountedOnce counts a session from two nodes, again, late, and after its end.
func testCountedOnce(t *testing.T, m access.Meter) {
	s := access.Spent{ID: "s-1", Tokens: 100, Seconds: 10, Cost: session.Cost{USD: 1}}
	count(t, m, "k", s)
	count(t, m, "k", s)
	later := access.Spent{ID: "s-1", Tokens: 150, Seconds: 20, Cost: session.Cost{USD: 1.5, Unknown: true}}
	count(t, m, "k", later)
	count(t, m, "k", s)
	later.Ended = true
	count(t, m, "k", later)
	want := access.Sums{Sessions: 1, Tokens: 150, Seconds: 20, CostUSD: 1.5, Unpriced: 1}
	wantSums(t, count(t, m, "k", later), want)
	wantSums(t, count(t, m, "k", access.Spent{ID: "s-2", Ended: true}), want) // never began
}

func testBudget(t *testing.T, m access.Meter) {
	tokens := access.KeyLimits{Tokens: 2500, Seconds: 100}
	for _, id := range []session.ID{"s-1", "s-2", "s-3"} { // each holds back 1000
		must(t, m.Open(t.Context(), "k", id, tokens, time.Hour))
	}
	wantLimit(t, m.Open(t.Context(), "k", "s-4", tokens, time.Hour), "key_tokens", 2500)
	count(t, m, "k", access.Spent{ID: "s-1", Tokens: 400, Seconds: 60, Ended: true})
	must(t, m.Open(t.Context(), "k", "s-4", access.KeyLimits{Tokens: 2500}, time.Hour))
	count(t, m, "k", access.Spent{ID: "s-2", Tokens: 100, Seconds: 40, Ended: true}, access.Spent{ID: "s-4", Ended: true})
	wantLimit(t, m.Open(t.Context(), "k", "s-5", tokens, time.Hour), "key_seconds", 100)
	count(t, m, "k", access.Spent{ID: "s-3", Tokens: 2000, Ended: true})
	wantLimit(t, m.Open(t.Context(), "k", "s-5", access.KeyLimits{Tokens: 2500}, time.Hour), "key_tokens", 2500)
	must(t, m.Open(t.Context(), "k", "s-5", access.KeyLimits{Tokens: 2501}, time.Hour))
}

func testByLabel(t *testing.T, m access.Meter) {
	team := func(name string) map[string]string { return map[string]string{"te am": name, "tier": "1"} }
	count(t, m, "k", access.Spent{ID: "s-1", Tokens: 5, Labels: team("red }")}, access.Spent{ID: "s-2", Tokens: 7, Labels: team("blue")})
	count(t, m, "other", access.Spent{ID: "s-3", Tokens: 11, Cost: session.Cost{USD: 2}, Labels: team("blue")})
	rows, err := m.Spending(t.Context(), time.Now(), "", "te am")
	must(t, err)
	if len(rows) != 2 {
		t.Fatalf("by label: %v", rows)
	}
	wantSums(t, rows["red }"], access.Sums{Sessions: 1, Tokens: 5})
	wantSums(t, rows["blue"], access.Sums{Sessions: 2, Tokens: 18, CostUSD: 2})
	rows, err = m.Spending(t.Context(), time.Now(), "k", "te am")
	must(t, err)
	wantSums(t, rows["blue"], access.Sums{Sessions: 1, Tokens: 7})
	var many []access.Spent
	for i := range access.LabelValues + 20 {
		many = append(many, access.Spent{ID: session.ID(fmt.Sprint("m-", i)), Tokens: 1, Labels: map[string]string{"user": fmt.Sprint(i)}})
	}
	count(t, m, "many", many...)
	rows, err = m.Spending(t.Context(), time.Now(), "many", "user")
	must(t, err)
	if len(rows) != access.LabelValues+1 || rows[access.OtherLabels].Tokens != 20 {
		t.Fatalf("%d values are summed, %+v the others", len(rows), rows[access.OtherLabels])
	}
}

func testCountMany(t *testing.T, m access.Meter) {
	var all []access.Spent
	for i := range 450 {
		all = append(all, access.Spent{ID: session.ID(fmt.Sprint("s-", i)), Tokens: 2, Seconds: 0.5})
	}
	count(t, m, "k", all...)
	wantSums(t, count(t, m, "k", all...), access.Sums{Sessions: 450, Tokens: 900, Seconds: 225})
}
