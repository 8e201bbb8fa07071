// Package survey sorts, searches and counts sessions that are looked at one by one. Make a survey
// with [New], add the [Facts] of every session and ask for the page. The states of a session and what
// a query selects are told here, for every store in the same way.
package survey

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchboard/session"
)

// States are those that a session is in; none of one that has ended.
func States(r *session.Record, now time.Time) []session.State {
	f := Of(r)
	return f.states(now)
}

func (f *Facts) states(now time.Time) (list []session.State) {
	if f.Status == session.StatusEnded {
		return nil
	}
	for _, s := range []struct {
		holds bool
		state session.State
	}{
		{f.Condition.Lost, session.StateReconnecting}, {f.Condition.Failing > 0, session.StateFailing}, {f.Condition.Pending > 0, session.StateWaiting},
		{f.nearLimit(now), session.StateNearLimit}, {f.Clients == 0, session.StateUnattended}, {f.Responding, session.StateSpeaking},
	} {
		if s.holds {
			list = append(list, s.state)
		}
	}
	return list
}

func (f *Facts) nearLimit(now time.Time) bool {
	return f.MaxSeconds > 0 && 10*now.Sub(f.CreatedAt).Seconds() >= 9*float64(f.MaxSeconds) ||
		f.MaxTokens > 0 && 10*f.Spent >= 9*f.MaxTokens
}

// value is what a session is sorted by.
func (f *Facts) value(sort string) float64 {
	switch sort {
	case session.SortCost:
		return f.Cost
	case session.SortErrors:
		return float64(f.Errors)
	case session.SortLatency:
		return float64(f.Latency)
	case session.SortExpiry:
		if f.ExpiresAt.IsZero() || f.Status == session.StatusEnded {
			return 0
		}
		return float64(f.ExpiresAt.UnixMilli())
	}
	return float64(f.CreatedAt.UnixMicro())
}

// misses counts the parts of a query that do not select a session, and names the last of them. The
// query's text is in lower case.
func misses(q *session.Query, f *Facts, now time.Time) (n int, dimension string) {
	miss := func(selected bool, name string) {
		if !selected {
			n, dimension = n+1, name
		}
	}
	miss(q.Key == "" || f.Key == q.Key, "key")
	miss(q.Status == "" || f.Status == q.Status || q.Status == session.StatusLive && f.Status != session.StatusEnded, "status")
	miss(q.Model == "" || f.Model == q.Model, "model")
	miss(q.Node == "" || f.Node == q.Node, "node")
	miss(q.State == "" || slices.Contains(f.states(now), q.State), "state")
	for name, want := range q.Labels {
		got, ok := f.label(name)
		miss(ok && got == want, labelDimension+name)
	}
	miss(q.From.IsZero() || !f.CreatedAt.Before(q.From), "")
	miss(q.To.IsZero() || f.CreatedAt.Before(q.To), "")
	if q.Text != "" && n < 2 { // the costly part, and after two misses it does not matter
		miss(f.mentions(q.Text), "")
	}
	return n, dimension
}

// mentions reports whether the session's ID, key, model or a label contains a text in lower case.
func (f *Facts) mentions(text string) bool {
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	both := strings.Contains(text, ":")
	if has(string(f.ID)) || has(f.Key) || has(f.Model) {
		return true
	}
	for _, l := range f.Labels {
		if has(l.Value) || has(l.Name) || both && has(l.Name+":"+l.Value) {
			return true
		}
	}
	return false
}

// mostValues is up to how many different values something is counted by: of more, such as the
// numbers of customers, nobody chooses one in a list.
const mostValues = 1000

// facets counts values; those of labels by the labels' names.
type facets struct{ own, labels session.Facets }

func add(t session.Facets, dimension, value string) {
	values := t[dimension]
	if values == nil {
		values = map[string]int{}
		t[dimension] = values
	}
	if n := values[value]; n > 0 || len(values) <= mostValues {
		values[value] = n + 1
	}
}

// count adds a session to all dimensions, or to one.
func (t facets) count(f *Facts, dimension string, now time.Time) {
	all := dimension == ""
	of := func(name, value string) {
		if (all || dimension == name) && value != "" {
			add(t.own, name, value)
		}
	}
	of("key", f.Key)
	of("status", string(f.Status))
	of("model", f.Model)
	if f.Status != session.StatusEnded {
		of("node", f.Node)
	}
	if all || dimension == "state" {
		for _, s := range f.states(now) {
			add(t.own, "state", string(s))
		}
	}
	label, one := strings.CutPrefix(dimension, labelDimension)
	for _, l := range f.Labels {
		if all || one && l.Name == label {
			add(t.labels, l.Name, l.Value)
		}
	}
}

