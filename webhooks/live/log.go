// Package live keeps the last 10,000 or so changes that pages want to see and serves them as server-sent events, from
// any node, without a gap after a lost connection: an event's id is its place in a Redis stream.
package live

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/redis/go-redis/v9"

	"switchboard/webhooks/wake"
)

const (
	key     = "gw:{wh:live}:log"
	kept    = 10_000 // events, roughly
	bell    = "live"
	atOnce  = 200
	nothing = "0-0"
)

// Redis is what a Log needs of a go-redis client; redis.UniversalClient has it.
type Redis interface {
	XAdd(ctx context.Context, a *redis.XAddArgs) *redis.StringCmd
	XRangeN(ctx context.Context, stream, start, stop string, count int64) *redis.XMessageSliceCmd
	XRevRangeN(ctx context.Context, stream, start, stop string, count int64) *redis.XMessageSliceCmd
}

// Log is the fleet's list of changes. Its methods may be called from any goroutine.
type Log struct {
	rdb   Redis
	bell  *wake.Bell
	close sync.Once
	done  chan struct{} // closed by Close
}

// New opens the log.
func New(rdb Redis, b *wake.Bell) *Log { return &Log{rdb: rdb, bell: b, done: make(chan struct{})} }

// Close ends the streams that are served, and those that are asked for later.
func (l *Log) Close() { l.close.Do(func() { close(l.done) }) }

// Publish appends a change. Data is what a page needs to show it. Owner is the API key whose business it is; of "" it is
// that of those who see all only.
func (l *Log) Publish(ctx context.Context, kind, owner string, data any) error {
	body, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("publish change: %w", err)
	}
	err = l.rdb.XAdd(ctx, &redis.XAddArgs{
		Stream: key, MaxLen: kept, Approx: true, Values: []any{"type", kind, "owner", owner, "data", body},
	}).Err()
	if err != nil {
		return fmt.Errorf("publish change: %w", err)
	}
	l.bell.Ring(ctx, bell)
	return nil
}

// Last returns the id of the newest change.
func (l *Log) Last(ctx context.Context) (string, error) {
	m, err := l.rdb.XRevRangeN(ctx, key, "+", "-", 1).Result()
	if err != nil {
		return "", fmt.Errorf("last change: %w", err)
	}
	if len(m) == 0 {
		return nothing, nil
	}
	return m[0].ID, nil
}

func (l *Log) after(ctx context.Context, id string) ([]redis.XMessage, error) {
	return l.rdb.XRangeN(ctx, key, "("+id, "+", atOnce).Result()
}

// knows reports whether the change of that id is still kept.
func (l *Log) knows(ctx context.Context, id string) bool {
	m, err := l.rdb.XRangeN(ctx, key, id, id, 1).Result()
	return err == nil && len(m) == 1
}
