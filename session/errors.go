package session

import (
	"errors"
	"fmt"
	"net/http"
)

// Sentinels that callers branch on.
var (
	ErrNotFound = errors.New("session: not found")
	ErrExists   = errors.New("session: already exists")
	ErrTimeout  = errors.New("session: upstream did not answer in time")
)

// HeldError says who holds the lease that was asked for.
type HeldError struct{ Lease Lease }

// Error names the session and the node's URL, which is not for callers outside the fleet.
func (e *HeldError) Error() string {
	return fmt.Sprintf("session: lease of %s is held by %s", e.Lease.ID, e.Lease.Node)
}

// LimitError says which limit was met.
type LimitError struct {
	Limit string // "max_seconds", "idle_seconds", "max_tokens", "key_sessions", "key_tokens", "key_seconds"
	Max   int64
}

// Error names the limit and its value; callers may read it.
func (e *LimitError) Error() string { return fmt.Sprintf("limit %s of %d reached", e.Limit, e.Max) }

// InvalidError names a field of the caller's that is wrong.
type InvalidError struct{ Field, Detail string }

// Error names the field and says what is wrong with it; callers may read it.
func (e *InvalidError) Error() string { return e.Field + ": " + e.Detail }

// UpstreamError is an error event, or a refused handshake, of the upstream's.
type UpstreamError struct {
	Status  int    `json:"-"` // HTTP status of a refused handshake, else 0
	Type    string `json:"type"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
	Param   string `json:"param,omitempty"`
	EventID string `json:"event_id,omitempty"` // of the event it answers

	Astray bool `json:"-"` // it has an event_id, which cannot be read
}

// Error gives the code, if there is one, and the upstream's own words.
func (e *UpstreamError) Error() string {
	if e.Code == "" {
		return "upstream: " + e.Message
	}
	return "upstream: " + e.Code + ": " + e.Message
}

// Class tells what an upstream's error means for the session.
type Class int

// The four classes, from a normal race to the end of all sessions of the account.
const (
	Benign  Class = iota // a race that is normal: reported, nothing else
	Turn                 // this request or response failed; the session goes on
	Session              // this session cannot go on
	Account              // no session of this key or quota can
)

// Class sorts by the codes listed in the Realtime reference and seen on the live API.
func (e *UpstreamError) Class() Class {
	switch e.Code {
	case "response_cancel_not_active", "conversation_already_has_active_response",
		"input_audio_buffer_commit_empty", "item_truncate_invalid_item_id", "item_delete_invalid_item_id", "decision_already_made":
		return Benign
	case "session_expired", "call_id_not_found", "invalid_model", "missing_model", "model_not_found", "beta_api_shape_disabled":
		return Session
	case "invalid_api_key", "insufficient_quota", "account_deactivated", "billing_hard_limit_reached":
		return Account
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return Account
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return Turn // may do better in a moment
	}
	if e.Status >= 400 && e.Status < 500 {
		return Session
	}
	return Turn
}
