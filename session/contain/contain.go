// Package contain keeps a panic to the session, the item or the request whose bytes caused it.
//
// Every goroutine that handles what clients, upstreams, Redis or subscribers sent runs in [Do]
// or, if the node cannot do without it, in [Keep]. What such code locks it has to unlock by
// defer: a lock that a panic leaves behind stops all others.
package contain

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"
)

var panics atomic.Int64

// Panics is how many panics were contained since the process started.
func Panics() int64 { return panics.Load() }

// Panic is what Do makes of a panic. Its text is for logs.
type Panic struct{ Value any }

// Error gives the panic's own words.
func (p *Panic) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Do runs f and returns *Panic if it panicked, after it has logged where. A nil log is the
// default one; args are its attributes.
func Do(log *slog.Logger, what string, f func(), args ...any) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = Note(log, what, v, args...)
		}
	}()
	f()
	return nil
}

// Note counts and logs a panic that the caller has recovered from itself.
func Note(log *slog.Logger, what string, value any, args ...any) error {
	panics.Add(1)
	if log == nil {
		log = slog.Default()
	}
	log.Error("panic contained", append([]any{"in", what, "panic", fmt.Sprint(value), "stack", string(debug.Stack())}, args...)...)
	return &Panic{value}
}

// again is how long Keep waits before it runs something anew.
const again = time.Second

// Keep runs f, and runs it anew after a panic, until it returns or ctx is done.
func Keep(ctx context.Context, log *slog.Logger, what string, f func()) {
	for Do(log, what, f) != nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(again):
		}
	}
}
