package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
	"switchboard/session/broadcast"
)

const (
	broadcastLog  = 1000            // entries that the log keeps, broadcasts and withdrawals
	broadcastStep = 100             // entries read at once
	followPoll    = 2 * time.Second // Follow looks this often, should its wake-up be lost
	saidKept      = time.Minute     // longer than the client tries again
)

// Publish appends a broadcast to the log and returns it with its ID and time, which are
// Redis' own.
func (s *Store) Publish(ctx context.Context, b session.Broadcast) (session.Broadcast, error) {
	b.ID, b.CreatedAt = "", time.Time{}
	b.WithdrawnBy, b.WithdrawnAt = "", time.Time{}
	body, err := json.Marshal(b)
	if err != nil {
		return session.Broadcast{}, fmt.Errorf("publish broadcast: %w", err)
	}
	e, err := s.append(ctx, "", string(body))
	if err != nil {
		return session.Broadcast{}, fmt.Errorf("publish broadcast: %w", err)
	}
	return e.Broadcast, nil
}

// Withdraw appends that a broadcast was withdrawn. ErrNotFound if the log does not have
// it, ErrExists if it was withdrawn before.
func (s *Store) Withdraw(ctx context.Context, id, by string) (session.Broadcast, error) {
	if !eventID.MatchString(id) {
		return session.Broadcast{}, session.ErrNotFound
	}
	e, err := s.append(ctx, id, by)
	if err != nil {
		return session.Broadcast{}, fmt.Errorf("withdraw broadcast %s: %w", id, err)
	}
	return e.Broadcast, nil
}

// append writes an entry: a broadcast with its body, or that of is withdrawn by somebody.
func (s *Store) append(ctx context.Context, of, text string) (broadcast.Entry, error) {
	c := &call{
		script: broadcastScript,
		keys:   []string{logKey, withdrawnKey, saidKey("")},
		args:   []any{broadcastLog, s.forget.Milliseconds(), saidKept.Milliseconds(), of, text},
	}
	if err := s.run(ctx, []*call{c}); err != nil {
		return broadcast.Entry{}, err
	}
	answer, err := c.answer.StringSlice()
	switch {
	case err != nil:
		return broadcast.Entry{}, err
	case len(answer) == 2 && of == "":
		return parseEntry(redis.XMessage{ID: answer[0], Values: map[string]any{"body": answer[1]}})
	case len(answer) == 2:
		return parseEntry(redis.XMessage{ID: answer[0], Values: map[string]any{"of": of, "by": text, "body": answer[1]}})
	case len(answer) == 1 && answer[0] == "again":
		return broadcast.Entry{}, session.ErrExists
	}
	return broadcast.Entry{}, session.ErrNotFound
}

// parseEntry reads an entry. What Redis gave out, IDs and the times in them, is not in
// the body.
func parseEntry(m redis.XMessage) (broadcast.Entry, error) {
	body, _ := m.Values["body"].(string)
	of, withdrawn := m.Values["of"].(string)
	e := broadcast.Entry{ID: m.ID, Withdrawn: withdrawn}
	if err := json.Unmarshal([]byte(body), &e.Broadcast); err != nil {
		return e, fmt.Errorf("read entry %s: %w", m.ID, err)
	}
	b := &e.Broadcast
	b.ID = m.ID
	if withdrawn {
		b.ID = of
		b.WithdrawnBy, _ = m.Values["by"].(string)
		b.WithdrawnAt = entryTime(m.ID)
	}
	b.CreatedAt = entryTime(b.ID)
	return e, nil
}

// entryTime is the time in an ID.
func entryTime(id string) time.Time {
	ms, _, _ := strings.Cut(id, "-")
	n, _ := strconv.ParseInt(ms, 10, 64) // Redis' own, or checked when it came in
	return time.UnixMilli(n).UTC()
}

