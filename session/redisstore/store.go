package redisstore

import (
	"cmp"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
	"switchboard/session/access"
	"switchboard/session/audit"
	"switchboard/session/broadcast"
	"switchboard/session/series"
)

// Options of a [Store]. The zero value works.
type Options struct {
	// Keep is how long a session can be looked at after its end, and the outcomes of a
	// broadcast after the last of them. 0 is 24 hours.
	Keep time.Duration
	// Forget is how long a session that did not end is kept when nothing is written to
	// it, because its node was lost and nobody claimed it. So is the log of broadcasts
	// when no node follows it. 0 is 7 days.
	Forget time.Duration
	// LogLength is how many events are kept of each session, give or take a hundred. 0 is 2000.
	LogLength int
	// LogBytes is how many bytes of events are kept of each session, and at least the newest event. 0 is 2 MiB.
	LogBytes int
	// AuditKeep is how long an entry of the audit log is kept. 0 is 30 days.
	AuditKeep time.Duration
	// AuditBytes is how many bytes of entries the audit log keeps, half of them for apps and half for people. 0 is 32 MiB.
	AuditBytes int
}

// Store is a [session.Store], [session.Directory], [session.Grants], [session.KeyRing], [session.Meter],
// [session.Fleet], [session.Broadcasts], [audit.Log] and [series.Store] in Redis. Safe for many callers at once; all the state that it keeps is
// a mirror of the index, which FollowIndex has ready.
//
// Calls fail with the error of the client, within its time-outs, while Redis is away.
type Store struct {
	client     redis.UniversalClient
	keep       time.Duration
	forget     time.Duration
	logLength  int
	logBytes   int
	auditKeep  time.Duration
	auditBytes int
	now        func() time.Time

	mirror *mirror

	outcomesKept int // of one entry of the log of broadcasts
}

var (
	_ session.Store     = (*Store)(nil)
	_ session.Directory = (*Store)(nil)
	_ access.Grants     = (*Store)(nil)
	_ access.KeyRing    = (*Store)(nil)
	_ access.Meter      = (*Store)(nil)
	_ session.Fleet     = (*Store)(nil)
	_ broadcast.Log     = (*Store)(nil)
	_ audit.Log         = (*Store)(nil)
	_ series.Store      = (*Store)(nil)
	_ series.Lives      = (*Store)(nil)
)

// New returns a store that uses client, which stays the caller's to close.
func New(client redis.UniversalClient, opts Options) *Store {
	return &Store{
		client:     client,
		keep:       cmp.Or(opts.Keep, 24*time.Hour),
		forget:     cmp.Or(opts.Forget, 7*24*time.Hour),
		logLength:  cmp.Or(opts.LogLength, 2000),
		logBytes:   cmp.Or(opts.LogBytes, 2<<20),
		auditKeep:  cmp.Or(opts.AuditKeep, 30*24*time.Hour),
		auditBytes: cmp.Or(opts.AuditBytes, 32<<20),
		now:        time.Now,
		mirror:     &mirror{ready: mirrorReady},

		outcomesKept: outcomesKept,
	}
}
