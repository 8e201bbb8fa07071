package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
)

const (
	listStep = 100  // records read in one round trip
	listMost = 1000 // records looked at in one call of Records
)

// cursor is the form of Query.After: an entry of the list.
var cursor = regexp.MustCompile(`^[0-9a-f]{16}\.[A-Za-z0-9_-]{1,64}$`)

// Records implements [session.Store]. One call looks at a thousand records at most:
// where few of them match, a page may be short, or empty, and still have a next.
func (s *Store) Records(ctx context.Context, q session.Query) (page []session.Record, next string, err error) {
	limit := min(cmp.Or(max(q.Limit, 0), 50), 200)
	if q.After != "" && !cursor.MatchString(q.After) {
		return nil, "", &session.InvalidError{Field: "after", Detail: "is not the next of a page"}
	}
	next = q.After
	for range listMost / listStep {
		members, bodies, err := s.step(ctx, q.Key, next)
		if err != nil {
			return nil, "", fmt.Errorf("list records: %w", err)
		}
		for i, body := range bodies {
			if len(page) == limit {
				return page, next, nil
			}
			next = members[i]
			r, ok, err := match(body, q)
			if err != nil {
				return nil, "", fmt.Errorf("list records: %s: %w", members[i], err)
			}
			if ok {
				page = append(page, r)
			}
		}
		if len(members) < listStep {
			return page, "", nil
		}
	}
	return page, next, nil
}

// step reads the entries of a list after one of them, and their records in one round trip.
func (s *Store) step(ctx context.Context, key, after string) (members []string, bodies []*redis.StringCmd, err error) {
	from := "+"
	if after != "" {
		from = "(" + after
	}
	members, err = s.client.ZRangeArgs(ctx, redis.ZRangeArgs{
		Key: indexKey(key, "list"), ByLex: true, Rev: true, Start: from, Stop: "-", Count: listStep,
	}).Result()
	if err != nil || len(members) == 0 {
		return nil, nil, err
	}
	pipe := s.client.Pipeline()
	for _, m := range members {
		bodies = append(bodies, pipe.HGet(ctx, sessionKey(session.ID(m[17:]), "record"), "body"))
	}
	// redis.Nil is a record that was forgotten.
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, nil, err
	}
	return members, bodies, nil
}

// match decodes a record and reports whether q selects it.
func match(body *redis.StringCmd, q session.Query) (r session.Record, ok bool, err error) {
	raw, err := body.Bytes()
	if errors.Is(err, redis.Nil) {
		return r, false, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil || q.Key != "" && r.Key != q.Key || q.Status != "" && r.Status != q.Status {
		return r, false, err
	}
	for name, want := range q.Labels {
		if got, ok := r.Labels[name]; !ok || got != want {
			return r, false, nil
		}
	}
	return r, true, nil
}
