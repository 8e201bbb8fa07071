package endpoint

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff waits between attempts: from shortest on twice as long each time, up to
// longest, a quarter more or less so that those who lost one node do not come in step.
type Backoff struct {
	Shortest, Longest time.Duration
	next              time.Duration
}

// Wait ends early, with an error, when ctx does.
func (b *Backoff) Wait(ctx context.Context) error {
	b.next = min(max(b.next, b.Shortest), b.Longest)
	pause := b.next*3/4 + rand.N(b.next/2+1)
	b.next *= 2
	return Sleep(ctx, pause)
}

// Reset begins with the shortest wait again.
func (b *Backoff) Reset() { b.next = 0 }
