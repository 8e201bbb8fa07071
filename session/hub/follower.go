package hub

import (
	"context"
	"sync"
	"sync/atomic"
)

// follower is a bounded queue to one reader, who follows a session without ever holding it up.
// Whoever holds the controller's lock puts into it, so that room stays room.
type follower[T any] struct {
	queue chan T
	limit int64         // bytes that may wait
	size  func(T) int64 // of a value, in bytes
	bytes atomic.Int64  // that wait
	once  sync.Once
	end   chan struct{}
	err   error // set before end is closed
}

func newFollower[T any](values int, bytes int64, size func(T) int64) follower[T] {
	return follower[T]{queue: make(chan T, values), limit: bytes, size: size, end: make(chan struct{})}
}

// room reports whether a value fits. Where nothing waits, one of any size does.
func (f *follower[T]) room(v T) bool {
	waiting := f.bytes.Load()
	return len(f.queue) < cap(f.queue) && (waiting == 0 || waiting+f.size(v) <= f.limit)
}

// put adds a value that there is room for.
func (f *follower[T]) put(v T) {
	f.bytes.Add(f.size(v))
	f.queue <- v
}

// next waits for the next value. What was put before the end comes before the error that says why.
func (f *follower[T]) next(ctx context.Context) (v T, err error) {
	select {
	case v = <-f.queue:
		return f.taken(v), nil
	default:
	}
	select {
	case v = <-f.queue:
		return f.taken(v), nil
	case <-f.end:
		select {
		case v = <-f.queue:
			return f.taken(v), nil
		default:
			return v, f.err
		}
	case <-ctx.Done():
		return v, context.Cause(ctx)
	}
}

// taken counts a value as one that waits no more.
func (f *follower[T]) taken(v T) T {
	f.bytes.Add(-f.size(v))
	return v
}

func (f *follower[T]) stop(why error) {
	f.once.Do(func() {
		f.err = why
		close(f.end)
	})
}
