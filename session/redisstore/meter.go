package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
	"switchboard/session/access"
)

const (
	usageKept  = 35 * 24 * time.Hour // the sums of a day
	endedKnown = time.Hour           // a session that has ended, so that it is not counted again
	countStep  = 200                 // sessions counted in one script call
)

// Open implements [session.Meter]. Opening a session again prolongs it.
func (s *Store) Open(ctx context.Context, key string, id session.ID, limits access.KeyLimits, ttl time.Duration) error {
	c := &call{
		script: openScript,
		keys:   []string{meterKey(key, "open"), meterKey(key, day(s.now()))},
		args:   []any{string(id), ttl.Milliseconds(), limits.Sessions, limits.Tokens, limits.Seconds, access.HeldBack},
	}
	if err := s.run(ctx, []*call{c}); err != nil {
		return fmt.Errorf("count session of key %s: %w", key, err)
	}
	met, err := c.answer.Text()
	if err != nil {
		return fmt.Errorf("count session of key %s: %w", key, err)
	}
	switch met {
	case "key_sessions":
		return &session.LimitError{Limit: met, Max: int64(limits.Sessions)}
	case "key_tokens":
		return &session.LimitError{Limit: met, Max: limits.Tokens}
	case "key_seconds":
		return &session.LimitError{Limit: met, Max: limits.Seconds}
	}
	return nil
}

// Count implements [session.Meter]. It takes one round trip for each 200 sessions.
func (s *Store) Count(ctx context.Context, key string, sessions []access.Spent, ttl time.Duration) (access.Sums, error) {
	today := day(s.now())
	for len(sessions) > countStep {
		if _, err := s.count(ctx, key, today, sessions[:countStep], ttl); err != nil {
			return access.Sums{}, err
		}
		sessions = sessions[countStep:]
	}
	return s.count(ctx, key, today, sessions, ttl)
}

func (s *Store) count(ctx context.Context, key, today string, sessions []access.Spent, ttl time.Duration) (sums access.Sums, err error) {
	if len(sessions) > 0 { // before the sums, so that those of no key are overlooked
		pipe := s.client.Pipeline()
		pipe.SAdd(ctx, metersKey(today), key)
		pipe.Expire(ctx, metersKey(today), usageKept)
		if _, err := pipe.Exec(ctx); err != nil {
			return sums, fmt.Errorf("note that key %s was used: %w", key, err)
		}
	}
	args := []any{ttl.Milliseconds(), endedKnown.Milliseconds(), usageKept.Milliseconds(), access.LabelValues, access.OtherLabels}
	for _, spent := range sessions {
		args = append(args, string(spent.ID), spent.Tokens, decimal(spent.Seconds), decimal(spent.Cost.USD),
			bit(spent.Cost.Unknown), bit(spent.Ended), len(spent.Labels))
		for name, value := range spent.Labels {
			args = append(args, oneLine.Replace(name), oneLine.Replace(value))
		}
	}
	c := &call{script: countScript, args: args, keys: []string{
		meterKey(key, "open"), meterKey(key, "counted"), meterKey(key, "known"), meterKey(key, today), meterKey(key, today+":labels"),
	}}
	if err := s.run(ctx, []*call{c}); err != nil {
		return sums, fmt.Errorf("count usage of key %s: %w", key, err)
	}
	answer, err := c.answer.Slice()
	if err != nil {
		return sums, fmt.Errorf("count usage of key %s: %w", key, err)
	}
	for i, name := range sumNames {
		text, _ := answer[i].(string)
		if err := setSum(&sums, name, text); err != nil {
			return sums, fmt.Errorf("count usage of key %s: %w", key, err)
		}
	}
	return sums, nil
}

// oneLine keeps the fields of the sums by label apart.
var oneLine = strings.NewReplacer("\n", " ")

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', 9, 64) }

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

var sumNames = []string{"sessions", "tokens", "seconds", "cost", "unpriced"}

// setSum sets one of the sums; empty is one that was never added to.
func setSum(s *access.Sums, name, text string) error {
	if text == "" {
		return nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	switch name {
	case "sessions":
		s.Sessions = int64(v)
	case "tokens":
		s.Tokens = int64(v)
	case "seconds":
		s.Seconds = v
	case "cost":
		s.CostUSD = v
	case "unpriced":
		s.Unpriced = int64(v)
	}
	return nil
}

// Spending implements [session.Meter].
func (s *Store) Spending(ctx context.Context, at time.Time, key, label string) (map[string]access.Sums, error) {
	keys, err := s.client.SMembers(ctx, metersKey(day(at))).Result()
	if err != nil {
		return nil, fmt.Errorf("list keys that were used: %w", err)
	}
	keys = slices.DeleteFunc(keys, func(k string) bool { return key != "" && k != key })
	part := day(at)
	if label != "" {
		part += ":labels"
	}
	pipe := s.client.Pipeline()
	read := make([]*redis.MapStringStringCmd, len(keys))
	for i, k := range keys {
		read[i] = pipe.HGetAll(ctx, meterKey(k, part))
	}
	if _, err := pipe.Exec(ctx); len(keys) > 0 && err != nil {
		return nil, fmt.Errorf("read usage of keys: %w", err)
	}
	rows := map[string]access.Sums{}
	for i, k := range keys {
		sums := map[string]access.Sums{}
		for field, text := range read[i].Val() {
			row, name := k, field
			if label != "" {
				parts := strings.SplitN(field, "\n", 3)
				if len(parts) != 3 || parts[0] != oneLine.Replace(label) {
					continue
				}
				row, name = parts[1], parts[2]
			}
			sum := sums[row]
			if err := setSum(&sum, name, text); err != nil {
				return nil, fmt.Errorf("read usage of key %s: %w", k, err)
			}
			sums[row] = sum
		}
		for row, sum := range sums {
			rows[row] = rows[row].Add(sum)
		}
	}
	return rows, nil
}
