package session

import "time"

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

// Orders in which sessions are listed. The greatest come first, or last with Query.Ascending.
const (
	SortAge     = "age" // by their creation: the newest come first
	SortCost    = "cost"
	SortErrors  = "errors"
	SortLatency = "latency" // mean
	SortExpiry  = "expiry"  // when the present upstream must be renewed: the latest come first
)

// Facets are how many sessions have each value of something: status, state, key, model, node, or
// label:<name>. Each counts those that the other parts of the query select.
type Facets map[string]map[string]int
