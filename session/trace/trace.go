// Package trace is what sessions did, as the spans of distributed traces: one trace per session. Package otlp sends
// them to a collector.
package trace

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"switchboard/session"
)

// Kind is what a span is about.
type Kind string

// The kinds of spans.
const (
	Session  Kind = "session"      // the session from its creation to its end; the parent of all others
	Speech   Kind = "user_speech"  // the user spoke
	Response Kind = "inference"    // a response, from its creation to its end
	Tool     Kind = "execute_tool" // a function call, until its result was in the conversation
	Renewal  Kind = "renewal"      // another upstream was made ready and took the place of the one before
	Command  Kind = "command"      // what the gateway asked of the upstream, until that had acknowledged it
)

// Span is something that took time in a session and is over.
type Span struct {
	Session    session.ID
	Kind       Kind
	Name       string // of the function; the event of a command; why an upstream was replaced, or a session ended
	ID         string // of the response or function call
	Model      string
	Start, End time.Time
	FirstAudio time.Time // of a response; zero: none was heard
	Outcome    string    // status of a response
	Err        string    // code or text of what failed; "": nothing did
	Tokens     Tokens
}

// Tokens are what a response, or a whole session, used.
type Tokens struct{ Input, Output, InputAudio, OutputAudio, Cached int64 }

// Recorder takes spans over. Its methods are called with locks held: they must not wait.
type Recorder interface {
	// Traces reports whether a session is among those that are traced.
	Traces(id session.ID) bool
	Record(s Span)
}

// ID names a session's trace. Every node derives the same one, also from the session's ID in a log. A session whose
// ID was used before, and is no longer stored, has the trace of that one.
func ID(id session.ID) (trace [16]byte) {
	sum := sha256.Sum256([]byte("switchboard.trace:" + id))
	copy(trace[:], sum[:])
	return trace
}

// Hex is a trace's ID as it is written.
func Hex(id session.ID) string {
	trace := ID(id)
	return hex.EncodeToString(trace[:])
}

// Root names the span of the session itself in its trace.
func Root(id session.ID) (span [8]byte) {
	sum := sha256.Sum256([]byte("switchboard.trace:" + id))
	copy(span[:], sum[16:])
	return span
}
