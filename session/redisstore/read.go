package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
)

// Record implements [session.Store].
func (s *Store) Record(ctx context.Context, id session.ID) (session.Record, error) {
	if !id.Valid() {
		return session.Record{}, session.ErrNotFound
	}
	return parseRecord(id, s.client.HGet(ctx, sessionKey(id, "record"), "body"))
}

func parseRecord(id session.ID, answer *redis.StringCmd) (r session.Record, err error) {
	body, err := answer.Bytes()
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

// Load implements [session.Store], in one round trip.
func (s *Store) Load(ctx context.Context, id session.ID) (l session.Stored, err error) {
	if !id.Valid() {
		return l, session.ErrNotFound
	}
	pipe := s.client.TxPipeline()
	record := pipe.HGet(ctx, sessionKey(id, "record"), "body")
	order := pipe.LRange(ctx, sessionKey(id, "order"), 0, -1)
	bodies := pipe.HGetAll(ctx, sessionKey(id, "items"))
	log := pipe.XRange(ctx, sessionKey(id, "log"), "-", "+")
	deltas := pipe.XRange(ctx, sessionKey(id, "deltas"), "-", "+")
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return l, fmt.Errorf("load %s: %w", id, err)
	}
	if l.Record, err = parseRecord(id, record); err != nil {
		return session.Stored{}, err
	}
	if l.Items, err = parseItems(order.Val(), bodies.Val()); err == nil {
		l.Events, err = readEntries(merge(log.Val(), deltas.Val()), "", math.MaxInt)
	}
	if err != nil {
		return session.Stored{}, fmt.Errorf("load %s: %w", id, err)
	}
	return l, nil
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
	items, err := parseItems(order.Val(), bodies.Val())
	if err != nil {
		return nil, fmt.Errorf("read items of %s: %w", id, err)
	}
	return items, nil
}

// parseItems reads a conversation, packed or not.
func parseItems(order []string, bodies map[string]string) (items []session.Item, err error) {
	stored, err := unpack(bodies[packedItems])
	for _, itemID := range order {
		if body, ok := bodies[itemID]; ok { // the order may name an item before it was written
			stored = append(stored, []byte(body))
		}
	}
	places := make(map[string]int, len(stored))
	for _, body := range stored {
		var item session.Item
		err = cmp.Or(err, json.Unmarshal(body, &item))
		if i, known := places[item.ID]; known {
			items[i] = item // was written after the session was packed
			continue
		}
		places[item.ID] = len(items)
		items = append(items, item)
	}
	return items, err
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
	log := pipe.XRangeN(ctx, sessionKey(id, "log"), from, "+", int64(max(limit, 1)))
	deltas := pipe.XRangeN(ctx, sessionKey(id, "deltas"), from, "+", int64(max(limit, 1)))
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("read events of %s: %w", id, err)
	}
	if known.Val() == 0 {
		return nil, session.ErrNotFound
	}
	events, err := readEntries(merge(log.Val(), deltas.Val()), after, limit)
	if err != nil {
		return nil, fmt.Errorf("read events of %s: %w", id, err)
	}
	return events[:min(len(events), max(limit, 0))], nil
}

// readEntries reads events out of entries of a log, packed or not: those behind after, and at
// least limit of them if there are as many.
func readEntries(entries []redis.XMessage, after string, limit int) (events []session.LoggedEvent, err error) {
	for _, e := range entries {
		kind, _ := e.Values["type"].(string)
		raw, _ := e.Values["event"].(string)
		if kind != packedType {
			events = append(events, session.LoggedEvent{ID: e.ID, Type: kind, Raw: json.RawMessage(raw)})
			continue
		}
		packed, err := unpackEvents(raw)
		if err != nil {
			return nil, err
		}
		for _, e := range packed {
			if after == "" || session.CompareEventIDs(e.ID, after) > 0 {
				events = append(events, e)
			}
		}
		if len(events) >= limit {
			break
		}
	}
	return events, nil
}

// merge puts the entries of a log and of its deltas in the order of their IDs.
func merge(log, deltas []redis.XMessage) []redis.XMessage {
	if len(deltas) == 0 {
		return log
	}
	all := append(log, deltas...)
	slices.SortFunc(all, func(a, b redis.XMessage) int { return session.CompareEventIDs(a.ID, b.ID) })
	return all
}
