package sessiontest

import (
	"context"
	"time"

	"switchboard/session"
)

// Acquire implements [session.Directory].
func (m *Memory) Acquire(_ context.Context, id session.ID, h session.Holder) (session.Lease, error) {
	return m.acquire(id, h, session.Lease{})
}

// Transfer implements [session.Directory].
func (m *Memory) Transfer(_ context.Context, from session.Lease, h session.Holder) (session.Lease, error) {
	return m.acquire(from.ID, h, from)
}

func (m *Memory) acquire(id session.ID, h session.Holder, given session.Lease) (session.Lease, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.down != nil:
		return session.Lease{}, m.down
	case !id.Valid():
		return session.Lease{}, &session.InvalidError{Field: "id", Detail: "is not a session ID"}
	case h.Node == "":
		return session.Lease{}, &session.InvalidError{Field: "node", Detail: "is empty"}
	case h.Incarnation == "":
		return session.Lease{}, &session.InvalidError{Field: "incarnation", Detail: "is empty"}
	}
	s := m.sessionLocked(id)
	same := s.lease.Node == given.Node && s.lease.Epoch == given.Epoch
	if s.held() && s.lease.Holder != h && !same {
		return session.Lease{}, &session.HeldError{Lease: s.lease}
	}
	s.epoch++
	s.lease = session.Lease{ID: id, Holder: h, Epoch: s.epoch}
	return s.lease, nil
}

func (s *kept) held() bool { return s.lease.Node != "" }

// Restore implements [session.Directory].
func (m *Memory) Restore(_ context.Context, leases []session.Lease) (lost []session.ID, err error) {
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
		s.epoch, s.lease = l.Epoch, l
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
		s.giveUp()
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

// giveUp ends a lease; the session is an orphan at once.
func (s *kept) giveUp() {
	s.lease.Holder, s.released, s.listed = session.Holder{}, time.Now(), time.Time{}
}
