package main

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff waits between attempts: from shortest on twice as long each time, up to
// longest, a quarter more or less so that those who lost one node do not come in step.
type backoff struct {
	shortest, longest time.Duration
	next              time.Duration
}

// wait ends early, with an error, when ctx does.
func (b *backoff) wait(ctx context.Context) error {
	b.next = min(max(b.next, b.shortest), b.longest)
	pause := b.next*3/4 + rand.N(b.next/2+1)
	b.next *= 2
	return sleep(ctx, pause)
}

func (b *backoff) reset() { b.next = 0 }
