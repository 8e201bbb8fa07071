package sessiontest

import (
	"context"
	"time"

	"switchboard/session"
)

// Acquire implements [session.Directory].
func (m *Memory) Acquire(_ context.Context, id session.ID, node string, ttl time.Duration) (session.Lease, error) {
	return m.acquire(id, node, ttl, session.Lease{})
}

// Transfer implements [session.Directory].
func (m *Memory) Transfer(_ context.Context, from session.Lease, node string, ttl time.Duration) (session.Lease, error) {
	return m.acquire(from.ID, node, ttl, from)
}

func (m *Memory) acquire(id session.ID, node string, ttl time.Duration, given session.Lease) (session.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.down != nil:
		return session.Lease{}, m.down
	case !id.Valid():
		return session.Lease{}, &session.InvalidError{Field: "id", Detail: "is not a session ID"}
	case node == "":
		return session.Lease{}, &session.InvalidError{Field: "node", Detail: "is empty"}
	}
	s := m.sessionLocked(id)
	if s.held() && s.lease.Node != node && s.lease != given {
		return session.Lease{}, &session.HeldError{Lease: s.lease}
	}
	s.epoch++
	s.lease = session.Lease{ID: id, Node: node, Epoch: s.epoch}
	s.leaseUntil = time.Now().Add(ttl)
	return s.lease, nil
}

func (s *kept) held() bool { return s.lease.Node != "" && time.Now().Before(s.leaseUntil) }

// Renew implements [session.Directory].
func (m *Memory) Renew(_ context.Context, leases []session.Lease, ttl time.Duration) (lost []session.ID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	for _, l := range leases {
		s := m.sessionLocked(l.ID)
		elses := s.lease.Epoch == l.Epoch && s.lease.Node != l.Node // another node's or given up
		if s.epoch > l.Epoch || elses {
			lost = append(lost, l.ID)
			continue
		}
		s.epoch, s.lease, s.leaseUntil = l.Epoch, l, time.Now().Add(ttl)
	}
	return lost, nil
}

// Release implements [session.Directory].
func (m *Memory) Release(_ context.Context, l session.Lease) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	if s := m.sessions[l.ID]; s != nil && s.lease == l {
		s.lease.Node, s.listed = "", time.Time{}
	}
	return nil
}

// Owner implements [session.Directory].
func (m *Memory) Owner(_ context.Context, id session.ID) (session.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return session.Lease{}, m.down
	}
	if s := m.sessions[id]; s != nil && s.held() {
		return s.lease, nil
	}
	return session.Lease{}, session.ErrNotFound
}
