package fanout_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"switchboard/session/redisstore/redistest"
	"switchboard/webhooks/fanout"
	"switchboard/webhooks/queue"
	"switchboard/webhooks/seal"
	"switchboard/webhooks/wake"
)

// A node that has just started handles events before it has read who wants them.
func TestAnEventBeforeTheSubscriptionsAreReadIsNotLost(t *testing.T) {
	rdb := redistest.Mini(t)
	f := fanout.New(rdb, seal.Box{}, wake.New(rdb, slog.New(slog.DiscardHandler)), fanout.Options{})
	// An address that leads nowhere: what is looked at is what is kept, not what arrives.
	sub, _, err := f.Create(t.Context(), fanout.Subscription{URL: "https://subscriber.invalid/hook", Types: []string{"response.completed"}}, "")
	if err != nil {
		t.Fatal(err)
	}
	started := fanout.New(rdb, seal.Box{}, wake.New(rdb, slog.New(slog.DiscardHandler)), fanout.Options{})
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

// meanwhile does something once, between the answer to a HGETALL and its reader.
type meanwhile struct {
	redis.Hook
	do func()
}

func (meanwhile) DialHook(next redis.DialHook) redis.DialHook { return next }

func (meanwhile) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (m meanwhile) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if cmd.Name() == "hgetall" {
			m.do()
		}
		return err
	}
}

// A subscription that is made while the node reads all of them gets what is published next.
func TestASubscriptionMadeWhileAllAreReadIsNotForgotten(t *testing.T) {
	rdb := redistest.Mini(t)
	f := fanout.New(rdb, seal.Box{}, wake.New(rdb, slog.New(slog.DiscardHandler)), fanout.Options{})
	rdb.AddHook(meanwhile{do: sync.OnceFunc(func() {
		if _, _, err := f.Create(t.Context(), fanout.Subscription{URL: "https://subscriber.invalid/hook", Types: []string{"response.completed"}}, ""); err != nil {
			t.Error(err)
		}
	})})
	ctx, stop := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	defer workers.Wait()
	defer stop()
	if err := f.Reload(ctx, &workers); err != nil {
		t.Fatal(err)
	}
	if n := f.Wanting("response.completed"); n != 1 {
		t.Errorf("%d subscriptions want it", n)
	}
}
