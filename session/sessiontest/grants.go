package sessiontest

import (
	"context"
	"crypto/sha256"
	"time"

	"switchboard/session"
	"switchboard/session/access"
)

type grant struct {
	access.Grant
	id    string
	until time.Time
}

// PutGrant implements [session.Grants].
func (m *Memory) PutGrant(_ context.Context, token string, g access.Grant, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.down != nil:
		return m.down
	case ttl <= 0:
		return &session.InvalidError{Field: "ttl", Detail: "must be positive"}
	}
	key, others := sha256.Sum256([]byte(token)), 0
	for sum, o := range m.grants {
		if sum != key && o.Session == g.Session && time.Now().Before(o.until) {
			others++
		}
	}
	if g.Session != "" && others >= access.MaxSessionTokens {
		return &session.LimitError{Limit: "session_tokens", Max: access.MaxSessionTokens}
	}
	m.grants[key] = grant{copied(g), access.TokenID(token), time.Now().Add(ttl)}
	return nil
}

// Grant implements [session.Grants].
func (m *Memory) Grant(_ context.Context, token string) (access.Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return access.Grant{}, m.down
	}
	g, ok := m.grants[sha256.Sum256([]byte(token))]
	if !ok || !time.Now().Before(g.until) {
		return access.Grant{}, session.ErrNotFound
	}
	return copied(g.Grant), nil
}

// ExtendGrant implements [session.Grants].
func (m *Memory) ExtendGrant(ctx context.Context, token string, g access.Grant, ttl time.Duration) error {
	if _, err := m.Grant(ctx, token); err != nil {
		return err
	}
	return m.PutGrant(ctx, token, g, ttl)
}

// RevokeGrant implements [session.Grants].
func (m *Memory) RevokeGrant(ctx context.Context, token string) error {
	if _, err := m.Grant(ctx, token); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.grants, sha256.Sum256([]byte(token)))
	return nil
}

// RevokeGrants implements [session.Grants].
func (m *Memory) RevokeGrants(_ context.Context, id session.ID, tokenID string) (ids []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	for sum, g := range m.grants {
		if g.Session == id && (tokenID == "" || g.id == tokenID) {
			if time.Now().Before(g.until) {
				ids = append(ids, g.id)
			}
			delete(m.grants, sum)
		}
	}
	return ids, nil
}

// EndGrants implements [session.Grants].
func (m *Memory) EndGrants(_ context.Context, id session.ID, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	end := time.Now().Add(ttl)
	for sum, g := range m.grants {
		if g.Session == id && g.until.After(end) {
			g.until = end
			m.grants[sum] = g
		}
	}
	return nil
}
