package sessiontest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"switchboard/session"
)

// fill puts in sessions s-000, s-001 … of which each is newer than the one before.
func fill(t *testing.T, s session.Store, n int, change func(i int, r *session.Record)) {
	t.Helper()
	var changes []session.Change
	for i := range n {
		c := recorded(session.ID(fmt.Sprintf("s-%03d", i)))
		c.Record.CreatedAt = created.Add(time.Duration(i) * time.Second)
		change(i, c.Record)
		changes = append(changes, c)
	}
	apply(t, s, changes...)
}

// list follows all pages.
func list(t *testing.T, s session.Store, q session.Query) (ids []session.ID, pages int) {
	t.Helper()
	for {
		page, next, err := s.Records(t.Context(), q)
		must(t, err)
		pages++
		for _, r := range page {
			ids = append(ids, r.ID)
		}
		if next == "" {
			return ids, pages
		}
		q.After = next
	}
}

func wantList(t *testing.T, s session.Store, q session.Query, want ...session.ID) {
	t.Helper()
	if got, _ := list(t, s, q); !slices.Equal(got, want) {
		t.Fatalf("%+v lists %v, want %v", q, got, want)
	}
}

func testList(t *testing.T, s session.Store) {
	fill(t, s, 3, func(int, *session.Record) {})
	wantList(t, s, session.Query{}, "s-002", "s-001", "s-000")
	// A later record of a session does not list it twice, nor change its place.
	again := recorded("s-000")
	again.Record.Status = session.StatusEnded
	apply(t, s, again)
	wantList(t, s, session.Query{}, "s-002", "s-001", "s-000")
	wantList(t, s, session.Query{Status: session.StatusEnded}, "s-000")
}

func testListFilter(t *testing.T, s session.Store) {
	fill(t, s, 4, func(i int, r *session.Record) {
		r.Key = []string{"shop", "desk"}[i%2]
		r.Labels = map[string]string{"team": fmt.Sprint(i / 2), "lang": "it"}
		if i == 3 {
			r.Status = session.StatusEnded
		}
	})
	wantList(t, s, session.Query{Key: "shop"}, "s-002", "s-000")
	wantList(t, s, session.Query{Key: "sho"})
	wantList(t, s, session.Query{Key: "shop", Labels: map[string]string{"team": "1"}}, "s-002")
	wantList(t, s, session.Query{Labels: map[string]string{"team": "1", "lang": "it"}}, "s-003", "s-002")
	wantList(t, s, session.Query{Labels: map[string]string{"team": ""}})
	wantList(t, s, session.Query{Labels: map[string]string{"other": ""}})
	wantList(t, s, session.Query{Status: session.StatusActive, Labels: map[string]string{"team": "1"}}, "s-002")
}

func testListPages(t *testing.T, s session.Store) {
	const n = 230
	fill(t, s, n, func(i int, r *session.Record) {
		r.CreatedAt = created.Add(time.Duration(i/50) * time.Second) // many at the same time
		r.Labels = map[string]string{"third": fmt.Sprint(i % 3)}
	})
	for _, limit := range []int{7, 50, 115, 200} {
		got, pages := list(t, s, session.Query{Limit: limit})
		if len(got) != n || pages != (n+limit-1)/limit {
			t.Fatalf("pages of %d: %d records on %d pages", limit, len(got), pages)
		}
		slices.Sort(got)
		if len(slices.Compact(got)) != n {
			t.Fatalf("pages of %d list a session twice", limit)
		}
	}
	if page, _, err := s.Records(t.Context(), session.Query{}); err != nil || len(page) != 50 {
		t.Fatalf("a page has %d by default, %v", len(page), err)
	}
	if page, _, err := s.Records(t.Context(), session.Query{Limit: 1000}); err != nil || len(page) != 200 {
		t.Fatalf("a page has %d at most, %v", len(page), err)
	}
	thirds, _ := list(t, s, session.Query{Limit: 10, Labels: map[string]string{"third": "1"}})
	if len(thirds) != 77 {
		t.Fatalf("%d with the label, want 77", len(thirds))
	}
}

func testListCursor(t *testing.T, s session.Store) {
	fill(t, s, 1, func(int, *session.Record) {})
	for _, after := range []string{"x", "-", "[a", "0000000000000000", "0000000000000000.", "0000000000000000.a}b"} {
		_, _, err := s.Records(t.Context(), session.Query{After: after})
		wantInvalid(t, err, "after")
	}
}
