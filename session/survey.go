package session

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// State is what an operator should know of a live session; it may be in several.
type State string

// The states, those that hurt most first.
const (
	StateReconnecting State = "reconnecting" // its upstream was lost, and another is being made
	StateFailing      State = "failing"      // its last responses failed
	StateWaiting      State = "waiting"      // for the result of a function call
	StateNearLimit    State = "near_limit"   // nine tenths of its time or tokens are used
	StateUnattended   State = "unattended"   // no client is attached
	StateSpeaking     State = "answering"    // a response is being generated
)

// Condition is what the states of a live session are made of, beyond the rest of its record.
type Condition struct {
	Lost    bool `json:"lost,omitempty"`    // it has no upstream now
	Failing int  `json:"failing,omitempty"` // responses in a row that failed
	Pending int  `json:"pending,omitempty"` // function calls that wait for their result
}

// Latency is how long a session's responses took to be heard.
type Latency struct {
	Turns int64 `json:"turns" doc:"Responses whose first audio was measured"`
	Mean  int64 `json:"mean_ms" doc:"Milliseconds from the end of what the user said, or a request, to the first audio"`
	Max   int64 `json:"max_ms"`
	Last  int64 `json:"last_ms"`
}

// Add counts another response.
func (l *Latency) Add(d time.Duration) {
	ms := d.Milliseconds()
	l.Mean = (l.Mean*l.Turns + ms) / (l.Turns + 1)
	l.Turns++
	l.Max, l.Last = max(l.Max, ms), ms
}

// States are those that a session is in; none of one that has ended.
func (r *Record) States(now time.Time) []State { f := FactsOf(r); return f.States(now) }

// States are those that a session is in; none of one that has ended.
func (f *Facts) States(now time.Time) (list []State) {
	if f.Status == StatusEnded {
		return nil
	}
	for _, s := range []struct {
		holds bool
		state State
	}{
		{f.Condition.Lost, StateReconnecting}, {f.Condition.Failing > 0, StateFailing}, {f.Condition.Pending > 0, StateWaiting},
		{f.nearLimit(now), StateNearLimit}, {f.Clients == 0, StateUnattended}, {f.Responding, StateSpeaking},
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

// Orders in which sessions are listed. The greatest come first, or last with Query.Ascending.
const (
	SortAge     = "age" // by their creation: the newest come first
	SortCost    = "cost"
	SortErrors  = "errors"
	SortLatency = "latency" // mean
	SortExpiry  = "expiry"  // when the present upstream must be renewed: the latest come first
)

// value is what a session is sorted by.
func (f *Facts) value(sort string) float64 {
	switch sort {
	case SortCost:
		return f.Cost
	case SortErrors:
		return float64(f.Errors)
	case SortLatency:
		return float64(f.Latency)
	case SortExpiry:
		if f.ExpiresAt.IsZero() || f.Status == StatusEnded {
			return 0
		}
		return float64(f.ExpiresAt.UnixMilli())
	}
	return float64(f.CreatedAt.UnixMicro())
}

// misses counts the parts of a query that do not select a session, and names the last of them. The
// query's text is in lower case.
func (q *Query) misses(f *Facts, now time.Time) (n int, dimension string) {
	miss := func(selected bool, name string) {
		if !selected {
			n, dimension = n+1, name
		}
	}
	miss(q.Key == "" || f.Key == q.Key, "key")
	miss(q.Status == "" || f.Status == q.Status || q.Status == StatusLive && f.Status != StatusEnded, "status")
	miss(q.Model == "" || f.Model == q.Model, "model")
	miss(q.Node == "" || f.Node == q.Node, "node")
	miss(q.State == "" || slices.Contains(f.States(now), q.State), "state")
	for name, want := range q.Labels {
		got, ok := f.label(name)
		miss(ok && got == want, "label:"+name)
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

// Facets are how many sessions have each value of something: status, state, key, model, node, or
// label:<name>. Each counts those that the other parts of the query select.
type Facets map[string]map[string]int

func (t Facets) add(dimension, value string) {
	if t[dimension] == nil {
		t[dimension] = map[string]int{}
	}
	t[dimension][value]++
}

// count adds a session to all dimensions, or to one.
func (t Facets) count(f *Facts, dimension string, now time.Time) {
	all := dimension == ""
	of := func(name, value string) {
		if (all || dimension == name) && value != "" {
			t.add(name, value)
		}
	}
	of("key", f.Key)
	of("status", string(f.Status))
	of("model", f.Model)
	if f.Status != StatusEnded {
		of("node", f.Node)
	}
	if all || dimension == "state" {
		for _, s := range f.States(now) {
			t.add("state", string(s))
		}
	}
	for _, l := range f.Labels {
		if all || dimension == "label:"+l.Name {
			t.add("label:"+l.Name, l.Value)
		}
	}
}

// Survey sorts and counts sessions that are looked at one by one, in any order. Add each, then call Page.
type Survey struct {
	q      Query
	now    time.Time
	facets Facets
	totals Totals
	found  []place
}

// place is where a session stands in a sorted list.
type place struct {
	value  float64
	member string // orders those of the same value
}

// NewSurvey begins one.
func NewSurvey(q Query, now time.Time) *Survey {
	q.Text = strings.ToLower(q.Text)
	s := &Survey{q: q, now: now, totals: NoTotals()}
	if q.Facets {
		s.facets = Facets{}
	}
	return s
}

// Add looks at a session; member is its place among those created at the same time, and names it in Page.
func (s *Survey) Add(f *Facts, member string) {
	if s.q.Scope != "" && f.Key != s.q.Scope {
		return
	}
	s.totals.add(f)
	misses, dimension := s.q.misses(f, s.now)
	if misses == 0 {
		s.found = append(s.found, place{f.value(s.q.Sort), member})
	}
	if s.facets != nil && (misses == 0 || misses == 1 && dimension != "") {
		s.facets.count(f, dimension, s.now)
	}
}

// Page returns a page but for its records, which are those of the members.
func (s *Survey) Page(limit int) (members []string, page Page, err error) {
	order := func(a, b place) int {
		c := cmp.Or(cmp.Compare(b.value, a.value), strings.Compare(b.member, a.member))
		if s.q.Ascending {
			return -c
		}
		return c
	}
	slices.SortFunc(s.found, order)
	page = Page{Total: len(s.found), Facets: s.facets, Totals: &s.totals}
	rest := s.found
	if s.q.After != "" {
		value, member, ok := strings.Cut(s.q.After, "~")
		number, bad := strconv.ParseFloat(value, 64)
		if !ok || bad != nil {
			return nil, Page{}, &InvalidError{Field: "after", Detail: "is not the next of a page"}
		}
		i, found := slices.BinarySearchFunc(rest, place{number, member}, order)
		if found {
			i++
		}
		rest = rest[i:]
	}
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
