// Package wake tells all nodes at once that something in Redis changed, so that they read it now instead of at their
// next look. A ring may be lost with a connection; after every new connection everything rings once.
package wake

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const channel = "gw:wake"

// Redis is what a Bell needs of a go-redis client; redis.UniversalClient has it.
type Redis interface {
	Publish(ctx context.Context, channel string, message any) *redis.IntCmd
	Subscribe(ctx context.Context, channels ...string) *redis.PubSub
}

// Bell rings names. Its methods may be called from any goroutine; Run once.
type Bell struct {
	rdb     Redis
	log     *slog.Logger
	mu      sync.Mutex // guards waiting
	waiting map[string]chan struct{}
}

// New makes a Bell that hears other nodes once Run is called.
func New(rdb Redis, log *slog.Logger) *Bell {
	return &Bell{rdb: rdb, log: log, waiting: map[string]chan struct{}{}}
}

// Next returns a channel that is closed at the next ring of name.
func (b *Bell) Next(name string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.waiting[name]
	if !ok {
		c = make(chan struct{})
		b.waiting[name] = c
	}
	return c
}

// Ring wakes this node's waiters at once and those of other nodes through Redis.
func (b *Bell) Ring(ctx context.Context, name string) {
	b.ring(name)
	if err := b.rdb.Publish(ctx, channel, name).Err(); err != nil {
		b.log.Debug("other nodes will see the change at their next look", "name", name, "err", err)
	}
}

func (b *Bell) ring(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c, ok := b.waiting[name]; ok {
		close(c)
		delete(b.waiting, name)
	}
}

func (b *Bell) ringAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, c := range b.waiting {
		close(c)
		delete(b.waiting, name)
	}
}

// Run listens until ctx ends.
func (b *Bell) Run(ctx context.Context) {
	sub := b.rdb.Subscribe(ctx, channel)
	defer sub.Close()
	messages := sub.ChannelWithSubscriptions(redis.WithChannelHealthCheckInterval(10 * time.Second))
	for {
		select {
		case m, ok := <-messages:
			if !ok {
				return
			}
			if msg, isMessage := m.(*redis.Message); isMessage {
				b.ring(msg.Payload)
			} else {
				b.ringAll()
			}
		case <-ctx.Done():
			return
		}
	}
}
