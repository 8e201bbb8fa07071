package session

import (
	"context"
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
	Notes

	// Load returns all that a node needs to run a session on, of one moment; ErrNotFound as Record.
	Load(ctx context.Context, id ID) (Stored, error)

	// Items returns the conversation in order; ErrNotFound as Record.
	Items(ctx context.Context, id ID) ([]Item, error)

	// Events returns up to limit events after the one with ID after ("" is the oldest kept).
	Events(ctx context.Context, id ID, after string, limit int) ([]LoggedEvent, error)

	// Pack compresses the items and the log of a session that has ended. What is read of it stays
	// the same. Not an error for one that is unknown, runs, or is packed.
	Pack(ctx context.Context, id ID) error
}

// Stored is a session as the store has it.
type Stored struct {
	Record Record
	Items  []Item        // in order
	Events []LoggedEvent // the whole log, oldest first
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
	Draft   string       // with an Event that is a delta: ID of the response or item that it is a part of
	Settled string       // with an Event that repeats a Draft whole, or all with AllDrafts: its deltas are removed from the log
}

// AllDrafts settles all that the log has deltas of.
const AllDrafts = "*"

// Index finds sessions without reading all of them.
type Index interface {
	// Records lists the sessions that q selects, in its order. A page is empty only if
	// there is nothing to list behind q.After.
	Records(ctx context.Context, q Query) (Page, error)

	// Totals sums up the sessions of one API key, or of all with key "".
	Totals(ctx context.Context, key string) (Totals, error)

	// Version is another number whenever what the index has of a session is another. It may be
	// as old as age says, so that many who follow the index look at it once.
	Version(ctx context.Context, age time.Duration) (int64, error)
}

// Page is a part of a list of sessions.
type Page struct {
	Records []Record
	Next    string  // Query.After of the next page; empty on the last
	Total   int     // sessions that the query selects, on all pages
	Facets  Facets  // if the query asks for them
	Totals  *Totals // as Index.Totals, if the query looks at every session
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
	Status Status            // one status; StatusLive: all but ended
	Labels map[string]string // all of these
	Limit  int               // at most this many; 0 is 50, at most 200
	Age    time.Duration     // what is found by looking at every session may be this old
	After  string            // "next" of the page before, of the same query

	// What follows is found by looking at every session in the index, not at those of a page.

	State     State     // live sessions in this state
	Model     string    // one model
	Node      string    // one node
	Text      string    // in the ID, key, model or a label, whatever its case
	From, To  time.Time // created not before, and before
	Sort      string    // one of the Sort…; "" is SortAge
	Ascending bool      // the least first
	Facets    bool      // count values, too
	Offset    int       // so many of those selected come before the page

	// Scope is the API key whose sessions there are; "" is all. Key selects among them.
	Scope string
}

// Surveys reports whether q looks at every session.
func (q *Query) Surveys() bool {
	return q.State != "" || q.Status == StatusLive || q.Model != "" || q.Node != "" || q.Text != "" || !q.From.IsZero() || !q.To.IsZero() ||
		q.Sort != "" && q.Sort != SortAge || q.Ascending || q.Facets || q.Offset > 0 || q.Scope != "" && q.Key != "" && q.Key != q.Scope
}

// Directory knows which node runs which session. Safe for many callers at once.
type Directory interface {
	// Acquire takes the lease of a session with an epoch greater than any before. It returns
	// *HeldError while another incarnation holds it, dead or alive.
	Acquire(ctx context.Context, id ID, h Holder) (Lease, error)

	// Transfer is Acquire where the lease from is no obstacle: its holder hands the session
	// over, or is dead. Nobody else can come between.
	Transfer(ctx context.Context, from Lease, h Holder) (Lease, error)

	// Restore writes leases that their holder has, in case the directory lost them. Those
	// that another has acquired meanwhile come back.
	Restore(ctx context.Context, leases []Lease) (lost []ID, err error)

	// Release ends a lease if it is still held by the same epoch. Not an error if not.
	Release(ctx context.Context, l Lease) error

	// Owner returns the lease that lasts now; ErrNotFound if there is none.
	Owner(ctx context.Context, id ID) (Lease, error)
}

// Holder is who holds a lease: one incarnation of a node. Its heartbeat keeps the lease.
type Holder struct {
	Node        string // base URL, as other nodes reach it
	Incarnation string // "" of a version without heartbeats, whose lease expires unless it is renewed
}

// Lease is the right to run one session, as long as its holder is alive.
type Lease struct {
	ID ID
	Holder
	Epoch int64 // grows at each acquisition; every write carries it
}

// Fleet is what nodes know of each other. Safe for many callers at once.
type Fleet interface {
	Heartbeats

	// Offer gives up all leases of an incarnation that is dead, so that Orphans lists its
	// sessions, and returns how many they were.
	Offer(ctx context.Context, incarnation string) (int, error)

	// Nodes lists those that are alive, or were until a moment ago.
	Nodes(ctx context.Context) ([]Node, error)

	// Orphans lists at most limit sessions that have not ended and whose lease was given up,
	// or is that of an incarnation which is not known to be alive: somebody should claim them.
	Orphans(ctx context.Context, limit int) ([]ID, error)
}

// Node is one gateway process as others see it.
type Node struct {
	URL      string    `json:"url"` // where the others reach it
	Sessions int       `json:"sessions"`
	Draining bool      `json:"draining"`
	Started  time.Time `json:"started"`
}

// Sealer encrypts what may be in the store only so, with a key that is not there. What was
// sealed for one owner does not open for another.
type Sealer interface {
	Seal(owner string, secret []byte) string
	Open(owner, sealed string) ([]byte, error)
}
