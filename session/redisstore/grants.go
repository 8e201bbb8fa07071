package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
)

// PutGrant implements [session.Grants].
func (s *Store) PutGrant(ctx context.Context, token string, g session.Grant, ttl time.Duration) error {
	if ttl <= 0 {
		return &session.InvalidError{Field: "ttl", Detail: "must be positive"}
	}
	body, err := json.Marshal(g)
	if err == nil {
		err = s.client.Set(ctx, grantKey(token), body, ttl).Err()
	}
	if err != nil {
		return fmt.Errorf("keep grant: %w", err)
	}
	return nil
}

// Grant implements [session.Grants].
func (s *Store) Grant(ctx context.Context, token string) (g session.Grant, err error) {
	body, err := s.client.Get(ctx, grantKey(token)).Bytes()
	if errors.Is(err, redis.Nil) {
		return g, session.ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal(body, &g)
	}
	if err != nil {
		return session.Grant{}, fmt.Errorf("read grant: %w", err)
	}
	return g, nil
}