// Follow implements [session.Broadcasts]. While it waits it holds a connection of its own.
// It returns at most 100 entries.
func (s *Store) Follow(ctx context.Context, after string) ([]broadcast.Entry, error) {
	if after != "" && !eventID.MatchString(after) {
		return nil, &session.InvalidError{Field: "after", Detail: "is not the ID of an entry"}
	}
	return follow(ctx, s, func() ([]broadcast.Entry, error) { return s.entries(ctx, after) }, logKey)
}

// follow calls read until it returns something, and again each time one of the channels says so.
func follow[E any](ctx context.Context, s *Store, read func() ([]E, error), channels ...string) ([]E, error) {
	entries, err := read()
	if err != nil || len(entries) > 0 {
		return entries, err
	}
	wake := s.client.Subscribe(ctx, channels...)
	defer wake.Close()
	// It says, too, that it is subscribed, at first and after its connection was lost:
	// what was appended before that did not wake us.
	woken := wake.ChannelWithSubscriptions()
	poll := time.NewTicker(followPoll)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-woken:
		case <-poll.C:
		}
		if entries, err := read(); err != nil || len(entries) > 0 {
			return entries, err
		}
	}
}

// entries reads what is behind an entry. A log that is read is kept.
func (s *Store) entries(ctx context.Context, after string) ([]broadcast.Entry, error) {
	from := "-"
	if after != "" {
		from = "(" + after
	}
	pipe := s.client.TxPipeline()
	messages := pipe.XRangeN(ctx, logKey, from, "+", broadcastStep)
	left := pipe.PTTL(ctx, logKey)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("read broadcasts: %w", err)
	}
	if left.Val() > 0 && left.Val() < s.forget/2 {
		pipe := s.client.TxPipeline()
		pipe.PExpire(ctx, logKey, s.forget)
		pipe.PExpire(ctx, withdrawnKey, s.forget)
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, fmt.Errorf("keep broadcasts: %w", err)
		}
	}
	var entries []broadcast.Entry
	for _, m := range messages.Val() {
		e, err := parseEntry(m)
		if err != nil {
			return nil, fmt.Errorf("read broadcasts: %w", err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// BroadcastList returns at most limit broadcasts (0 is 50, at most 200), newest first;
// before, unless empty, is the ID of the last one of the page before.
func (s *Store) BroadcastList(ctx context.Context, limit int, before string) ([]session.Broadcast, error) {
	if before != "" && !eventID.MatchString(before) {
		return nil, &session.InvalidError{Field: "before", Detail: "is not the ID of a broadcast"}
	}
	limit = min(cmp.Or(max(limit, 0), 50), 200)
	var page []session.Broadcast
	for len(page) < limit {
		from := "+"
		if before != "" {
			from = "(" + before
		}
		messages, err := s.client.XRevRangeN(ctx, logKey, from, "-", broadcastStep).Result()
		if err != nil {
			return nil, fmt.Errorf("list broadcasts: %w", err)
		}
		for _, m := range messages {
			before = m.ID
			if e, err := parseEntry(m); err != nil {
				return nil, fmt.Errorf("list broadcasts: %w", err)
			} else if !e.Withdrawn && len(page) < limit {
				page = append(page, e.Broadcast)
			}
		}
		if len(messages) < broadcastStep {
			break
		}
	}
	return page, s.addWithdrawals(ctx, page)
}

// addWithdrawals fills in who withdrew broadcasts, and when.
func (s *Store) addWithdrawals(ctx context.Context, page []session.Broadcast) error {
	if len(page) == 0 {
		return nil
	}
	ids := make([]string, len(page))
	for i, b := range page {
		ids[i] = b.ID
	}
	values, err := s.client.HMGet(ctx, withdrawnKey, ids...).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("list withdrawals: %w", err)
	}
	for i, v := range values {
		if entry, ok := v.(string); ok {
			setWithdrawn(&page[i], entry)
		}
	}
	return nil
}

// setWithdrawn reads "<entry ID> <who>".
func setWithdrawn(b *session.Broadcast, value string) {
	id, by, _ := strings.Cut(value, " ")
	b.WithdrawnBy, b.WithdrawnAt = by, entryTime(id)
}
