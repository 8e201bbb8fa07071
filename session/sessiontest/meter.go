package sessiontest

import (
	"context"
	"time"

	"switchboard/session"
)

type usageDay struct{ key, day string }

type usage struct {
	tokens  int64
	seconds float64
}

// Open implements [session.Meter].
func (m *Memory) Open(_ context.Context, key string, id session.ID, limit int, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	now := time.Now()
	others := 0
	for other, until := range m.open[key] {
		switch {
		case !now.Before(until):
			delete(m.open[key], other)
		case other != id:
			others++
		}
	}
	if limit > 0 && others >= limit {
		return &session.LimitError{Limit: "key_sessions", Max: int64(limit)}
	}
	if m.open[key] == nil {
		m.open[key] = map[session.ID]time.Time{}
	}
	m.open[key][id] = now.Add(ttl)
	return nil
}

// Close implements [session.Meter].
func (m *Memory) Close(_ context.Context, key string, id session.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	delete(m.open[key], id)
	return nil
}

// Add implements [session.Meter].
func (m *Memory) Add(_ context.Context, key string, tokens int64, seconds float64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	day := today(key)
	was := m.used[day]
	m.used[day] = usage{was.tokens + tokens, was.seconds + seconds}
	return nil
}

// Used implements [session.Meter].
func (m *Memory) Used(_ context.Context, key string) (tokens int64, seconds float64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.used[today(key)]
	return u.tokens, u.seconds, m.down
}

func today(key string) usageDay { return usageDay{key, time.Now().UTC().Format(time.DateOnly)} }
