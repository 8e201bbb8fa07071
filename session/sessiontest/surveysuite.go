package sessiontest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"switchboard/session"
)

// surveyed puts in sessions that differ in all by which they can be sorted, searched and counted.
func surveyed(t *testing.T, s session.Store) {
	t.Helper()
	fill(t, s, 12, func(i int, r *session.Record) {
		r.Key = []string{"shop", "desk"}[i%2]
		r.Model = []string{"gpt-a", "gpt-b", "gpt-c"}[i%3]
		r.Node = "http://" + string(rune('a'+i%2))
		r.Labels = map[string]string{"team": []string{"Sales", "support é"}[i/6], "n": fmt.Sprint(i)}
		r.Cost.USD, r.Errors, r.Latency = float64(i*7%12)/4, int64(i%4), session.Latency{Turns: 1, Mean: int64(i * 5 % 12)}
		r.ExpiresAt = created.Add(time.Duration(i*5%12) * time.Minute)
		if i >= 9 {
			r.Status = session.StatusEnded
		}
	})
}

func testSurvey(t *testing.T, s session.Store) {
	surveyed(t, s)
	id := func(list ...int) (ids []session.ID) {
		for _, i := range list {
			ids = append(ids, session.ID(fmt.Sprintf("s-%03d", i)))
		}
		return ids
	}
	for name, c := range map[string]struct {
		q    session.Query
		want []session.ID
	}{
		"cost":       {session.Query{Sort: session.SortCost}, id(5, 10, 3, 8, 1, 6, 11, 4, 9, 2, 7, 0)},
		"cheapest":   {session.Query{Sort: session.SortCost, Ascending: true}, id(0, 7, 2, 9, 4, 11, 6, 1, 8, 3, 10, 5)},
		"errors":     {session.Query{Sort: session.SortErrors}, id(11, 7, 3, 10, 6, 2, 9, 5, 1, 8, 4, 0)},
		"latency":    {session.Query{Sort: session.SortLatency, Status: session.StatusEnded}, id(9, 11, 10)},
		"expiry":     {session.Query{Sort: session.SortExpiry, Key: "shop"}, id(2, 4, 6, 8, 0, 10)},
		"oldest":     {session.Query{Ascending: true, Model: "gpt-b"}, id(1, 4, 7, 10)},
		"ID":         {session.Query{Text: "S-00"}, id(9, 8, 7, 6, 5, 4, 3, 2, 1, 0)},
		"label":      {session.Query{Text: "team:SALES"}, id(5, 4, 3, 2, 1, 0)},
		"key":        {session.Query{Text: "esk", Labels: map[string]string{"team": "support é"}}, id(11, 9, 7)},
		"node":       {session.Query{Node: "http://b", Status: session.StatusActive}, id(7, 5, 3, 1)},
		"live":       {session.Query{Status: session.StatusLive, Model: "gpt-a", Facets: true}, id(6, 3, 0)},
		"ended":      {session.Query{Status: session.StatusEnded, Text: "9"}, id(9)},
		"nothing":    {session.Query{Text: "nobody"}, nil},
		"from to":    {session.Query{From: created.Add(2 * time.Second), To: created.Add(4 * time.Second)}, id(3, 2)},
		"unattended": {session.Query{State: session.StateUnattended, Key: "desk"}, id(7, 5, 3, 1)},
	} {
		for _, limit := range []int{1, 5, 50} {
			c.q.Limit = limit
			if got, _ := list(t, s, c.q); !slices.Equal(got, c.want) {
				t.Errorf("%s, by %d: %v, want %v", name, limit, got, c.want)
			}
		}
	}
	for _, after := range []string{"x", "1", "a~b", "0000000000000000.a"} {
		_, err := s.Records(t.Context(), session.Query{Sort: session.SortCost, After: after})
		wantInvalid(t, err, "after")
	}
	// A facet counts what the other parts of the query select.
	page, err := s.Records(t.Context(), session.Query{Facets: true, Status: session.StatusEnded, Model: "gpt-a", Limit: 1})
	must(t, err)
	wantSame(t, "facets", page.Facets, session.Facets{
		"status": {"active": 3, "ended": 1}, "key": {"desk": 1}, "model": {"gpt-a": 1, "gpt-b": 1, "gpt-c": 1},
		"label:team": {"support é": 1}, "label:n": {"9": 1},
	})
	if page.Total != 1 || len(page.Records) != 1 || page.Records[0].Labels["n"] != "9" {
		t.Errorf("with facets: %+v", page)
	}
}

