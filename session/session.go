package session

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// ID names a session for as long as it lives, across reconnects and nodes. Ours, not
// the upstream's: 1 to 64 characters of A–Z a–z 0–9 _ and -, so that it is safe in a
// path and within a Redis hash tag.
type ID string

// Valid reports whether id has the allowed form.
func (id ID) Valid() bool {
	if len(id) == 0 || len(id) > 64 {
		return false
	}
	for _, r := range []byte(id) {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
		default:
			return false
		}
	}
	return true
}

// Status of a session; it only moves forward.
type Status string

// The statuses in order. A session that a node lost without ending it stays active: it
// can be claimed.
const (
	StatusCreated Status = "created" // opened upstream, no client was attached yet
	StatusActive  Status = "active"  // a client has been attached or a turn was taken
	StatusEnded   Status = "ended"

	StatusLive Status = "live" // only in queries: created or active
)

// Limits end a session with a clear reason. The zero value of a field means the node's default.
type Limits struct {
	MaxSeconds  int64 `json:"max_seconds,omitempty"`  // seconds from creation to the end
	IdleSeconds int64 `json:"idle_seconds,omitempty"` // seconds with no event from a client or the application
	MaxTokens   int64 `json:"max_tokens,omitempty"`   // of responses and transcriptions, see Usage.Spent
}

// Spec is what a session is opened with.
type Spec struct {
	ID     ID
	Key    string            // name of the API key that pays for it
	Labels map[string]string // at most 32, for selection
	Limits Limits
	Policy Policy // default of its client tokens

	// Model, Intent and SafetyID go into the upstream's handshake.
	Model, Intent, SafetyID string

	// Config is a GA session object to send as session.update before the session is
	// ready, or nil to keep the upstream's defaults.
	Config json.RawMessage

	// EndWithClient ends the session when its last client leaves (OpenAI's own contract).
	EndWithClient bool

	ListenIn ListenIn
}

// ListenIn says whether operators may hear a session as it goes on. "" is as ListenNever.
type ListenIn string

// Whether operators may listen in.
const (
	ListenNever     ListenIn = "never"
	ListenAllowed   ListenIn = "allowed"   // clients are not told
	ListenAnnounced ListenIn = "announced" // clients are told how many listen
)

// Allowed reports whether operators may listen at all.
func (l ListenIn) Allowed() bool { return l == ListenAllowed || l == ListenAnnounced }

// Record is what the store keeps of a session but for its items and events.
type Record struct {
	ID         ID                `json:"id"`
	TraceID    string            `json:"trace_id,omitempty"` // "": it is not traced
	Key        string            `json:"key"`
	Status     Status            `json:"status"`
	Reason     string            `json:"reason,omitempty"`   // why it ended
	EndedBy    string            `json:"ended_by,omitempty"` // name of an API key, or one of EndedBy…
	Node       string            `json:"node"`
	Epoch      int64             `json:"epoch"`
	Labels     map[string]string `json:"labels,omitempty"`
	Limits     Limits            `json:"limits"`
	Policy     Policy            `json:"policy"`
	Model      string            `json:"model,omitempty"`
	Intent     string            `json:"intent,omitempty"`
	SafetyID   string            `json:"safety_id,omitempty"`
	Session    json.RawMessage   `json:"session,omitempty"` // effective API session, as the upstream last reported it, without secrets
	Secrets    string            `json:"secrets,omitempty"` // those of its configuration, sealed
	Usage      Usage             `json:"usage"`
	Dropped    Dropped           `json:"dropped,omitzero"` // from the conversation, to keep it within its limits
	Cost       Cost              `json:"cost,omitzero"`    // of Usage
	Errors     int64             `json:"errors,omitempty"` // of its upstream, normal races left out
	Latency    Latency           `json:"latency,omitzero"`
	Condition  Condition         `json:"condition,omitzero"`
	Clients    int               `json:"clients"`
	Responding bool              `json:"responding"`
	Response   string            `json:"response_id,omitempty"` // the active one
	CreatedAt  time.Time         `json:"created_at"`
	UpdatedAt  time.Time         `json:"updated_at"`
	EndedAt    time.Time         `json:"ended_at,omitzero"`
	ExpiresAt  time.Time         `json:"expires_at,omitzero"` // of the present upstream, from session.created

	EndWithClient bool     `json:"end_with_client,omitempty"`
	ListenIn      ListenIn `json:"listen_in,omitempty"`
	Listeners     int      `json:"listeners,omitempty"` // operators who listen now
	Overlay       Overlay  `json:"overlay,omitzero"`    // what broadcasts changed
}

