package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"switchboard/session"
)

// Grants keeps what browser tokens stand for. Tokens are kept as hashes only.
type Grants interface {
	// PutGrant keeps g under token until ttl has passed. *LimitError: its session has
	// MaxSessionTokens already.
	PutGrant(ctx context.Context, token string, g Grant, ttl time.Duration) error
	// Grant returns ErrNotFound for an unknown, expired or revoked token.
	Grant(ctx context.Context, token string) (Grant, error)
	// ExtendGrant replaces a grant and keeps it until ttl has passed; ErrNotFound as Grant.
	ExtendGrant(ctx context.Context, token string, g Grant, ttl time.Duration) error
	// RevokeGrant deletes the grant of a token; ErrNotFound as Grant.
	RevokeGrant(ctx context.Context, token string) error
	// RevokeGrants deletes the grants of a session, or only that of the token with this ID
	// (see TokenID). It returns the IDs of the tokens.
	RevokeGrants(ctx context.Context, session session.ID, tokenID string) ([]string, error)
	// EndGrants lets the grants of a session expire when ttl has passed, if they last longer.
	EndGrants(ctx context.Context, session session.ID, ttl time.Duration) error
}

// MaxSessionTokens is how many tokens of one session may be good at a time.
const MaxSessionTokens = 1000

// Grant is what a browser token allows.
type Grant struct {
	Session   session.ID     `json:"session,omitempty"` // the one session it is bound to; empty: it may open one by Config
	Created   time.Time      `json:"created,omitzero"`  // when that session was created: a later one of its ID is another
	Key       string         `json:"key"`               // name of the API key that is charged
	Issuer    string         `json:"issuer,omitempty"`  // ID of the API key that issued it; "": as Key
	Round     int64          `json:"round,omitempty"`   // how often the issuer's tokens had been revoked by then
	Policy    session.Policy `json:"policy"`
	Config    []byte         `json:"config,omitempty"`    // GA session object for /v1/realtime
	SafetyID  string         `json:"safety_id,omitempty"` // passed on to the upstream
	ExpiresAt time.Time      `json:"expires_at"`
}

// TokenID names a token without telling it.
func TokenID(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "tok_" + hex.EncodeToString(sum[:12])
}