const labelDimension = "label:"

// result are the facets of all dimensions that do not have too many values.
func (t facets) result() session.Facets {
	all := session.Facets{}
	take := func(name string, values map[string]int) {
		if len(values) <= mostValues {
			all[name] = values
		}
	}
	for name, values := range t.own {
		take(name, values)
	}
	for name, values := range t.labels {
		take(labelDimension+name, values)
	}
	return all
}

// Survey sorts and counts sessions that are looked at one by one, in any order. Add each, then call Page.
type Survey struct {
	q      session.Query
	now    time.Time
	facets *facets // nil: the query asks for none
	totals session.Totals
	found  []place
}

// place is where a session stands in a sorted list.
type place struct {
	value  float64
	member string // orders those of the same value
}

// New begins one.
func New(q session.Query, now time.Time) *Survey {
	q.Text = strings.ToLower(q.Text)
	s := &Survey{q: q, now: now, totals: NoTotals()}
	if q.Facets {
		s.facets = &facets{session.Facets{}, session.Facets{}}
	}
	return s
}

// Add looks at a session; member is its place among those created at the same time, and names it in Page.
func (s *Survey) Add(f *Facts, member string) {
	if s.q.Scope != "" && f.Key != s.q.Scope {
		return
	}
	addTo(&s.totals, f)
	misses, dimension := misses(&s.q, f, s.now)
	if misses == 0 {
		s.found = append(s.found, place{f.value(s.q.Sort), member})
	}
	if s.facets != nil && (misses == 0 || misses == 1 && dimension != "") {
		s.facets.count(f, dimension, s.now)
	}
}

// Page returns a page but for its records, which are those of the members.
func (s *Survey) Page(limit int) (members []string, page session.Page, err error) {
	order := func(a, b place) int {
		c := cmp.Or(cmp.Compare(b.value, a.value), strings.Compare(b.member, a.member))
		if s.q.Ascending {
			return -c
		}
		return c
	}
	page = session.Page{Total: len(s.found), Totals: &s.totals}
	if s.facets != nil {
		page.Facets = s.facets.result()
	}
	rest := s.found
	if s.q.After != "" {
		value, member, ok := strings.Cut(s.q.After, "~")
		number, bad := strconv.ParseFloat(value, 64)
		if !ok || bad != nil {
			return nil, session.Page{}, &session.InvalidError{Field: "after", Detail: "is not the next of a page"}
		}
		cursor := place{number, member}
		rest = slices.DeleteFunc(rest, func(p place) bool { return order(p, cursor) <= 0 })
	}
	rest = least(rest, max(s.q.Offset, 0)+limit+1, order)
	rest = rest[min(max(s.q.Offset, 0), len(rest)):]
	if len(rest) > limit {
		rest = rest[:limit]
		last := rest[limit-1]
		page.Next = strconv.FormatFloat(last.value, 'f', -1, 64) + "~" + last.member
	}
	for _, p := range rest {
		members = append(members, p.member)
	}
	return members, page, nil
}

// mostInserted is up to how many places are found by inserting them.
const mostInserted = 1000

// least returns the first n of places in their order. A page needs few of them, so that most are
// compared with the last of those and no others.
func least(places []place, n int, order func(a, b place) int) []place {
	if n > mostInserted || n >= len(places) {
		slices.SortFunc(places, order)
		return places[:min(n, len(places))]
	}
	first := make([]place, 0, n+1)
	for _, p := range places {
		if len(first) == n && order(p, first[n-1]) >= 0 {
			continue
		}
		i, _ := slices.BinarySearchFunc(first, p, order)
		first = slices.Insert(first, i, p)
		first = first[:min(n, len(first))]
	}
	return first
}

// Selects reports whether q, but for its page, selects r.
func Selects(q session.Query, r *session.Record) bool {
	f := Of(r)
	q.Text = strings.ToLower(q.Text)
	n, _ := misses(&q, &f, time.Now())
	return n == 0 && (q.Scope == "" || r.Key == q.Scope)
}

// NoTotals are those of no session.
func NoTotals() session.Totals {
	return session.Totals{Nodes: map[string]int{}, Status: map[session.Status]int{session.StatusCreated: 0, session.StatusActive: 0, session.StatusEnded: 0}}
}

func addTo(t *session.Totals, f *Facts) {
	t.Status[f.Status]++
	if f.Status == session.StatusEnded {
		return
	}
	t.Nodes[f.Node]++
	t.Clients += f.Clients
	if f.Clients == 0 {
		t.Unattended++
	}
}
