package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Store keeps sessions beyond the life of a node. Its methods may be called by many at
// once and may be slow: nothing on the event path calls them, the journal does.
type Store interface {
	// Apply writes changes in their order, each only if its epoch is not older than what
	// the store has seen for that session. It returns the sessions for which it was
	// older: their lease is lost and nothing of them was written. With an error, nothing
	// or a beginning was written; applying the same changes again is harmless.
	Apply(ctx context.Context, changes []Change) (stale []ID, err error)

	// Record returns ErrNotFound for a session that is unknown or was forgotten.
	Record(ctx context.Context, id ID) (Record, error)

	Index

	// Items returns the conversation in order; ErrNotFound as Record.
	Items(ctx context.Context, id ID) ([]Item, error)

	// Events returns up to limit events after the one with ID after ("" is the oldest kept).
	Events(ctx context.Context, id ID, after string, limit int) ([]LoggedEvent, error)
}

// Change is one thing to keep. Exactly one of Record, Item, Removed and Event is set.
type Change struct {
	ID    ID
	Epoch int64

	Record  *Record
	Item    *Item        // replaces the item of the same ID, in its place
	After   *string      // with an Item that is new: ID of the item it follows, "" if it is the first; nil, or one that is unknown: it is the last
	Removed string       // item ID
	Event   *LoggedEvent // appended to the log unless its ID is there or older than the newest
}

// Index finds sessions without reading all of them.
type Index interface {
	// Records lists the sessions that q selects, newest first. A page is empty only if
	// there is nothing to list behind q.After.
	Records(ctx context.Context, q Query) (Page, error)

	// Totals sums up the sessions of one API key, or of all with key "".
	Totals(ctx context.Context, key string) (Totals, error)
}

// Page is a part of a list of sessions.
type Page struct {
	Records []Record
	Next    string // Query.After of the next page; empty on the last
	Total   int    // sessions that the query selects, on all pages
}

// Totals are numbers of sessions. All but Status are of live ones, which have not ended.
type Totals struct {
	Status     map[Status]int // every status is there
	Nodes      map[string]int // by URL; only nodes that run sessions
	Unattended int            // without a client
	Clients    int
}

// Live is the number of sessions that have not ended.
func (t Totals) Live() int { return t.Status[StatusCreated] + t.Status[StatusActive] }

// Query selects records. Zero fields select all.
type Query struct {
	Key    string            // only sessions of this API key
	Status Status            // one status
	Labels map[string]string // all of these
	Limit  int               // at most this many; 0 is 50, at most 200
	After  string            // "next" of the page before
}

// Selects reports whether q, but for its page, selects r.
func (q Query) Selects(r Record) bool {
	if q.Key != "" && r.Key != q.Key || q.Status != "" && r.Status != q.Status {
		return false
	}
	for name, want := range q.Labels {
		if got, ok := r.Labels[name]; !ok || got != want {
			return false
		}
	}
	return true
}

// Directory knows which node runs which session. Safe for many callers at once.
type Directory interface {
	// Acquire takes the lease of a session for ttl with an epoch greater than any
	// before. It returns *HeldError while another node's lease lasts.
	Acquire(ctx context.Context, id ID, node string, ttl time.Duration) (Lease, error)

	// Transfer is Acquire for the node that a session is handed over to: the lease from,
	// of the node that hands it over, is no obstacle. Nobody else can come between.
	Transfer(ctx context.Context, from Lease, node string, ttl time.Duration) (Lease, error)

	// Renew prolongs leases by ttl from now. A lease that expired is taken up again with
	// its epoch if nobody acquired it meanwhile; those that are lost come back.
	Renew(ctx context.Context, leases []Lease, ttl time.Duration) (lost []ID, err error)

	// Release ends a lease if it is still held by the same epoch. Not an error if not.
	Release(ctx context.Context, l Lease) error

	// Owner returns the lease that lasts now; ErrNotFound if there is none.
	Owner(ctx context.Context, id ID) (Lease, error)
}

// Lease is the right to run one session until it expires.
type Lease struct {
	ID    ID
	Node  string // base URL of the owner, as other nodes reach it
	Epoch int64  // grows at each acquisition; every write carries it
}

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
	RevokeGrants(ctx context.Context, session ID, tokenID string) ([]string, error)
	// EndGrants lets the grants of a session expire when ttl has passed, if they last longer.
	EndGrants(ctx context.Context, session ID, ttl time.Duration) error
}

// MaxSessionTokens is how many tokens of one session may be good at a time.
const MaxSessionTokens = 1000

// Grant is what a browser token allows.
type Grant struct {
	Session   ID        `json:"session,omitempty"` // the one session it is bound to; empty: it may open one by Config
	Created   time.Time `json:"created,omitzero"`  // when that session was created: a later one of its ID is another
	Key       string    `json:"key"`               // name of the API key that is charged
	Issuer    string    `json:"issuer,omitempty"`  // ID of the API key that issued it; "": as Key
	Round     int64     `json:"round,omitempty"`   // how often the issuer's tokens had been revoked by then
	Policy    Policy    `json:"policy"`
	Config    []byte    `json:"config,omitempty"`    // GA session object for /v1/realtime
	SafetyID  string    `json:"safety_id,omitempty"` // passed on to the upstream
	ExpiresAt time.Time `json:"expires_at"`
}

// TokenID names a token without telling it.
func TokenID(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "tok_" + hex.EncodeToString(sum[:12])
}

// Meter counts what API keys use, for all nodes. Days are UTC.
type Meter interface {
	// Open notes that a session of key runs until it has ended or ttl has passed. It
	// refuses with *LimitError when more than max.Sessions would run, or when the key has
	// used, or its sessions hold back, what it may use today.
	Open(ctx context.Context, key string, id ID, max KeyLimits, ttl time.Duration) error

	// Count adds to today's sums what sessions of key have used since they were counted
	// last, so that counting the same again is harmless, and notes that they run on for
	// ttl, or have ended. It returns the sums of today, also without any session.
	Count(ctx context.Context, key string, sessions []Spent, ttl time.Duration) (Sums, error)

	// Spending returns the sums of a day by API key or, with a label, by its values, of all
	// keys or one. They are kept for 35 days.
	Spending(ctx context.Context, day time.Time, key, label string) (map[string]Sums, error)
}

// HeldBack is how many tokens each session that runs holds back of its key's budget, for the
// turn it is in: sessions that begin at the same time do not all spend the same rest.
const HeldBack = 1000

// Spent is all that a session has used since it began.
type Spent struct {
	ID      ID
	Tokens  int64
	Seconds float64
	Cost    Cost
	Labels  map[string]string // those by which usage is summed
	Ended   bool
}

// Sums are what sessions have used in a day.
type Sums struct {
	Sessions int64 // that began to be counted
	Tokens   int64 // as Usage.Spent
	Seconds  float64
	CostUSD  float64 // as far as it is known
	Unpriced int64   // sessions whose cost is not, or not in whole
}

// Add sums up two.
func (s Sums) Add(o Sums) Sums {
	return Sums{s.Sessions + o.Sessions, s.Tokens + o.Tokens, s.Seconds + o.Seconds, s.CostUSD + o.CostUSD, s.Unpriced + o.Unpriced}
}

// OtherLabels is the value under which those of a label are summed that come after the first
// LabelValues of a day.
const (
	OtherLabels = "(other)"
	LabelValues = 1000
)
