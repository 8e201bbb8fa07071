package sessiontest

import (
	"fmt"
	"reflect"
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
		page, err := s.Records(t.Context(), q)
		must(t, err)
		pages++
		for _, r := range page.Records {
			ids = append(ids, r.ID)
		}
		if len(page.Records) == 0 && pages > 1 {
			t.Fatalf("page %d of %+v is empty", pages, q)
		}
		if page.Next == "" {
			if page.Total != len(ids) {
				t.Fatalf("the total of %+v is %d, it lists %d", q, page.Total, len(ids))
			}
			return ids, pages
		}
		q.After = page.Next
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
	if page, err := s.Records(t.Context(), session.Query{}); err != nil || len(page.Records) != 50 || page.Total != n {
		t.Fatalf("a page has %d of %d by default, %v", len(page.Records), page.Total, err)
	}
	if page, err := s.Records(t.Context(), session.Query{Limit: 1000}); err != nil || len(page.Records) != 200 {
		t.Fatalf("a page has %d at most, %v", len(page.Records), err)
	}
	thirds, _ := list(t, s, session.Query{Limit: 10, Labels: map[string]string{"third": "1"}})
	if len(thirds) != 77 {
		t.Fatalf("%d with the label, want 77", len(thirds))
	}
}

func testListCursor(t *testing.T, s session.Store) {
	fill(t, s, 1, func(int, *session.Record) {})
	for _, after := range []string{"x", "-", "[a", "0000000000000000", "0000000000000000.", "0000000000000000.a}b"} {
		_, err := s.Records(t.Context(), session.Query{After: after})
		wantInvalid(t, err, "after")
	}
}

// testListRare looks for what is rare among what is common, by every path to it.
func testListRare(t *testing.T, s session.Store) {
	const n = 1300
	fill(t, s, n, func(i int, r *session.Record) {
		r.Labels = map[string]string{"page": "phone", "half": fmt.Sprint(i % 2)}
		r.Status = session.StatusEnded
		if i < 2 {
			r.Status, r.Labels["page"] = session.StatusActive, "voice"
		}
	})
	for _, q := range []session.Query{
		{Status: session.StatusActive},
		{Labels: map[string]string{"page": "voice"}},
		{Key: "shop", Status: session.StatusActive, Labels: map[string]string{"page": "voice"}},
	} {
		wantList(t, s, q, "s-001", "s-000")
		q.Limit = 1
		if _, pages := list(t, s, q); pages != 2 {
			t.Fatalf("%+v takes %d pages", q, pages)
		}
	}
	wantList(t, s, session.Query{Status: session.StatusActive, Labels: map[string]string{"half": "1"}}, "s-001")
	wantList(t, s, session.Query{Status: session.StatusActive, Labels: map[string]string{"page": "phone"}})
	ended, pages := list(t, s, session.Query{Limit: 200, Status: session.StatusEnded, Labels: map[string]string{"half": "0"}})
	if len(ended) != n/2-1 || pages != 4 {
		t.Fatalf("%d sessions on %d pages", len(ended), pages)
	}
}

func wantTotals(t *testing.T, s session.Store, key string, want session.Totals) {
	t.Helper()
	got, err := s.Totals(t.Context(), key)
	must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("totals of key %q are\n%+v, want\n%+v", key, got, want)
	}
}

// statuses are numbers of sessions by status.
func statuses(created, active, ended int) map[session.Status]int {
	return map[session.Status]int{session.StatusCreated: created, session.StatusActive: active, session.StatusEnded: ended}
}

func testTotals(t *testing.T, s session.Store) {
	wantTotals(t, s, "", session.Totals{Status: statuses(0, 0, 0), Nodes: map[string]int{}})
	fill(t, s, 5, func(i int, r *session.Record) {
		r.Key = []string{"shop", "de:sk"}[i%2]
		r.Node = []string{"http://a:1", "http://b:1/x y"}[i/3]
		r.Clients = i
		r.Status = []session.Status{session.StatusCreated, session.StatusActive}[min(i, 1)]
	})
	nodes := map[string]int{"http://a:1": 3, "http://b:1/x y": 2}
	wantTotals(t, s, "", session.Totals{Status: statuses(1, 4, 0), Nodes: nodes, Unattended: 1, Clients: 10})
	wantTotals(t, s, "de:sk", session.Totals{Status: statuses(0, 2, 0), Nodes: map[string]int{"http://a:1": 1, "http://b:1/x y": 1}, Clients: 4})
	wantTotals(t, s, "unknown", session.Totals{Status: statuses(0, 0, 0), Nodes: map[string]int{}})

	// What has changed is counted as it is now, and but once.
	moved := recorded("s-004")
	moved.Epoch, moved.Record.Epoch = 2, 2
	moved.Record.Status, moved.Record.Node, moved.Record.CreatedAt = session.StatusActive, "http://a:1", created.Add(4*time.Second)
	ended := recorded("s-001")
	ended.Record.Status, ended.Record.Clients, ended.Record.Key = session.StatusEnded, 1, "de:sk"
	ended.Record.CreatedAt = created.Add(time.Second)
	apply(t, s, moved, ended)
	apply(t, s, moved, ended)
	want := session.Totals{Status: statuses(1, 3, 1), Nodes: map[string]int{"http://a:1": 3, "http://b:1/x y": 1}, Unattended: 2, Clients: 5}
	wantTotals(t, s, "", want)

	// A node that has lost a session changes nothing of it.
	late := recorded("s-004")
	late.Record.Status, late.Record.Clients, late.Record.CreatedAt = session.StatusEnded, 9, created.Add(4*time.Second)
	if stale, err := s.Apply(t.Context(), []session.Change{late}); err != nil || len(stale) != 1 {
		t.Fatalf("Apply: stale %v, error %v", stale, err)
	}
	wantTotals(t, s, "", want)
	wantList(t, s, session.Query{Status: session.StatusEnded}, "s-001")
}
