package series

import (
	"context"
	"time"
)

// Silent is how long a node is shown that says nothing more: long enough to be noticed.
const Silent = 15 * time.Minute

// Vitals is what a node says of itself every few seconds.
type Vitals struct {
	Node     string    `json:"node"` // its URL
	Started  time.Time `json:"started"`
	Version  string    `json:"version"`
	Sessions int       `json:"sessions"`
	Clients  int       `json:"clients"`
	Draining bool      `json:"draining,omitempty"` // it takes no new sessions

	CPU        float64 `json:"cpu"` // cores in use, of late
	Cores      int     `json:"cores"`
	Memory     int64   `json:"memory"`       // bytes that the process has of the system
	MemoryMost int64   `json:"memory_limit"` // soft limit; 0: none
	Goroutines int     `json:"goroutines"`

	JournalPending int           `json:"journal_pending"` // changes not yet in the store
	JournalDropped int64         `json:"journal_dropped"`
	AuditPending   int           `json:"audit_pending"`
	AuditLost      int64         `json:"audit_lost"`
	StoreAway      time.Duration `json:"store_away"` // since when it has refused writes
	StoreTrip      time.Duration `json:"store_trip"` // there and back, of the call before this one
	LeaseAge       time.Duration `json:"lease_age"`

	UpstreamErrors [4]int64 `json:"upstream_errors"` // of the last minutes by class
	Models         []Model  `json:"models,omitempty"`

	// Silence and DrainBy are the store's: how long ago the node said this, and who wants it drained.
	Silence time.Duration `json:"-"`
	DrainBy string        `json:"-"`
}

// Model is a model in use that OpenAI is going to shut down.
type Model struct {
	Name string    `json:"name"`
	Ends time.Time `json:"ends"`
}

// Life names this life of the node: another after each restart.
func (v *Vitals) Life() string { return Life(v.Node, v.Started) }

// Life names one life of a node's process.
func Life(node string, started time.Time) string {
	return node + " " + started.UTC().Format("20060102T150405.000")
}

// Lives is what the nodes say of themselves, and what is wanted of them. Safe for many callers at once.
type Lives interface {
	// PutVitals stores what a node says and returns who wants it drained, "" for nobody.
	PutVitals(ctx context.Context, v Vitals) (drainBy string, err error)

	// EndLife takes a node off that has stopped.
	EndLife(ctx context.Context, life string) error

	// Vitals lists the nodes by URL, those that have been silent for less than Silent included.
	Vitals(ctx context.Context) ([]Vitals, error)

	// Drain asks a life of a node to drain, in somebody's name, or with "" no more; ErrNotFound.
	Drain(ctx context.Context, life, by string) error
}
