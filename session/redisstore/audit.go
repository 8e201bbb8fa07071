package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
	"switchboard/session/audit"
)

const (
	auditStep   = 500             // entries of a class that are read at once
	auditFollow = 100             // entries that Follow returns at most
	auditLate   = 2 * time.Minute // by how much a node's clock may be ahead of Redis' own
)

// AppendAudit implements [audit.Log].
func (s *Store) AppendAudit(ctx context.Context, id string, entries []audit.Entry) ([]audit.Entry, error) {
	entries = slices.Clone(entries)
	args := []any{s.auditBytes / len(audit.Classes), s.auditKeep.Milliseconds(), saidKept.Milliseconds()}
	for i := range entries {
		e := &entries[i]
		e.ID = ""
		e.Bound()
		body, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("append to audit log: %w", err)
		}
		args = append(args, 1+slices.Index(audit.Classes, e.Class()), body)
	}
	if len(entries) == 0 {
		return nil, nil
	}
	c := &call{
		script: auditScript, args: args,
		keys: []string{auditKey(audit.Apps), auditKey(audit.People), auditLastKey, auditSaidKey(id)},
	}
	if err := s.run(ctx, []*call{c}); err != nil {
		return nil, fmt.Errorf("append to audit log: %w", err)
	}
	ids, err := c.answer.StringSlice()
	if err == nil && len(ids) != len(entries) {
		err = fmt.Errorf("%d IDs for %d entries", len(ids), len(entries))
	}
	if err != nil {
		return nil, fmt.Errorf("append to audit log: %w", err)
	}
	for i, id := range ids {
		entries[i].ID = id
	}
	return entries, nil
}

// AuditEntries implements [audit.Log]. It reads the log backwards until the page is full.
func (s *Store) AuditEntries(ctx context.Context, q audit.Query, before string, limit int) (page audit.Page, err error) {
	if before != "" && !eventID.MatchString(before) {
		return page, &session.InvalidError{Field: "before", Detail: "is not the next of a page"}
	}
	for {
		step, err := s.auditStep(ctx, q.Class, before, true, auditStep)
		if err != nil {
			return page, fmt.Errorf("read audit log: %w", err)
		}
		for i := range step {
			before = step[i].ID
			switch {
			case !q.From.IsZero() && entryTime(before).Before(q.From.Add(-auditLate)):
				return page, nil
			case !q.Selects(&step[i]):
				continue
			case len(page.Entries) == limit:
				page.Next = page.Entries[limit-1].ID
				return page, nil
			}
			page.Entries = append(page.Entries, step[i])
		}
		if len(step) == 0 {
			return page, nil
		}
	}
}

// auditStep reads entries of one class, or of all, that follow one in the order of the log, or
// come before it if backwards is set. It is empty only if there are none.
func (s *Store) auditStep(ctx context.Context, class audit.Class, from string, backwards bool, step int64) ([]audit.Entry, error) {
	pipe := s.client.Pipeline()
	var answers []*redis.XMessageSliceCmd
	for _, c := range audit.Classes {
		switch {
		case class != "" && class != c:
		case backwards:
			answers = append(answers, pipe.XRevRangeN(ctx, auditKey(c), behind(from, "+"), "-", step))
		default:
			answers = append(answers, pipe.XRangeN(ctx, auditKey(c), behind(from, "-"), "+", step))
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	return decodeAudit(inOrder(answers, backwards, int(step)))
}

// behind is the bound of a range that begins behind an entry, or at an end of the stream.
func behind(id, end string) string {
	if id == "" {
		return end
	}
	return "(" + id
}

// inOrder puts what was read of several streams into one order, as far as that is known: behind
// the last entry of a stream that was not read to its end, there may be others of that stream.
func inOrder(answers []*redis.XMessageSliceCmd, backwards bool, step int) []redis.XMessage {
	order := func(a, b redis.XMessage) int {
		if backwards {
			a, b = b, a
		}
		return session.CompareEventIDs(a.ID, b.ID)
	}
	var all, ends []redis.XMessage
	for _, a := range answers {
		messages := a.Val()
		all = append(all, messages...)
		if len(messages) == step {
			ends = append(ends, messages[step-1])
		}
	}
	slices.SortFunc(all, order)
	if len(ends) == 0 {
		return all
	}
	end := slices.MinFunc(ends, order)
	return slices.DeleteFunc(all, func(m redis.XMessage) bool { return order(m, end) > 0 })
}

func decodeAudit(messages []redis.XMessage) ([]audit.Entry, error) {
	entries := make([]audit.Entry, len(messages))
	for i, m := range messages {
		body, _ := m.Values["body"].(string)
		if err := json.Unmarshal([]byte(body), &entries[i]); err != nil {
			return nil, fmt.Errorf("entry %s: %w", m.ID, err)
		}
		entries[i].ID = m.ID
	}
	return entries, nil
}

// FollowAudit implements [audit.Log]. While it waits it holds a connection of its own.
func (s *Store) FollowAudit(ctx context.Context, after string) ([]audit.Entry, error) {
	if after != "" && !eventID.MatchString(after) {
		return nil, &session.InvalidError{Field: "after", Detail: "is not the ID of an entry"}
	}
	entries, err := follow(ctx, s, func() ([]audit.Entry, error) {
		return s.auditStep(ctx, "", after, false, auditFollow)
	}, auditLastKey)
	if err != nil {
		return nil, fmt.Errorf("follow audit log: %w", err)
	}
	return entries, nil
}

// NewestAudit implements [audit.Log].
func (s *Store) NewestAudit(ctx context.Context) (string, error) {
	id, err := s.client.Get(ctx, auditLastKey).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("read audit log: %w", err)
	}
	return id, nil
}
