package sessiontest

import (
	"context"
	"strconv"
	"time"

	"switchboard/session"
	"switchboard/session/access"
)

// ring is what Memory keeps as a [session.KeyRing].
type ring struct {
	version int64
	keys    map[string]access.APIKey // by ID
	revoked map[string]int64         // by key ID
	tokens  map[string]time.Time     // token ID to when it was revoked
}

// AddKey implements [session.KeyRing].
func (m *Memory) AddKey(_ context.Context, k access.APIKey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	for _, other := range m.ring.keys {
		if other.Name == k.Name {
			return session.ErrExists
		}
	}
	if len(m.ring.keys) >= access.MaxAPIKeys {
		return &session.LimitError{Limit: "keys", Max: access.MaxAPIKeys}
	}
	m.ring.keys[k.ID] = copied(k)
	m.ring.version++
	return nil
}

// RemoveKey implements [session.KeyRing].
func (m *Memory) RemoveKey(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	if _, ok := m.ring.keys[id]; !ok {
		return session.ErrNotFound
	}
	delete(m.ring.keys, id)
	delete(m.ring.revoked, id)
	m.ring.version++
	return nil
}

// RevokeKeyTokens implements [session.KeyRing].
func (m *Memory) RevokeKeyTokens(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	m.ring.revoked[id]++
	m.ring.version++
	return nil
}

// RevokeToken implements [session.KeyRing].
func (m *Memory) RevokeToken(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	for id, at := range m.ring.tokens {
		if time.Since(at) >= time.Minute {
			delete(m.ring.tokens, id)
		}
	}
	if len(m.ring.tokens) >= access.MaxTokenRevocations {
		return &session.LimitError{Limit: "token_revocations", Max: access.MaxTokenRevocations}
	}
	m.ring.tokens[id] = time.Now()
	m.ring.version++
	return nil
}

// Keys implements [session.KeyRing].
func (m *Memory) Keys(_ context.Context, since string) (s access.KeySet, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return s, m.down
	}
	if m.ring.version > 0 {
		s.Version = strconv.FormatInt(m.ring.version, 10)
	}
	if s.Version == since {
		return s, nil
	}
	for _, k := range m.ring.keys {
		s.Keys = append(s.Keys, copied(k))
	}
	s.Revoked = copied(m.ring.revoked)
	for id := range m.ring.tokens {
		s.Tokens = append(s.Tokens, id)
	}
	return s, nil
}
