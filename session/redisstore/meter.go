package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
)

// usageKept is how long the sums of a day are kept: its 24 hours, the day after to look
// at them, and 2 hours for clocks that differ.
const usageKept = 50 * time.Hour

// Open implements [session.Meter]. Opening a session again prolongs it.
func (s *Store) Open(ctx context.Context, key string, id session.ID, limit int, ttl time.Duration) error {
	c := &call{
		script: openScript,
		keys:   []string{meterKey(key, "open")},
		args:   []any{string(id), limit, ttl.Milliseconds()},
	}
	if err := s.run(ctx, []*call{c}); err != nil {
		return fmt.Errorf("count session of key %s: %w", key, err)
	}
	noted, err := c.answer.Bool()
	if err != nil {
		return fmt.Errorf("count session of key %s: %w", key, err)
	}
	if !noted {
		return &session.LimitError{Limit: "key_sessions", Max: int64(limit)}
	}
	return nil
}

// Close implements [session.Meter].
func (s *Store) Close(ctx context.Context, key string, id session.ID) error {
	if err := s.client.ZRem(ctx, meterKey(key, "open"), string(id)).Err(); err != nil {
		return fmt.Errorf("uncount session of key %s: %w", key, err)
	}
	return nil
}

// Add implements [session.Meter]. After an error the sum may have been added or not.
func (s *Store) Add(ctx context.Context, key string, tokens int64, seconds float64) error {
	today := meterKey(key, day(s.now()))
	pipe := s.client.TxPipeline()
	pipe.HIncrBy(ctx, today, "tokens", tokens)
	pipe.HIncrByFloat(ctx, today, "seconds", seconds)
	pipe.Expire(ctx, today, usageKept)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("add usage of key %s: %w", key, err)
	}
	return nil
}

// Used implements [session.Meter].
func (s *Store) Used(ctx context.Context, key string) (tokens int64, seconds float64, err error) {
	var sums struct {
		Tokens  int64   `redis:"tokens"`
		Seconds float64 `redis:"seconds"`
	}
	err = s.client.HMGet(ctx, meterKey(key, day(s.now())), "tokens", "seconds").Scan(&sums)
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, 0, fmt.Errorf("read usage of key %s: %w", key, err)
	}
	return sums.Tokens, sums.Seconds, nil
}
