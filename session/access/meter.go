package access

import (
	"context"
	"time"

	"switchboard/session"
)

// Met is the *LimitError of the limit that sums have reached; nil: none.
func (k KeyLimits) Met(s Sums) error {
	switch {
	case k.Tokens > 0 && s.Tokens >= k.Tokens:
		return &session.LimitError{Limit: "key_tokens", Max: k.Tokens}
	case k.Seconds > 0 && s.Seconds >= float64(k.Seconds):
		return &session.LimitError{Limit: "key_seconds", Max: k.Seconds}
	}
	return nil
}

// Admits returns the *LimitError that keeps another session of a key from being opened, with
// sums used today and open sessions that run; nil: none does.
func (k KeyLimits) Admits(s Sums, open int) error {
	if k.Sessions > 0 && open >= k.Sessions {
		return &session.LimitError{Limit: "key_sessions", Max: int64(k.Sessions)}
	}
	s.Tokens += int64(open) * HeldBack
	return k.Met(s)
}

// Meter counts what API keys use, for all nodes. Days are UTC.
type Meter interface {
	// Open notes that a session of key runs until it has ended or ttl has passed. It
	// refuses with *LimitError when more than max.Sessions would run, or when the key has
	// used, or its sessions hold back, what it may use today.
	Open(ctx context.Context, key string, id session.ID, max KeyLimits, ttl time.Duration) error

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
	ID      session.ID
	Tokens  int64
	Seconds float64
	Cost    session.Cost
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
