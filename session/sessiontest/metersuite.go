package sessiontest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"switchboard/session"
)

// TestMeter is what every [session.Meter] must pass. open returns an empty one.
func TestMeter(t *testing.T, open func(t *testing.T) session.Meter) {
	for name, test := range map[string]func(*testing.T, session.Meter){
		"limit":             testLimit,
		"limit under race":  testLimitRace,
		"lost sessions end": testOpenExpiry,
		"usage":             testUsage,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func wantLimit(t *testing.T, err error, limit int64) {
	t.Helper()
	if met, ok := errors.AsType[*session.LimitError](err); !ok || met.Limit != "key_sessions" || met.Max != limit {
		t.Fatalf("error is %v, want the limit of %d sessions", err, limit)
	}
}

func testLimit(t *testing.T, m session.Meter) {
	must(t, m.Open(t.Context(), "k}", "s-1", 2, time.Hour))
	must(t, m.Open(t.Context(), "k}", "s-2", 2, time.Hour))
	wantLimit(t, m.Open(t.Context(), "k}", "s-3", 2, time.Hour), 2)
	must(t, m.Open(t.Context(), "k}", "s-1", 2, time.Hour)) // is one of the two
	must(t, m.Open(t.Context(), "{", "s-3", 2, time.Hour))
	must(t, m.Close(t.Context(), "k}", "s-1"))
	must(t, m.Close(t.Context(), "k}", "s-1"))
	must(t, m.Open(t.Context(), "k}", "s-3", 2, time.Hour))
	wantLimit(t, m.Open(t.Context(), "k}", "s-4", 1, time.Hour), 1)
	must(t, m.Open(t.Context(), "k}", "s-4", 0, time.Hour))
}

func testLimitRace(t *testing.T, m session.Meter) {
	var wg sync.WaitGroup
	results := make(chan error, 24)
	for i := range cap(results) {
		wg.Go(func() { results <- m.Open(t.Context(), "k", session.ID(fmt.Sprint("s-", i)), 5, time.Hour) })
	}
	wg.Wait()
	close(results)
	opened := 0
	for err := range results {
		if err == nil {
			opened++
			continue
		}
		wantLimit(t, err, 5)
	}
	if opened != 5 {
		t.Fatalf("%d sessions were let in", opened)
	}
}

func testOpenExpiry(t *testing.T, m session.Meter) {
	must(t, m.Open(t.Context(), "k", "s-1", 1, 20*time.Millisecond))
	Eventually(t, "a session that was not closed counts no more", func() bool {
		return m.Open(t.Context(), "k", "s-2", 1, time.Hour) == nil
	})
	wantLimit(t, m.Open(t.Context(), "k", "s-1", 1, time.Hour), 1)
}

func testUsage(t *testing.T, m session.Meter) {
	wantUsed(t, m, "k}", 0, 0)
	must(t, m.Add(t.Context(), "k}", 1<<40, 1.5))
	must(t, m.Add(t.Context(), "k}", 7, 0.25))
	must(t, m.Add(t.Context(), "other", 1, 1))
	wantUsed(t, m, "k}", 1<<40+7, 1.75)
}

func wantUsed(t *testing.T, m session.Meter, key string, tokens int64, seconds float64) {
	t.Helper()
	gotTokens, gotSeconds, err := m.Used(t.Context(), key)
	must(t, err)
	if gotTokens != tokens || gotSeconds != seconds {
		t.Fatalf("used %d tokens, %v s, want %d, %v", gotTokens, gotSeconds, tokens, seconds)
	}
}
