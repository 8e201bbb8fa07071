package hub

import (
	"context"
	"slices"
	"sync"
)

// follower is a bounded queue to one reader, who follows a session without ever holding it up.
// Whoever holds the controller's lock puts into it, so that room stays room.
type follower[T any] struct {
	most  int           // values that may wait
	limit int64         // and their bytes
	size  func(T) int64 // of a value, in bytes
	more  chan struct{} // holds one: there is something to look at

	mu    sync.Mutex
	queue []T
	bytes int64 // of what waits
	over  error // why nothing more comes
}

func newFollower[T any](values int, bytes int64, size func(T) int64) *follower[T] {
	return &follower[T]{most: values, limit: bytes, size: size, more: make(chan struct{}, 1)}
}

// room reports whether a value fits, and so many others beside it. Where nothing waits, one of any
// size does.
func (f *follower[T]) room(v T, others int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.queue)+others < f.most && (f.bytes == 0 || f.bytes+f.size(v) <= f.limit)
}

// put adds a value that there is room for.
func (f *follower[T]) put(v T) {
	f.mu.Lock()
	f.queue = append(f.queue, v)
	f.bytes += f.size(v)
	f.mu.Unlock()
	f.stir()
}

// discard removes what waits and is not wanted.
func (f *follower[T]) discard(unwanted func(T) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = slices.DeleteFunc(f.queue, func(v T) bool {
		if !unwanted(v) {
			return false
		}
		f.bytes -= f.size(v)
		return true
	})
}

// next waits for the next value. What was put before the end comes before the error that says why.
func (f *follower[T]) next(ctx context.Context) (T, error) {
	for {
		if v, ok, err := f.first(); ok || err != nil {
			return v, err
		}
		select {
		case <-f.more:
		case <-ctx.Done():
			var none T
			return none, context.Cause(ctx)
		}
	}
}

// first takes the value that waits longest, if one does.
func (f *follower[T]) first() (v T, ok bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.queue) == 0 {
		return v, false, f.over
	}
	v = f.queue[0]
	clear(f.queue[:1])
	if f.queue = f.queue[1:]; len(f.queue) == 0 {
		f.queue = nil
	}
	f.bytes -= f.size(v)
	return v, true, nil
}

// stop ends it, once.
func (f *follower[T]) stop(why error) {
	f.mu.Lock()
	if f.over == nil {
		f.over = why
	}
	f.mu.Unlock()
	f.stir()
}

func (f *follower[T]) stir() {
	select {
	case f.more <- struct{}{}:
	default:
	}
}
