package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
)

const (
	givenUp   = time.Minute // for how long a released lease is known to have been given up
	unstarted = time.Second // and one of a session that was refused before it began: many may be
)

// Acquire implements [session.Directory]. A node that holds the lease itself gets a new
// epoch; what it wrote under the old one and did not send yet is refused from then on.
func (s *Store) Acquire(ctx context.Context, id session.ID, node string, ttl time.Duration) (session.Lease, error) {
	return s.acquire(ctx, id, node, ttl, "")
}

// Transfer implements [session.Directory].
func (s *Store) Transfer(ctx context.Context, from session.Lease, node string, ttl time.Duration) (session.Lease, error) {
	return s.acquire(ctx, from.ID, node, ttl, leaseValue(from))
}

// acquire takes a lease, over that of value given if it is that which lasts.
func (s *Store) acquire(ctx context.Context, id session.ID, node string, ttl time.Duration, given string) (session.Lease, error) {
	switch {
	case !id.Valid():
		return session.Lease{}, &session.InvalidError{Field: "id", Detail: "is not a session ID"}
	case node == "":
		return session.Lease{}, &session.InvalidError{Field: "node", Detail: "is empty"}
	}
	// First, so that no session is held that Orphans would not find.
	if err := s.run(ctx, []*call{s.note([]session.ID{id}, ttl, onlyNew)}); err != nil {
		return session.Lease{}, fmt.Errorf("acquire lease of %s: %w", id, err)
	}
	c := &call{
		script: acquireScript,
		keys:   []string{sessionKey(id, "lease"), sessionKey(id, "epoch")},
		args:   []any{node, ttl.Milliseconds(), s.forget.Milliseconds(), given},
	}
	if err := s.run(ctx, []*call{c}); err != nil {
		return session.Lease{}, fmt.Errorf("acquire lease of %s: %w", id, err)
	}
	now, err := c.answer.StringSlice()
	if err != nil || len(now) != 2 {
		return session.Lease{}, fmt.Errorf("acquire lease of %s: unexpected answer %v: %w", id, now, err)
	}
	l, err := parseLease(id, now[0]+" "+now[1])
	if err != nil {
		return session.Lease{}, err
	}
	if l.Node != node {
		return session.Lease{}, &session.HeldError{Lease: l}
	}
	return l, nil
}

// Renew implements [session.Directory]. It takes one round trip for each 128 leases, and
// one more.
func (s *Store) Renew(ctx context.Context, leases []session.Lease, ttl time.Duration) (lost []session.ID, err error) {
	calls := make([]*call, len(leases))
	for i, l := range leases {
		calls[i] = &call{
			script: renewScript,
			keys:   []string{sessionKey(l.ID, "lease"), sessionKey(l.ID, "epoch")},
			args:   []any{l.Epoch, leaseValue(l), ttl.Milliseconds(), s.forget.Milliseconds()},
		}
	}
	if err := s.run(ctx, calls); err != nil {
		return nil, fmt.Errorf("renew leases: %w", err)
	}
	for i, c := range calls {
		held, err := c.answer.Bool()
		if err != nil {
			return nil, fmt.Errorf("renew leases: %w", err)
		}
		if !held {
			lost = append(lost, leases[i].ID)
		}
	}
	s.noteAgain(ctx, leases, ttl)
	return lost, nil
}

// Release implements [session.Directory].
func (s *Store) Release(ctx context.Context, l session.Lease) error {
	nobody := l
	nobody.Node = ""
	c := &call{
		script: releaseScript,
		keys:   []string{sessionKey(l.ID, "lease"), sessionKey(l.ID, "epoch"), sessionKey(l.ID, "record")},
		args:   []any{leaseValue(l), leaseValue(nobody), givenUp.Milliseconds(), unstarted.Milliseconds()},
	}
	if err := s.run(ctx, []*call{c}); err != nil {
		return fmt.Errorf("release lease of %s: %w", l.ID, err)
	}
	// Behind it: who looks earlier finds the lease, and looks again when it would have
	// expired. That is what happens, too, if this fails.
	if err := s.run(ctx, []*call{s.note([]session.ID{l.ID}, 0, all)}); err != nil {
		return fmt.Errorf("offer %s, whose lease was released: %w", l.ID, err)
	}
	return nil
}

// Owner implements [session.Directory].
func (s *Store) Owner(ctx context.Context, id session.ID) (session.Lease, error) {
	if !id.Valid() {
		return session.Lease{}, session.ErrNotFound
	}
	value, err := s.client.Get(ctx, sessionKey(id, "lease")).Result()
	if errors.Is(err, redis.Nil) {
		return session.Lease{}, session.ErrNotFound
	}
	if err != nil {
		return session.Lease{}, fmt.Errorf("read lease of %s: %w", id, err)
	}
	l, err := parseLease(id, value)
	if err == nil && l.Node == "" {
		err = session.ErrNotFound
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
	return session.Lease{ID: id, Node: node, Epoch: n}, nil
}
