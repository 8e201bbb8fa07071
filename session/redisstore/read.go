package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
)

// Record implements [session.Store].
func (s *Store) Record(ctx context.Context, id session.ID) (r session.Record, err error) {
	if !id.Valid() {
		return r, session.ErrNotFound
	}
	body, err := s.client.HGet(ctx, sessionKey(id, "record"), "body").Bytes()
	if errors.Is(err, redis.Nil) {
		return r, session.ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	if err != nil {
		return session.Record{}, fmt.Errorf("read record of %s: %w", id, err)
	}
	return r, nil
}

// Items implements [session.Store].
func (s *Store) Items(ctx context.Context, id session.ID) ([]session.Item, error) {
	if !id.Valid() {
		return nil, session.ErrNotFound
	}
	pipe := s.client.TxPipeline()
	known := pipe.Exists(ctx, sessionKey(id, "record"))
	order := pipe.LRange(ctx, sessionKey(id, "order"), 0, -1)
	bodies := pipe.HGetAll(ctx, sessionKey(id, "items"))
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("read items of %s: %w", id, err)
	}
	if known.Val() == 0 {
		return nil, session.ErrNotFound
	}
	items := make([]session.Item, 0, len(order.Val()))
	for _, itemID := range order.Val() {
		body, ok := bodies.Val()[itemID]
		if !ok {
			continue // the order may name an item before it was written
		}
		var item session.Item
		if err := json.Unmarshal([]byte(body), &item); err != nil {
			return nil, fmt.Errorf("read item %s of %s: %w", itemID, id, err)
		}
		items = append(items, item)
	}
	return items, nil
}

// Events implements [session.Store]. With after older than the log, it begins with the
// oldest event that is kept; a *session.InvalidError says that after is no event ID.
func (s *Store) Events(ctx context.Context, id session.ID, after string, limit int) ([]session.LoggedEvent, error) {
	if !id.Valid() {
		return nil, session.ErrNotFound
	}
	from := "-"
	if after != "" {
		if !eventID.MatchString(after) {
			return nil, &session.InvalidError{Field: "after", Detail: "is not the ID of an event"}
		}
		from = "(" + after
	}
	pipe := s.client.TxPipeline()
	known := pipe.Exists(ctx, sessionKey(id, "record"))
	entries := pipe.XRangeN(ctx, sessionKey(id, "log"), from, "+", int64(max(limit, 1)))
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("read events of %s: %w", id, err)
	}
	if known.Val() == 0 {
		return nil, session.ErrNotFound
	}
	events := make([]session.LoggedEvent, 0, len(entries.Val()))
	for _, e := range entries.Val() {
		kind, _ := e.Values["type"].(string)
		raw, _ := e.Values["event"].(string)
		events = append(events, session.LoggedEvent{ID: e.ID, Type: kind, Raw: json.RawMessage(raw)})
	}
	return events[:min(len(events), max(limit, 0))], nil
}