// Item is one entry of the conversation as the application sees it.
type Item struct {
	ID         string          `json:"id"`
	PreviousID string          `json:"previous_item_id,omitempty"`
	Type       string          `json:"type"`                                        // message, function_call, function_call_output, …
	Role       string          `json:"role,omitempty" enum:"user,assistant,system"` // of a message
	Status     string          `json:"status"`
	Text       string          `json:"text,omitempty"`   // text or transcript; of an interrupted item what was heard
	Spoken     string          `json:"spoken,omitempty"` // of an interrupted item all that was said
	Name       string          `json:"name,omitempty"`   // of a function call
	CallID     string          `json:"call_id,omitempty"`
	Arguments  string          `json:"arguments,omitempty"`
	Output     string          `json:"output,omitempty"`
	AudioMS    int64           `json:"audio_ms,omitempty"` // milliseconds of audio the upstream sent for it
	HeardMS    *int64          `json:"heard_ms,omitempty"` // milliseconds that were played, when interrupted
	ResponseID string          `json:"response_id,omitempty"`
	LatencyMS  int64           `json:"latency_ms,omitempty"` // of the first item of a response: milliseconds from the end of what the user said, or the request, to its first audio or text
	Private    bool            `json:"private,omitempty"`    // for the model and the application; clients are never shown it
	CreatedAt  time.Time       `json:"created_at"`
	Raw        json.RawMessage `json:"raw,omitempty"` // the item as the upstream last sent it, without audio
}

// Complete reports whether an item is finished and was not cut off.
func (it *Item) Complete() bool { return it.Status != "incomplete" && it.Status != "in_progress" }

// LoggedEvent is one event of a session's log: everything the upstream sent but audio
// and images, and the gateway's own.
type LoggedEvent struct {
	ID   string          `json:"id"` // "<unix ms>-<n>": grows within a session, valid as a Redis stream ID
	Type string          `json:"type"`
	Raw  json.RawMessage `json:"event"`
}

// CompareEventIDs orders IDs of the form "<unix ms>-<n>" by their numbers, of any length; what is
// missing counts as 0.
func CompareEventIDs(a, b string) int {
	am, an := numbersOf(a)
	bm, bn := numbersOf(b)
	return cmp.Or(cmp.Compare(len(am), len(bm)), cmp.Compare(am, bm), cmp.Compare(len(an), len(bn)), cmp.Compare(an, bn))
}

// numbersOf cuts an ID into decimal numbers without leading zeros.
func numbersOf(id string) (ms, n string) {
	ms, n, _ = strings.Cut(id, "-")
	return strings.TrimLeft(ms, "0"), strings.TrimLeft(n, "0")
}

// Check refuses, with *InvalidError, limits that exceed the caps l.
func (l Limits) Check(asked Limits) error {
	for _, f := range []struct {
		name      string
		own, most int64
	}{
		{"max_seconds", asked.MaxSeconds, l.MaxSeconds},
		{"idle_seconds", asked.IdleSeconds, l.IdleSeconds},
		{"max_tokens", asked.MaxTokens, l.MaxTokens},
	} {
		if f.most > 0 && f.own > f.most {
			return &InvalidError{Field: "limits." + f.name, Detail: fmt.Sprintf("must be at most %d, the most that this gateway allows", f.most)}
		}
	}
	return nil
}

// NewID returns prefix and 26 random characters of base32 (130 bits).
func NewID(prefix string) string { return prefix + strings.ToLower(rand.Text()) }

// Dropped counts what a session has let go of to stay within its limits.
type Dropped struct {
	Images int64 `json:"images" doc:"Items whose images were dropped; their other content stayed"`
	Items  int64 `json:"items" doc:"Items that were dropped whole"`
}
