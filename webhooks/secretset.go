package webhooks

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/webhooks/seal"
	"switchboard/webhooks/wake"
)

const (
	secretsKey     = "gw:{wh:secrets}:endpoints" // hash: endpoint's ID -> its secrets, sealed
	secretsBell    = "secrets"
	sealedFor      = "endpoint:" // and its ID: what is sealed for one opens for no other
	secretsEvery   = 5 * time.Second
	refreshGap     = 100 * time.Millisecond        // between two reads that refused deliveries ask for
	rotationWindow = 24*time.Hour + 10*time.Minute // OpenAI's 24 h, and what clocks and retries need
)

// secretSet is the secrets that deliveries may be signed with: those of the configuration and those that endpoints got
// through this gateway, which all nodes share through Redis.
type secretSet struct {
	fixed []seal.Secret
	rdb   redis.UniversalClient
	box   seal.Box
	bell  *wake.Bell
	log   *slog.Logger
	kept  atomic.Pointer[[]timedSecret]

	mu        sync.Mutex // guards refreshed, and lets one refresh run
	refreshed time.Time
}

// timedSecret is accepted until Until, or for good if that is zero.
type timedSecret struct {
	Value string    `json:"secret"`
	Until time.Time `json:"until,omitzero"`
}

// current returns every secret that is accepted now.
func (s *secretSet) current(now time.Time) []seal.Secret {
	secrets := slices.Clone(s.fixed)
	if kept := s.kept.Load(); kept != nil {
		for _, k := range *kept {
			if k.Until.IsZero() || now.Before(k.Until) {
				secrets = append(secrets, seal.Secret(k.Value))
			}
		}
	}
	return secrets
}

// refresh returns once the shared secrets were read after it was called; false means that they could not be. Forged
// deliveries, which all come here, share ten reads a second.
func (s *secretSet) refresh(ctx context.Context) bool {
	called := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refreshed.After(called) {
		return true
	}
	timer := time.NewTimer(refreshGap - time.Since(s.refreshed))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	s.refreshed = time.Now()
	return s.load(ctx) == nil
}

func (s *secretSet) load(ctx context.Context) error {
	all, err := s.rdb.HGetAll(ctx, secretsKey).Result()
	if err != nil {
		return fmt.Errorf("read webhook secrets: %w", err)
	}
	var kept []timedSecret
	for endpoint, sealed := range all {
		secrets, err := s.unseal(endpoint, sealed)
		if err != nil {
			s.log.Error("an endpoint's secret cannot be read; is the seal key the same on all nodes?", "endpoint", endpoint, "err", err)
			continue
		}
		kept = append(kept, secrets...)
	}
	s.kept.Store(&kept)
	return nil
}

func (s *secretSet) unseal(endpoint, sealed string) (secrets []timedSecret, err error) {
	plain, err := s.box.Open(sealedFor+endpoint, sealed)
	if err != nil {
		return nil, err
	}
	return secrets, json.Unmarshal(plain, &secrets)
}

// run keeps up with other nodes until ctx ends.
func (s *secretSet) run(ctx context.Context) {
	tick := time.NewTicker(secretsEvery)
	defer tick.Stop()
	for {
		rung := s.bell.Next(secretsBell)
		if err := s.load(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("secrets not refreshed", "err", err)
		}
		select {
		case <-rung:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Put makes value the endpoint's secret on all nodes; the one before stays accepted for a day if overlap is set.
func (s *secretSet) Put(ctx context.Context, endpoint, value string, overlap bool) error {
	now := time.Now().UTC()
	secrets := []timedSecret{{Value: value}}
	if sealed, err := s.rdb.HGet(ctx, secretsKey, endpoint).Result(); err == nil && overlap {
		before, err := s.unseal(endpoint, sealed)
		if err != nil {
			return err
		}
		for _, b := range before {
			if b.Until.IsZero() {
				b.Until = now.Add(rotationWindow)
			}
			if now.Before(b.Until) {
				secrets = append(secrets, b)
			}
		}
	}
	plain, err := json.Marshal(secrets)
	if err != nil {
		return err
	}
	return s.write(ctx, s.rdb.HSet(ctx, secretsKey, endpoint, s.box.Seal(sealedFor+endpoint, plain)).Err())
}

// Remove forgets an endpoint's secrets on all nodes.
func (s *secretSet) Remove(ctx context.Context, endpoint string) error {
	return s.write(ctx, s.rdb.HDel(ctx, secretsKey, endpoint).Err())
}

func (s *secretSet) write(ctx context.Context, err error) error {
	if err != nil {
		return fmt.Errorf("keep webhook secret: %w", err)
	}
	s.bell.Ring(ctx, secretsBell)
	return s.load(ctx)
}

// Endpoints says of which endpoints the secrets are kept.
func (s *secretSet) Endpoints(ctx context.Context) (map[string]bool, error) {
	ids, err := s.rdb.HKeys(ctx, secretsKey).Result()
	if err != nil {
		return nil, fmt.Errorf("read webhook secrets: %w", err)
	}
	known := make(map[string]bool, len(ids))
	for _, id := range ids {
		known[id] = true
	}
	return known, nil
}
