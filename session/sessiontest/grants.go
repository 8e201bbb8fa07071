package sessiontest

import (
	"context"
	"crypto/sha256"
	"time"

	"switchboard/session"
)

type grant struct {
	session.Grant
	until time.Time
}

// PutGrant implements [session.Grants].
func (m *Memory) PutGrant(_ context.Context, token string, g session.Grant, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.down != nil:
		return m.down
	case ttl <= 0:
		return &session.InvalidError{Field: "ttl", Detail: "must be positive"}
	}
	m.grants[sha256.Sum256([]byte(token))] = grant{copied(g), time.Now().Add(ttl)}
	return nil
}

// Grant implements [session.Grants].
func (m *Memory) Grant(_ context.Context, token string) (session.Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return session.Grant{}, m.down
	}
	g, ok := m.grants[sha256.Sum256([]byte(token))]
	if !ok || !time.Now().Before(g.until) {
		return session.Grant{}, session.ErrNotFound
	}
	return copied(g.Grant), nil
}
