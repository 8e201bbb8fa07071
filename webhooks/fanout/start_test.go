package fanout_test

import (
	"context"
	"sync"
	"testing"

	"switchboard/webhooks/fanout"
	"switchboard/webhooks/queue"
	"switchboard/webhooks/redistest"
	"switchboard/webhooks/seal"
	"switchboard/webhooks/wake"
)

// A node that has just started handles events before it has read who wants them.
func TestAnEventBeforeTheSubscriptionsAreReadIsNotLost(t *testing.T) {
	rdb := redistest.Mini(t)
	f := fanout.New(rdb, seal.Box{}, wake.New(rdb), fanout.Options{})
	// An address that leads nowhere: what is looked at is what is kept, not what arrives.
	sub, _, err := f.Create(t.Context(), fanout.Subscription{URL: "https://subscriber.invalid/hook", Types: []string{"response.completed"}}, "")
	if err != nil {
		t.Fatal(err)
	}
	started := fanout.New(rdb, seal.Box{}, wake.New(rdb), fanout.Options{})
	event := queue.Item{ID: "wh_early", Topic: "response.completed", Origin: "openai", Body: []byte(`{"type":"response.completed"}`)}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := started.Publish(gone, event); err == nil {
		t.Error("an event was taken as published before anybody knew who wants it")
	}
	if !started.Wanted("session.started") {
		t.Error("an event was not wanted before anybody knew")
	}

	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { started.Run(ctx) })
	defer running.Wait()
	defer stop()
	if err := started.Publish(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	if _, err := started.Deliveries(sub.ID).Get(t.Context(), event.ID); err != nil {
		t.Errorf("not kept: %v", err)
	}
	if started.Wanted("session.started") {
		t.Error("an event is wanted that nobody subscribed to")
	}
}
