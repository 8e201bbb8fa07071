package session

import (
	"cmp"
	"maps"
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
func (r *Record) States(now time.Time) (list []State) {
	if r.Status == StatusEnded {
		return nil
	}
	for _, s := range []struct {
		holds bool
		state State
	}{
		{r.Condition.Lost, StateReconnecting}, {r.Condition.Failing > 0, StateFailing}, {r.Condition.Pending > 0, StateWaiting},
		{r.nearLimit(now), StateNearLimit}, {r.Clients == 0, StateUnattended}, {r.Responding, StateSpeaking},
	} {
		if s.holds {
			list = append(list, s.state)
		}
	}
	return list
}

func (r *Record) nearLimit(now time.Time) bool {
	most := r.Limits.MaxSeconds
	return most > 0 && 10*now.Sub(r.CreatedAt).Seconds() >= 9*float64(most) ||
		r.Limits.MaxTokens > 0 && 10*r.Usage.Spent() >= 9*r.Limits.MaxTokens
}

// Orders in which sessions are listed. The greatest come first, or last with Query.Ascending.
const (
	SortAge     = "age" // by their creation: the newest come first
	SortCost    = "cost"
	SortErrors  = "errors"
	SortLatency = "latency" // mean
	SortExpiry  = "expiry"  // when the present upstream must be renewed: the latest come first
)

// Value is what a session is sorted by.
func (r *Record) Value(sort string) float64 {
	switch sort {
	case SortCost:
		return r.Cost.USD
	case SortErrors:
		return float64(r.Errors)
	case SortLatency:
		return float64(r.Latency.Mean)
	case SortExpiry:
		if r.ExpiresAt.IsZero() || r.Status == StatusEnded {
			return 0
		}
		return float64(r.ExpiresAt.UnixMilli())
	}
	return float64(r.CreatedAt.UnixMicro())
}

// misses counts the parts of a query that do not select r, and names the last of them.
func (q *Query) misses(r *Record, now time.Time) (n int, dimension string) {
	miss := func(selected bool, name string) {
		if !selected {
			n, dimension = n+1, name
		}
	}
	miss(q.Key == "" || r.Key == q.Key, "key")
	miss(q.Status == "" || r.Status == q.Status || q.Status == StatusLive && r.Status != StatusEnded, "status")
	miss(q.Model == "" || r.Model == q.Model, "model")
	miss(q.Node == "" || r.Node == q.Node, "node")
	miss(q.State == "" || slices.Contains(r.States(now), q.State), "state")
	for name, want := range q.Labels {
		got, ok := r.Labels[name]
		miss(ok && got == want, "label:"+name)
	}
	miss(q.From.IsZero() || !r.CreatedAt.Before(q.From), "")
	miss(q.To.IsZero() || r.CreatedAt.Before(q.To), "")
	miss(q.Text == "" || r.mentions(q.Text), "")
	return n, dimension
}

// mentions reports whether the session's ID, key, model or a label contains a text, whatever its case.
func (r *Record) mentions(text string) bool {
	text = strings.ToLower(text)
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	both := strings.Contains(text, ":")
	if has(string(r.ID)) || has(r.Key) || has(r.Model) {
		return true
	}
	for name, value := range r.Labels {
		if has(value) || has(name) || both && has(name+":"+value) {
			return true
		}
	}
	return false
}

// Facets are how many sessions have each value of something: status, state, key, model, node, or
// label:<name>. Each counts those that the other parts of the query select.
type Facets map[string]map[string]int

func (f Facets) add(dimension, value string) {
	if f[dimension] == nil {
		f[dimension] = map[string]int{}
	}
	f[dimension][value]++
}

func (f Facets) count(r *Record, dimension string, now time.Time) {
	all := dimension == ""
	of := func(name, value string) {
		if (all || dimension == name) && value != "" {
			f.add(name, value)
		}
	}
	of("key", r.Key)
	of("status", string(r.Status))
	of("model", r.Model)
	if r.Status != StatusEnded {
		of("node", r.Node)
	}
	if all || dimension == "state" {
		for _, s := range r.States(now) {
			f.add("state", string(s))
		}
	}
	for name, value := range r.Labels {
		if all || dimension == "label:"+name {
			f.add("label:"+name, value)
		}
	}
}

// Survey sorts and counts sessions that are looked at one by one, in any order. Add each, then call Page.
type Survey struct {
	q      Query
	now    time.Time
	facets Facets
	found  []place
}

// place is where a session stands in a sorted list.
type place struct {
	value  float64
	member string // orders those of the same value
}

// NewSurvey begins one.
func NewSurvey(q Query, now time.Time) *Survey {
	s := &Survey{q: q, now: now}
	if q.Facets {
		s.facets = Facets{}
	}
	return s
}

// Add looks at a session; member is its place among those created at the same time, and names it in Page.
func (s *Survey) Add(r *Record, member string) {
	misses, dimension := s.q.misses(r, s.now)
	if misses == 0 {
		s.found = append(s.found, place{r.Value(s.q.Sort), member})
	}
	if s.facets != nil && (misses == 0 || misses == 1 && dimension != "") {
		s.facets.count(r, dimension, s.now)
	}
}

// Page returns the members of a page, the cursor of the next one and how many were selected.
func (s *Survey) Page(after string, limit int) (members []string, next string, total int, facets Facets, err error) {
	order := func(a, b place) int {
		c := cmp.Or(cmp.Compare(b.value, a.value), strings.Compare(b.member, a.member))
		if s.q.Ascending {
			return -c
		}
		return c
	}
	slices.SortFunc(s.found, order)
	total, facets = len(s.found), maps.Clone(s.facets)
	rest := s.found
	if after != "" {
		value, member, ok := strings.Cut(after, "~")
		number, bad := strconv.ParseFloat(value, 64)
		if !ok || bad != nil {
			return nil, "", 0, nil, &InvalidError{Field: "after", Detail: "is not the next of a page"}
		}
		i, found := slices.BinarySearchFunc(rest, place{number, member}, order)
		if found {
			i++
		}
		rest = rest[i:]
	}
	if len(rest) > limit {
		rest = rest[:limit]
		last := rest[limit-1]
		next = strconv.FormatFloat(last.value, 'f', -1, 64) + "~" + last.member
	}
	for _, p := range rest {
		members = append(members, p.member)
	}
	return members, next, total, facets, nil
}
