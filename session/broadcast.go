package session

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Modes of a broadcast.
const (
	ModeReplace = "replace" // its instructions take the place of the session's
	ModeAppend  = "append"  // they follow the session's
)

// Broadcast is a change of instructions for many sessions at once.
type Broadcast struct {
	ID           string            `json:"id"` // grows with each; the order is the same on all nodes
	Instructions string            `json:"instructions"`
	Mode         string            `json:"mode"`
	Select       map[string]string `json:"select,omitempty"` // labels that a session must have, all of them
	Sticky       bool              `json:"sticky,omitempty"` // sessions that are created later get it too
	By           string            `json:"by"`               // name of the API key
	CreatedAt    time.Time         `json:"created_at"`
	WithdrawnBy  string            `json:"withdrawn_by,omitempty"`
	WithdrawnAt  time.Time         `json:"withdrawn_at,omitzero"`
}

// BroadcastEntry is one entry of the log: a broadcast, or that one was withdrawn.
type BroadcastEntry struct {
	ID        string // grows with each entry
	Broadcast Broadcast
	Withdrawn bool
}

// Broadcasts is the log of broadcasts as the nodes read it. Safe for many callers at once.
type Broadcasts interface {
	// Follow returns the entries behind the one with ID after ("": from the oldest
	// kept), in order, and waits for the next if there are none yet.
	Follow(ctx context.Context, after string) ([]BroadcastEntry, error)

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
	OutcomeApplied  = "applied"  // the upstream acknowledged it
	OutcomeDeferred = "deferred" // the upstream was lost meanwhile, or took nothing; the next one begins with it
	OutcomeRefused  = "refused"  // the upstream refused it; the session goes on as before
	OutcomeEnded    = "ended"    // the session ended first
	OutcomeSilent   = "silent"   // the upstream did not answer in time
)

// Outcome is what became of a broadcast in one session.
type Outcome struct {
	Session ID        `json:"session_id"`
	Status  string    `json:"status"`
	Reason  string    `json:"reason,omitempty"`
	At      time.Time `json:"at"`
}

// Overlay is what broadcasts have made of a session's instructions.
type Overlay struct {
	Based    bool        `json:"based,omitempty"`    // a broadcast has stood: from then on Base holds
	Base     string      `json:"base,omitempty"`     // the session's own instructions
	Standing []Broadcast `json:"standing,omitempty"` // records share it: replaced, never changed
	Seen     string      `json:"seen,omitempty"`     // ID of the last entry that was considered
}

// text is what the instructions are with all that stands, in order.
func (o *Overlay) text() string {
	text := o.Base
	for _, b := range o.Standing {
		switch {
		case b.Mode == ModeReplace || text == "":
			text = b.Instructions
		default:
			text += "\n\n" + b.Instructions
		}
	}
	return text
}

// over puts the instructions into a configuration. The last one that stood may have been
// withdrawn without the upstream having said so, and so it counts that one ever stood.
func (o *Overlay) over(config json.RawMessage) json.RawMessage {
	if !o.Based {
		return config
	}
	var fields object
	if json.Unmarshal(config, &fields) != nil {
		return config
	}
	fields["instructions"] = o.text()
	return marshal(fields)
}

// take considers one entry of the log and reports whether it changes the instructions;
// base is the session's own, if no broadcast has stood yet.
func (o *Overlay) take(e BroadcastEntry, base string) bool {
	if !o.pass(e.ID) {
		return false
	}
	i := slices.IndexFunc(o.Standing, func(b Broadcast) bool { return b.ID == e.Broadcast.ID })
	switch {
	case e.Withdrawn && i < 0, !e.Withdrawn && i >= 0:
		return false
	case e.Withdrawn:
		o.Standing = slices.Delete(slices.Clone(o.Standing), i, i+1)
		return true
	}
	if !o.Based {
		o.Based, o.Base = true, base
	}
	o.Standing = append(slices.Clip(o.Standing), e.Broadcast)
	return true
}

// pass notes that an entry was considered, and reports false if it had been before.
func (o *Overlay) pass(id string) bool {
	if !laterID(id, o.Seen) {
		return false
	}
	o.Seen = id
	return true
}

// drop takes off a broadcast that the upstream refused.
func (o *Overlay) drop(id string) {
	o.Standing = slices.DeleteFunc(slices.Clone(o.Standing), func(b Broadcast) bool { return b.ID == id })
}

// laterID compares IDs of the form "<ms>-<n>"; everything is later than "".
func laterID(a, b string) bool {
	if b == "" {
		return true
	}
	am, an, _ := strings.Cut(a, "-")
	bm, bn, _ := strings.Cut(b, "-")
	if am != bm {
		return longer(am, bm)
	}
	return longer(an, bn)
}

// longer compares decimal numbers without leading zeros.
func longer(a, b string) bool {
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}

// selects reports whether a session with these labels is meant.
func (b *Broadcast) selects(labels map[string]string) bool {
	for k, v := range b.Select {
		if got, has := labels[k]; !has || got != v {
			return false
		}
	}
	return true
}
