package webhooks

import (
	"context"
	"time"

	"switchboard/webhooks/queue"
)

// NewReceiverWith makes a Receiver that keeps events elsewhere, or nowhere.
func NewReceiverWith(secret Secret, keep func(context.Context, queue.Item) (bool, error)) *Receiver {
	return &Receiver{secrets: &secretSet{fixed: []Secret{secret}, refreshed: time.Now().Add(time.Hour)}, keep: keep, now: time.Now}
}

// Gather keeps items in groups in q until ctx ends; the func it returns puts one.
func Gather(ctx context.Context, q *queue.Queue) (put func(context.Context, queue.Item) (bool, error), done <-chan struct{}) {
	in := newIntake(q.Add)
	ended := make(chan struct{})
	go func() { defer close(ended); in.run(ctx) }()
	return in.put, ended
}

// ParseEvent is parseEvent.
var ParseEvent = parseEvent
