package survey

import (
	"maps"
	"slices"
	"time"

	"switchboard/session"
)

// Facts are what a session is sorted, searched and counted by: as much of its record as an index
// has to hold of every session.
type Facts struct {
	ID         session.ID
	CreatedAt  time.Time
	Status     session.Status
	Key        string
	Node       string
	Model      string
	Labels     []Label // by name
	Clients    int
	Cost       float64 // in US dollars
	Errors     int64
	Latency    int64 // mean, in milliseconds
	ExpiresAt  time.Time
	Condition  session.Condition
	Responding bool
	MaxSeconds int64
	MaxTokens  int64
	Spent      int64 // tokens, if MaxTokens is set
}

// Label is one label of a session.
type Label struct{ Name, Value string }

// Of takes them from a record.
func Of(r *session.Record) Facts {
	f := Facts{
		ID: r.ID, CreatedAt: r.CreatedAt, Status: r.Status, Key: r.Key, Node: r.Node, Model: r.Model,
		Clients: r.Clients, Cost: r.Cost.USD, Errors: r.Errors, Latency: r.Latency.Mean, ExpiresAt: r.ExpiresAt,
		Condition: r.Condition, Responding: r.Responding, MaxSeconds: r.Limits.MaxSeconds, MaxTokens: r.Limits.MaxTokens,
	}
	if f.MaxTokens > 0 {
		f.Spent = r.Usage.Spent()
	}
	for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
		f.Labels = append(f.Labels, Label{name, r.Labels[name]})
	}
	return f
}

// label is the value of one label, if there is one.
func (f *Facts) label(name string) (string, bool) {
	for _, l := range f.Labels {
		if l.Name == name {
			return l.Value, true
		}
	}
	return "", false
}
