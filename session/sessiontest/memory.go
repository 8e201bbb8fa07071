package sessiontest

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"switchboard/session"
	"switchboard/session/access"
	"switchboard/session/audit"
	"switchboard/session/broadcast"
	"switchboard/session/series"
)

// Memory is a [session.Store], [session.Directory], [session.Grants], [session.KeyRing],
// [session.Meter], [session.Fleet], [session.Broadcasts], [audit.Log] and [series.Store] without a Redis. Several nodes of a test share
// one. Safe for many callers at once.
type Memory struct {
	mu       sync.Mutex
	sessions map[session.ID]*kept
	grants   map[[sha256.Size]byte]grant
	ring     ring
	meters   map[string]*meterKey // by API key
	nodes    map[string]announced // by URL
	beats    map[string]*incarnation
	secret   []byte
	down     error // returned by every call, see Fail
	applied  int64 // calls of Apply

	generation    int64              // of the fleet
	log           []*broadcast.Entry // oldest first
	lastMS, lastN int64              // of the newest entry's ID
	reports       map[entryKey]*reported
	audited       []audit.Entry            // oldest first
	appended      map[string][]audit.Entry // by ID of the call
	samples       map[interval]map[string]series.Sample
	lives         map[string]*life
	changed       chan struct{} // closed, and replaced, when Follow has to look again
}

var (
	_ session.Store     = (*Memory)(nil)
	_ session.Directory = (*Memory)(nil)
	_ access.Grants     = (*Memory)(nil)
	_ access.KeyRing    = (*Memory)(nil)
	_ access.Meter      = (*Memory)(nil)
	_ session.Fleet     = (*Memory)(nil)
	_ broadcast.Log     = (*Memory)(nil)
	_ audit.Log         = (*Memory)(nil)
	_ series.Store      = (*Memory)(nil)
	_ series.Lives      = (*Memory)(nil)

	_ session.Heartbeats = (*Memory)(nil)
)

// kept is all that is kept of one session.
type kept struct {
	epoch  int64 // newest seen, by Acquire or Apply
	record *session.Record
	items  map[string]session.Item
	order  []string
	events []session.LoggedEvent
	notes  []session.Note
	drafts map[string]string // of events that are deltas, by event ID

	lease    session.Lease // without a holder: given up
	released time.Time
	listed   time.Time // when Orphans last returned it
}

// NewMemory returns an empty one.
func NewMemory() *Memory {
	m := &Memory{
		sessions: map[session.ID]*kept{},
		grants:   map[[sha256.Size]byte]grant{},
		ring:     ring{keys: map[string]access.APIKey{}, revoked: map[string]int64{}, tokens: map[string]time.Time{}},
		meters:   map[string]*meterKey{},
		nodes:    map[string]announced{},
		beats:    map[string]*incarnation{},
		secret:   make([]byte, 32),
		reports:  map[entryKey]*reported{},
		appended: map[string][]audit.Entry{},
		samples:  map[interval]map[string]series.Sample{},
		lives:    map[string]*life{},
		changed:  make(chan struct{}),
	}
	rand.Read(m.secret)
	return m
}

// Fail makes every call return err, as if the store were away; nil brings it back.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = err
	m.wakeLocked()
}

// sessionLocked returns what is kept of id and makes room for it if need be.
func (m *Memory) sessionLocked(id session.ID) *kept {
	s := m.sessions[id]
	if s == nil {
		s = &kept{items: map[string]session.Item{}}
		m.sessions[id] = s
	}
	return s
}
