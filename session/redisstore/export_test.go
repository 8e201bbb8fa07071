package redisstore

import (
	"time"

	"github.com/redis/go-redis/v9"
)

// Parse is the part of Connect that reads what comes from outside.
func Parse(address string) (*redis.UniversalOptions, error) { return parse(address) }

// SetClock makes s take now for the time.
func (s *Store) SetClock(now func() time.Time) { s.now = now }

// SetOutcomesKept makes s keep n outcomes of an entry.
func (s *Store) SetOutcomesKept(n int) { s.outcomesKept = n }

// SetReady makes s have a copy of up to n sessions ready though nobody asks.
func (s *Store) SetReady(n int64) { s.mirror.ready = n }
