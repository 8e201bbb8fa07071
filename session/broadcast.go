package session

import (
	"time"
)

// Broadcast is a change of instructions for many sessions at once.
type Broadcast struct {
	ID           string            `json:"id"` // grows with each; the order is the same on all nodes
	Instructions string            `json:"instructions"`
	Mode         string            `json:"mode" enum:"replace,append"`
	Select       map[string]string `json:"select,omitempty"`   // labels that a session must have, all of them
	Sessions     []ID              `json:"sessions,omitempty"` // only these; none: all that Select selects
	Sticky       bool              `json:"sticky,omitempty"`   // sessions that are created later get it too
	By           string            `json:"by"`                 // name of the API key
	CreatedAt    time.Time         `json:"created_at"`
	WithdrawnBy  string            `json:"withdrawn_by,omitempty"`
	WithdrawnAt  time.Time         `json:"withdrawn_at,omitzero"`
}

// Overlay is what broadcasts have made of a session's instructions.
type Overlay struct {
	Based    bool        `json:"based,omitempty"`    // a broadcast has stood: from then on Base holds
	Base     string      `json:"base,omitempty"`     // the session's own instructions
	Standing []Broadcast `json:"standing,omitempty"` // records share it: replaced, never changed
	Seen     string      `json:"seen,omitempty"`     // ID of the last entry that was considered
}
