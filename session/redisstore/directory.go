package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"switchboard/session"
)

const (
	givenUp   = time.Minute // for how long a released lease is known to have been given up
	unstarted = time.Second // and one of a session that was refused before it began: many may be
)

// Acquire implements [session.Directory]. An incarnation that holds the lease itself gets a new
// epoch; what it wrote under the old one and did not send yet is refused from then on.
func (s *Store) Acquire(ctx context.Context, id session.ID, h session.Holder) (session.Lease, error) {
	return s.acquire(ctx, id, h, "")
}

// Transfer implements [session.Directory].
func (s *Store) Transfer(ctx context.Context, from session.Lease, h session.Holder) (session.Lease, error) {
	return s.acquire(ctx, from.ID, h, leaseValue(from))
}

// acquire takes a lease, over that of value given if it is that which lasts.
func (s *Store) acquire(ctx context.Context, id session.ID, h session.Holder, given string) (session.Lease, error) {
	switch {
	case !id.Valid():
		return session.Lease{}, &session.InvalidError{Field: "id", Detail: "is not a session ID"}
	case h.Node == "":
		return session.Lease{}, &session.InvalidError{Field: "node", Detail: "is empty"}
	case h.Incarnation == "":
		return session.Lease{}, &session.InvalidError{Field: "incarnation", Detail: "is empty"}
	}
	// First, so that no session is held that Offer would not find.
	if err := s.run(ctx, s.enlist(h.Incarnation, []session.ID{id})); err != nil {
		return session.Lease{}, fmt.Errorf("acquire lease of %s: %w", id, err)
	}
	c := &call{
		script: acquireScript,
		keys:   []string{sessionKey(id, "lease"), sessionKey(id, "epoch"), sessionKey(id, "holder")},
		args:   []any{h.Node, h.Incarnation, s.forget.Milliseconds(), given},
	}
	if err := s.run(ctx, []*call{c}); err != nil {
		return session.Lease{}, fmt.Errorf("acquire lease of %s: %w", id, err)
	}
	now, err := c.answer.StringSlice()
	if err != nil || len(now) != 3 {
		return session.Lease{}, fmt.Errorf("acquire lease of %s: unexpected answer %v: %w", id, now, err)
	}
	l, err := parseLease(id, now[0]+" "+now[1])
	if err != nil {
		return session.Lease{}, err
	}
	if l.Incarnation = now[2]; l.Holder != h {
		return session.Lease{}, &session.HeldError{Lease: l}
	}
	return l, nil
}

// Restore implements [session.Directory]. It takes one round trip for each 128 leases, and
// one more for each incarnation.
func (s *Store) Restore(ctx context.Context, leases []session.Lease) (lost []session.ID, err error) {
	calls := make([]*call, len(leases))
	held := map[string][]session.ID{}
	for i, l := range leases {
		held[l.Incarnation] = append(held[l.Incarnation], l.ID)
		calls[i] = &call{
			script: restoreScript,
			keys:   []string{sessionKey(l.ID, "lease"), sessionKey(l.ID, "epoch"), sessionKey(l.ID, "holder")},
			args:   []any{l.Epoch, leaseValue(l), l.Incarnation, s.forget.Milliseconds()},
		}
	}
	for incarnation, ids := range held {
		if err := s.run(ctx, s.enlist(incarnation, ids)); err != nil {
			return nil, fmt.Errorf("restore leases: %w", err)
		}
	}
	if err := s.run(ctx, calls); err != nil {
		return nil, fmt.Errorf("restore leases: %w", err)
	}
	for i, c := range calls {
		ours, err := c.answer.Bool()
		if err != nil {
			return nil, fmt.Errorf("restore leases: %w", err)
		}
		if !ours {
			lost = append(lost, leases[i].ID)
		}
	}
	return lost, nil
}

// Release implements [session.Directory].
func (s *Store) Release(ctx context.Context, l session.Lease) error {
	if err := s.run(ctx, []*call{s.release(l.ID, leaseValue(l), l.Incarnation)}); err != nil {
		return fmt.Errorf("release lease of %s: %w", l.ID, err)
	}
	// Behind it: who looks earlier finds the lease. If this fails, the session is offered
	// when its incarnation has ended.
	if err := s.run(ctx, []*call{s.note([]session.ID{l.ID})}); err != nil {
		return fmt.Errorf("offer %s, whose lease was released: %w", l.ID, err)
	}
	if err := s.client.SRem(ctx, heldKey(l.Incarnation), string(l.ID)).Err(); err != nil {
		return fmt.Errorf("take %s off its node: %w", l.ID, err)
	}
	return nil
}

// release makes the call that gives up a lease of this value, or any lease of an incarnation.
func (s *Store) release(id session.ID, value, incarnation string) *call {
	return &call{
		script: releaseScript,
		keys:   []string{sessionKey(id, "lease"), sessionKey(id, "epoch"), sessionKey(id, "record"), sessionKey(id, "holder")},
		args:   []any{value, incarnation, givenUp.Milliseconds(), unstarted.Milliseconds()},
	}
}

// Owner implements [session.Directory].
func (s *Store) Owner(ctx context.Context, id session.ID) (session.Lease, error) {
	if !id.Valid() {
		return session.Lease{}, session.ErrNotFound
	}
	both, err := s.client.MGet(ctx, sessionKey(id, "lease"), sessionKey(id, "holder")).Result()
	if err != nil {
		return session.Lease{}, fmt.Errorf("read lease of %s: %w", id, err)
	}
	value, _ := both[0].(string)
	if value == "" {
		return session.Lease{}, session.ErrNotFound
	}
	l, err := parseLease(id, value)
	if err == nil && l.Node == "" {
		return session.Lease{}, session.ErrNotFound
	}
	holder, _ := both[1].(string)
	if epoch, incarnation, _ := strings.Cut(holder, " "); strings.HasPrefix(value, epoch+" ") {
		l.Incarnation = incarnation
	}
	return l, err
}

func leaseValue(l session.Lease) string { return strconv.FormatInt(l.Epoch, 10) + " " + l.Node }

func parseLease(id session.ID, value string) (session.Lease, error) {
	epoch, node, _ := strings.Cut(value, " ")
	n, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return session.Lease{}, fmt.Errorf("read lease of %s: %w", id, err)
	}
	return session.Lease{ID: id, Holder: session.Holder{Node: node}, Epoch: n}, nil
}
