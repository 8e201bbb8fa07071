// Package embedded runs a try-out engine that speaks Redis within the process. Nothing is
// kept: what it holds is gone when the process ends. It takes up to a few hundred
// sessions; for more, and for anything that must last, run a Redis.
package embedded

import (
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// Server is a running engine. Close ends it.
type Server struct {
	redis *miniredis.Miniredis
	key   string // who does not give it is turned away: the port is open to every user of the machine
	done  chan struct{}
	clock sync.WaitGroup
	once  sync.Once
}

// Start runs an engine on a free port of 127.0.0.1.
func Start() (*Server, error) {
	s := &Server{redis: miniredis.NewMiniRedis(), key: rand.Text(), done: make(chan struct{})}
	s.redis.RequireAuth(s.key)
	if err := s.redis.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start the embedded engine: %w", err)
	}
	s.clock.Go(s.tick)
	return s, nil
}

// tick lets the engine's time pass, in which keys expire: of itself it does not. Its own
// way to do so, ClockTTL, walks all keys at each command.
func (s *Server) tick() {
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	for last := time.Now(); ; {
		select {
		case <-s.done:
			return
		case now := <-t.C:
			s.redis.FastForward(now.Sub(last))
			last = now
		}
	}
}

// URL is the engine's address and its password, for redisstore.Connect.
func (s *Server) URL() string { return "redis://:" + s.key + "@" + s.redis.Addr() }

// Close ends the engine and waits for it. What it held is gone.
func (s *Server) Close() {
	s.once.Do(func() {
		close(s.done)
		s.clock.Wait()
		s.redis.Close()
	})
}
