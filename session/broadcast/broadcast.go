package broadcast

import (
	"context"
	"time"

	"switchboard/session"
)

// Modes of a broadcast.
const (
	ModeReplace = "replace" // its instructions take the place of the session's
	ModeAppend  = "append"  // they follow the session's
)

// Entry is one entry of the log: a broadcast, or that one was withdrawn.
type Entry struct {
	ID        string // grows with each entry
	Broadcast session.Broadcast
	Withdrawn bool
}

// Log is the log of broadcasts as the nodes read it. Safe for many callers at once.
type Log interface {
	// Follow returns the entries behind the one with ID after ("": from the oldest
	// kept), in order, and waits for the next if there are none yet.
	Follow(ctx context.Context, after string) ([]Entry, error)

	// Report adds what became of an entry on one node. After an error it may be sent
	// again, for up to a minute, with more in it.
	Report(ctx context.Context, r Report) error
}

// Report says what became of a broadcast, or of its withdrawal, in some of a node's
// sessions. The first report of a node has the number of those it concerns.
type Report struct {
	ID        string    `json:"-"` // the same when it is sent again: Matched counts once; "": it is not sent again
	Broadcast string    `json:"broadcast"`
	Withdrawn bool      `json:"withdrawn,omitempty"`
	Node      string    `json:"node"`
	Matched   int       `json:"matched,omitempty"`
	Outcomes  []Outcome `json:"outcomes,omitempty"`
}

// Outcomes of a broadcast in one session.
const (
	Applied  = "applied"  // the upstream acknowledged it
	Deferred = "deferred" // the upstream was lost meanwhile, or took nothing; the next one begins with it
	Refused  = "refused"  // the upstream refused it; the session goes on as before
	Ended    = "ended"    // the session ended first
	Silent   = "silent"   // the upstream did not answer in time
)

// Outcome is what became of a broadcast in one session.
type Outcome struct {
	Session session.ID `json:"session_id"`
	Status  string     `json:"status" enum:"applied,deferred,refused,ended,silent"`
	Reason  string     `json:"reason,omitempty"`
	At      time.Time  `json:"at"`
}

// BroadcastStatus is how far a broadcast has come. Its name is that of the schema in the OpenAPI document.
type BroadcastStatus struct {
	session.Broadcast
	Tally
	Withdrawal *Tally `json:"withdrawal,omitempty"` // of its withdrawal; nil while it stands
}

// Tally counts what became of one entry of the log. Sessions that are yet to answer are
// in Matched and in no outcome.
type Tally struct {
	Matched  int            `json:"matched"`
	Nodes    map[string]int `json:"nodes,omitempty"`    // Matched by the node that reported it
	Outcomes map[string]int `json:"outcomes,omitempty"` // sessions by status
}
