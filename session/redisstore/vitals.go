package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
	"switchboard/session/series"
)

// PutVitals implements [series.Lives].
func (s *Store) PutVitals(ctx context.Context, v series.Vitals) (drainBy string, err error) {
	body, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("store vitals: %w", err)
	}
	return s.putVitals(ctx, v.Life(), body)
}

// EndLife implements [series.Lives].
func (s *Store) EndLife(ctx context.Context, life string) error {
	_, err := s.putVitals(ctx, life, nil)
	return err
}

func (s *Store) putVitals(ctx context.Context, life string, body []byte) (string, error) {
	c := &call{
		script: putVitalsScript, keys: []string{vitalsKey, vitalsSeenKey, vitalsOrdersKey},
		args: []any{life, body, series.Silent.Milliseconds()},
	}
	if err := s.run(ctx, []*call{c}); err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("store vitals: %w", err)
	}
	by, err := c.answer.Text()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("store vitals: %w", err)
	}
	return by, nil
}

// Vitals implements [series.Lives].
func (s *Store) Vitals(ctx context.Context) ([]series.Vitals, error) {
	c := &call{
		script: vitalsScript, keys: []string{vitalsKey, vitalsSeenKey, vitalsOrdersKey},
		args: []any{series.Silent.Milliseconds()},
	}
	if err := s.run(ctx, []*call{c}); err != nil {
		return nil, fmt.Errorf("read vitals: %w", err)
	}
	answer, err := c.answer.StringSlice()
	if err != nil {
		return nil, fmt.Errorf("read vitals: %w", err)
	}
	var list []series.Vitals
	for row := range slices.Chunk(answer, 3) {
		var v series.Vitals
		if err := json.Unmarshal([]byte(row[0]), &v); err != nil {
			return nil, fmt.Errorf("read vitals: %w", err)
		}
		ms, _ := strconv.ParseInt(row[1], 10, 64)
		v.Silence, v.DrainBy = time.Duration(ms)*time.Millisecond, row[2]
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b series.Vitals) int { return cmp.Or(cmp.Compare(a.Node, b.Node), a.Started.Compare(b.Started)) })
	return list, nil
}

// Drain implements [series.Lives].
func (s *Store) Drain(ctx context.Context, life, by string) error {
	c := &call{
		script: drainScript, keys: []string{vitalsKey, vitalsOrdersKey},
		args: []any{life, by, series.Silent.Milliseconds()},
	}
	if err := s.run(ctx, []*call{c}); err != nil {
		return fmt.Errorf("drain node: %w", err)
	}
	if known, err := c.answer.Bool(); err != nil || known {
		return err
	}
	return session.ErrNotFound
}
