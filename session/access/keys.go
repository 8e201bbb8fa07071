package access

import (
	"context"
	"time"
)

// APIKey is an API key that was made at run time. Of its secret only a hash is stored.
type APIKey struct {
	ID        string    `json:"id"` // of this key; a later one of the same name has another
	Name      string    `json:"name"`
	Role      string    `json:"role"`
	Sum       []byte    `json:"sum"` // SHA-256 of the secret
	Limits    KeyLimits `json:"limits,omitzero"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`          // name of the API key that made it
	ExpiresAt time.Time `json:"expires_at,omitzero"` // zero: never
}

// MaxAPIKeys is how many keys a KeyRing holds; every node keeps them in memory.
const MaxAPIKeys = 1000

// MaxTokenRevocations is how many single tokens can be revoked in a minute by RevokeToken.
const MaxTokenRevocations = 1000

// KeyRing stores the API keys that were made at run time, and which tokens of keys were revoked,
// for all nodes. Safe for many callers at once.
type KeyRing interface {
	// AddKey stores a key. ErrExists: its name is taken. *LimitError: MaxAPIKeys are stored.
	AddKey(ctx context.Context, k APIKey) error
	// RemoveKey deletes the key with this ID; ErrNotFound.
	RemoveKey(ctx context.Context, id string) error
	// RevokeKeyTokens makes the tokens invalid that the key with this ID has issued so far.
	RevokeKeyTokens(ctx context.Context, id string) error
	// RevokeToken tells all nodes for a minute that the token with this ID was revoked.
	// *LimitError: MaxTokenRevocations were.
	RevokeToken(ctx context.Context, id string) error
	// Keys returns all of it, or only the version if that is still since.
	Keys(ctx context.Context, since string) (KeySet, error)
}

// KeySet is what a KeyRing holds at one moment.
type KeySet struct {
	Version string           // another one after each change; "": nothing was ever stored
	Keys    []APIKey         // in no order
	Revoked map[string]int64 // key ID to how often its tokens were revoked
	Tokens  []string         // IDs of the tokens that RevokeToken named
}

// KeyLimits bound what one API key may use. Zero fields are no limit.
type KeyLimits struct {
	Sessions int   `json:"sessions,omitempty"` // at once
	Tokens   int64 `json:"tokens,omitempty"`   // a UTC day
	Seconds  int64 `json:"seconds,omitempty"`  // a UTC day
}
