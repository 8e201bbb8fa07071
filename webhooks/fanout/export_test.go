package fanout

import (
	"context"
	"sync"
)

// Reload reads the subscriptions once, as Run does.
func (f *Fanout) Reload(ctx context.Context, workers *sync.WaitGroup) error {
	return f.reload(ctx, workers)
}

// Wanting counts the subscriptions for a type of event that this node knows.
func (f *Fanout) Wanting(eventType string) int { return len(f.wanting(eventType)) }
