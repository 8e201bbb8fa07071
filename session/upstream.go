package session

import "context"

// Dialer opens a connection to the upstream. A refused handshake comes back as
// *UpstreamError with its HTTP status. That Dial succeeded does not mean the session is
// ready: the first event says (a bad key is 101, then error, then close 3000).
type Dialer interface {
	Dial(ctx context.Context, r DialRequest) (Conn, error)
}

// DialRequest selects what to open.
type DialRequest struct {
	Model    string // query parameter model
	Intent   string // query parameter intent
	CallID   string // query parameter call_id: a sideband
	SafetyID string // header OpenAI-Safety-Identifier: a stable hash of the end user
}