// testSurveyPages begins pages anywhere, also in the sessions of one key.
func testSurveyPages(t *testing.T, s session.Store) {
	surveyed(t, s)
	for name, c := range map[string]struct {
		q    session.Query
		want []session.ID
	}{
		"middle":    {session.Query{Sort: session.SortCost, Offset: 3, Limit: 2}, []session.ID{"s-008", "s-001"}},
		"end":       {session.Query{Offset: 10, Limit: 5}, []session.ID{"s-001", "s-000"}},
		"past it":   {session.Query{Offset: 12}, nil},
		"the scope": {session.Query{Scope: "shop", Offset: 1, Limit: 2}, []session.ID{"s-008", "s-006"}},
	} {
		page, err := s.Records(t.Context(), c.q)
		must(t, err)
		var got []session.ID
		for _, r := range page.Records {
			got = append(got, r.ID)
		}
		if total := map[bool]int{true: 6, false: 12}[c.q.Scope != ""]; !slices.Equal(got, c.want) || page.Total != total {
			t.Errorf("%s: %v of %d, want %v of %d", name, got, page.Total, c.want, total)
		}
	}
	// Whose sessions there are is no part of the query that facets look beside.
	wantList(t, s, session.Query{Scope: "shop", Key: "desk"})
	scoped, err := s.Records(t.Context(), session.Query{Scope: "shop", Key: "shop", Text: "s-00", Facets: true})
	must(t, err)
	wantSame(t, "facet of keys", scoped.Facets["key"], map[string]int{"shop": 5})
	beside, err := s.Records(t.Context(), session.Query{Key: "shop", Text: "s-00", Facets: true})
	must(t, err)
	wantSame(t, "facet of keys", beside.Facets["key"], map[string]int{"shop": 5, "desk": 5})
}

// testSurveyOddTexts selects sessions by labels of any characters, whether or not it looks at every session.
func testSurveyOddTexts(t *testing.T, s session.Store) {
	odd := []string{"a\x1fb", "a b", "\x1e1", "a\x1e1b", "\x1e", "\x00", "", "~", "é", "a\nb", "<b>:%7e"}
	fill(t, s, len(odd), func(i int, r *session.Record) {
		r.Key, r.Labels = "odd", map[string]string{"x" + odd[i]: "y", "text": odd[i]}
	})
	for i, text := range odd {
		want := []session.ID{session.ID(fmt.Sprintf("s-%03d", i))}
		for _, label := range []map[string]string{{"text": text}, {"x" + text: "y"}} {
			for _, facets := range []bool{false, true} {
				q := session.Query{Key: "odd", Labels: label, Facets: facets, Limit: 20}
				if got, page := list(t, s, q); !slices.Equal(got, want) {
					t.Errorf("%q, facets %v: %v of %d, want %v", label, facets, got, page, want)
				}
			}
		}
	}
}

// testSurveyFollows changes sessions between surveys: each sees what was written before it.
func testSurveyFollows(t *testing.T, s session.Store) {
	fill(t, s, 30, func(_ int, r *session.Record) { r.Labels = map[string]string{"team": "a"} })
	ends := func() int {
		page, err := s.Records(t.Context(), session.Query{Text: "team:a", Status: session.StatusEnded, Facets: true})
		must(t, err)
		if n := page.Facets["status"]["ended"]; n != page.Total {
			t.Errorf("%d of %d counted", n, page.Total)
		}
		return page.Total
	}
	before := ends()
	version, err := s.Version(t.Context(), 0)
	must(t, err)
	if again, err := s.Version(t.Context(), 0); err != nil || again != version {
		t.Errorf("nothing changed, and the version was %d and is %d, %v", version, again, err)
	}
	for n := range 30 {
		fill(t, s, n+1, func(i int, r *session.Record) {
			r.Labels = map[string]string{"team": "a"}
			if i <= n {
				r.Status = session.StatusEnded
			}
		})
		if got := ends(); got != before+n+1 {
			t.Fatalf("%d ended sessions are found, want %d", got, before+n+1)
		}
	}
	if now, err := s.Version(t.Context(), 0); err != nil || now == version {
		t.Errorf("the version is still %d, %v", now, err)
	}
}

func testSurveyStates(t *testing.T, s session.Store) {
	now := time.Now()
	fill(t, s, 8, func(i int, r *session.Record) {
		r.Clients, r.CreatedAt = 1, now.Add(-time.Duration(100-i)*time.Second)
		switch i {
		case 0:
			r.Condition.Lost = true
		case 1:
			r.Condition.Failing = 2
		case 2:
			r.Condition.Pending = 1
		case 3:
			r.Limits.MaxSeconds = 105 // it has run for 97
		case 4:
			r.Limits.MaxTokens, r.Usage.TotalTokens = 100, 95
		case 5:
			r.Clients, r.Responding = 0, true
		case 6:
			r.Condition, r.Status = session.Condition{Lost: true, Pending: 1}, session.StatusEnded
		}
	})
	for state, want := range map[session.State][]session.ID{
		session.StateReconnecting: {"s-000"}, session.StateFailing: {"s-001"}, session.StateWaiting: {"s-002"},
		session.StateNearLimit: {"s-004", "s-003"}, session.StateUnattended: {"s-005"}, session.StateSpeaking: {"s-005"},
	} {
		wantList(t, s, session.Query{State: state}, want...)
	}
	page, err := s.Records(t.Context(), session.Query{Facets: true, State: session.StateWaiting})
	must(t, err)
	wantSame(t, "states", page.Facets["state"], map[string]int{
		"reconnecting": 1, "failing": 1, "waiting": 1, "near_limit": 2, "unattended": 1, "answering": 1,
	})
}
