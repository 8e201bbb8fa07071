package fanout

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/webhooks/seal"
)

// Create keeps a new subscription. The secret may be given; it is returned here and at rotation, never again.
func (f *Fanout) Create(ctx context.Context, s Subscription, secret string) (Subscription, string, error) {
	if err := s.check(f.o.Allowed); err != nil {
		return Subscription{}, "", err
	}
	n, err := f.rdb.HLen(ctx, key).Result()
	if err != nil {
		return Subscription{}, "", fmt.Errorf("count subscriptions: %w", err)
	}
	if n >= maxSubscriptions {
		return Subscription{}, "", ErrTooMany
	}
	if secret == "" {
		secret = seal.NewSecret()
	}
	now := time.Now().UTC()
	s.ID, s.CreatedAt, s.Enabled = "sub_"+strings.ToLower(rand.Text()), now, true
	kept := stored{Subscription: s}
	kept.rotate(secret, now)
	return kept.Subscription, secret, f.write(ctx, kept)
}

// List returns all subscriptions, oldest first.
func (f *Fanout) List(ctx context.Context) ([]Subscription, error) {
	all, err := f.all(ctx)
	if err != nil {
		return nil, err
	}
	failing, err := f.rdb.HGetAll(ctx, failingKey).Result()
	if err != nil {
		return nil, fmt.Errorf("read subscriptions: %w", err)
	}
	list := make([]Subscription, 0, len(all))
	for id, s := range all {
		s.FailingFrom = parseTime(failing[id])
		list = append(list, s.Subscription)
	}
	slices.SortFunc(list, func(a, b Subscription) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return list, nil
}

func parseTime(unix string) time.Time {
	n, err := strconv.ParseInt(unix, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// Get reads one subscription, or returns ErrNotFound.
func (f *Fanout) Get(ctx context.Context, id string) (Subscription, error) {
	s, err := f.get(ctx, id)
	if err != nil {
		return Subscription{}, err
	}
	since, err := f.rdb.HGet(ctx, failingKey, id).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return Subscription{}, fmt.Errorf("read subscription: %w", err)
	}
	s.FailingFrom = parseTime(since)
	return s.Subscription, nil
}

func (f *Fanout) get(ctx context.Context, id string) (stored, error) {
	text, err := f.rdb.HGet(ctx, key, id).Result()
	if errors.Is(err, redis.Nil) {
		return stored{}, ErrNotFound
	}
	if err != nil {
		return stored{}, fmt.Errorf("read subscription: %w", err)
	}
	return f.unseal(id, text)
}

// Update changes a subscription, for by. Enabling it forgets that it failed.
func (f *Fanout) Update(ctx context.Context, id string, c Change, by string) (Subscription, error) {
	s, err := f.get(ctx, id)
	if err != nil {
		return Subscription{}, err
	}
	s.changed(by, time.Now())
	if c.URL != nil {
		s.URL = *c.URL
	}
	if c.Types != nil {
		s.Types = c.Types
	}
	if c.Description != nil {
		s.Description = *c.Description
	}
	if c.Enabled != nil {
		s.Enabled, s.Reason = *c.Enabled, ""
		if *c.Enabled {
			if err := f.rdb.HDel(ctx, failingKey, id).Err(); err != nil {
				return Subscription{}, fmt.Errorf("update subscription: %w", err)
			}
		}
	}
	if err := s.check(f.o.Allowed); err != nil {
		return Subscription{}, err
	}
	return s.Subscription, f.write(ctx, s)
}

// Rotate gives a subscription a new secret; the old one signs on beside it for a day.
func (f *Fanout) Rotate(ctx context.Context, id, secret, by string) (string, error) {
	s, err := f.get(ctx, id)
	if err != nil {
		return "", err
	}
	if secret == "" {
		secret = seal.NewSecret()
	}
	s.rotate(secret, time.Now().UTC())
	s.changed(by, time.Now())
	return secret, f.write(ctx, s)
}

// Delete forgets a subscription and its deliveries.
func (f *Fanout) Delete(ctx context.Context, id string) error {
	n, err := f.rdb.HDel(ctx, key, id).Result()
	if err != nil {
		return fmt.Errorf("delete subscription: %w", err)
	}
	if n == 0 {
		return ErrNotFound
	}
	f.bell.Ring(ctx, bell)
	if err := f.rdb.HDel(ctx, failingKey, id).Err(); err != nil {
		return fmt.Errorf("delete subscription: %w", err)
	}
	return f.open(id).Drop(ctx)
}

func (f *Fanout) write(ctx context.Context, s stored) error {
	plain, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := f.rdb.HSet(ctx, key, s.ID, f.box.Seal(sealedFor+s.ID, plain)).Err(); err != nil {
		return fmt.Errorf("keep subscription: %w", err)
	}
	f.mu.Lock()
	f.written++
	f.adoptLocked(s) // an event that comes right after is not missed here
	f.mu.Unlock()
	f.bell.Ring(ctx, bell)
	return nil
}
