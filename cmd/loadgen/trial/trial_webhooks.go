package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/tidwall/gjson"
	"golang.org/x/sync/errgroup"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/loadgen/figures"
	"switchboard/cmd/loadgen/lab"
	"switchboard/cmd/loadgen/program"
)

// webhooksTrial delivers events, many of them twice, while a node and Redis are killed.
type webhooksTrial struct {
	programs
	Deliveries int `help:"Deliveries." default:"20000"`
	Again      int `help:"So many percent of them are of an event that was delivered before." default:"30"`
	Nodes      int `help:"Gateway processes." default:"3"`
}

const (
	couriers   = 32
	redisDown  = time.Second
	workers    = 16              // of a node's inbox
	passers    = 4               // deliveries of a node to one subscriber at once
	handleTime = 2 * time.Second // what a lost node was handling is taken over after half as much again
	settleTime = 2 * time.Minute // for all to be handled
	lookEvery  = time.Second / 4
)

func (t *webhooksTrial) name() string { return "webhooks" }

// layout has Redis keep what it answered for, and nodes that let a subscriber be on this machine.
func (t *webhooksTrial) layout() layout {
	return layout{
		nodes: t.Nodes, simulator: []string{"--batch-time", "200ms"}, redis: []string{"--appendfsync", "always"},
		env: append([]string{
			"SWITCHBOARD_API_KEYS=ops:admin:" + lab.OperatorKey, "SWITCHBOARD_SUBSCRIBER_NETWORKS=127.0.0.0/8",
			"SWITCHBOARD_WEBHOOK_HANDLE_TIME=" + handleTime.String(), fmt.Sprint("SWITCHBOARD_WEBHOOK_WORKERS=", workers),
			"SWITCHBOARD_LOG_LEVEL=warn",
		}, intakeNode...),
	}
}

// Run is called by the command line.
func (t *webhooksTrial) Run(ctx context.Context) error { return t.report(ctx, t) }

func (t *webhooksTrial) events() int { return t.Deliveries * (100 - t.Again) / 100 }

func (t *webhooksTrial) try(ctx context.Context, f *fleet, o *outcome) error {
	sub, err := newSubscriber()
	if err != nil {
		return err
	}
	defer sub.stop()
	batch, err := t.prepare(ctx, f, sub)
	if err != nil {
		return err
	}
	begin := time.Now()
	sent, err := t.deliver(ctx, f, batch)
	if err != nil {
		return err
	}
	taken := time.Since(begin)
	if err := t.settle(ctx, f, sub); err != nil {
		return err
	}
	handled := time.Since(begin)
	in, err := inboxOf(ctx, f, t.events())
	if err != nil {
		return err
	}
	passed, passedAgain, forged := sub.tally()
	o.figure("deliveries, events, nodes", fmt.Sprintf("%s, %s, %d", figures.Count(t.Deliveries), figures.Count(t.events()), t.Nodes), "")
	o.figure("all accepted after, all handled after", seconds(taken)+", "+seconds(handled), "")
	o.figure("refused or cut off, and delivered again", figures.Count(sent.refused.Load()), "")
	o.bound("told that it was a duplicate", figures.Count(sent.duplicates.Load()), "at least "+figures.Count(t.Deliveries-t.events()), int(sent.duplicates.Load()) >= t.Deliveries-t.events())
	o.none("accepted events that were not kept", in.missing)
	o.none("accepted events that were not handled", in.unhandled)
	o.zero("accepted events that a subscriber did not get", t.events()-passed)
	o.none("deliveries to it with a wrong signature", forged)
	mayRun, mayPass := 2*t.Nodes*workers, 2*t.Nodes*passers
	o.bound("handled again, because something died between the work and the note of it", figures.Count(in.again), "at most "+figures.Count(mayRun), in.again <= mayRun)
	o.bound("passed on again, for the same reason", figures.Count(passedAgain), "at most "+figures.Count(mayPass), passedAgain <= mayPass)
	return nil
}

// prepare subscribes to the events and makes the batch that they are about: its handler fetches it from the stand-in.
func (t *webhooksTrial) prepare(ctx context.Context, f *fleet, sub *subscriber) (batch string, err error) {
	ask, err := json.Marshal(map[string]any{"url": sub.url, "event_types": []string{"batch.*"}})
	if err != nil {
		return "", err
	}
	made, err := f.entry.Rest(ctx, "POST", "webhooks/subscriptions", ask)
	if err != nil {
		return "", fmt.Errorf("subscribe: %w", err)
	}
	sub.id, sub.secret = gjson.GetBytes(made, "id").Str, gjson.GetBytes(made, "secret").Str
	answer, err := f.entry.Rest(ctx, "POST", "api/batches", []byte(`{"endpoint":"/v1/chat/completions","requests":[{"body":{"model":"gpt-6-luna","messages":[]}}]}`))
	if err != nil {
		return "", fmt.Errorf("submit batch: %w", err)
	}
	batch = gjson.GetBytes(answer, "id").Str
	for gjson.GetBytes(answer, "status").Str != "completed" {
		if err := endpoint.Sleep(ctx, lookEvery); err != nil {
			return "", err
		}
		if answer, err = f.entry.Rest(ctx, "GET", "api/batches/"+batch, nil); err != nil {
			return "", fmt.Errorf("look at batch: %w", err)
		}
	}
	// Every node knows of the subscription once it could have heard of it in any way.
	return batch, endpoint.Sleep(ctx, lookEvery)
}

// sendings is how the deliveries went.
type sendings struct{ refused, duplicates atomic.Int64 }

func eventID(i int) string { return fmt.Sprintf("wh_%05d", i) }

// deliver gets every delivery accepted. After a third of them a node is killed for good, after two thirds Redis for a while.
func (t *webhooksTrial) deliver(ctx context.Context, f *fleet, batch string) (*sendings, error) {
	post := newCourier(f.front.url(), couriers)
	defer post.hangUp()
	body := fmt.Appendf(nil, `{"object":"event","id":"evt_1","type":"batch.completed","created_at":1767233035,"data":{"id":%q}}`, batch)
	var sent sendings
	plan := make(chan int)
	g, ctx := errgroup.WithContext(ctx)
	for range couriers {
		g.Go(func() error {
			for i := range plan {
				r, refused, err := post.insist(ctx, eventID(i), body)
				if err != nil {
					return err
				}
				sent.refused.Add(int64(refused))
				if r.duplicate {
					sent.duplicates.Add(1)
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(plan)
		for n, i := range t.shuffled() {
			switch n {
			case t.Deliveries / 3:
				g.Go(func() error { return f.nodes[0].end((*program.Child).Kill) })
			case t.Deliveries * 2 / 3:
				g.Go(func() error { return f.redis.fall(ctx, redisDown) })
			}
			select {
			case plan <- i:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	return &sent, g.Wait()
}

// shuffled is the plan: every event once, and the rest of the deliveries at random.
func (t *webhooksTrial) shuffled() []int {
	plan := make([]int, t.Deliveries)
	for i := range plan {
		if plan[i] = i; i >= t.events() {
			plan[i] = rand.IntN(t.events())
		}
	}
	rand.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	return plan
}

// settle waits until nothing is left to be handled or passed on, or for as long as that may take.
func (t *webhooksTrial) settle(ctx context.Context, f *fleet, sub *subscriber) error {
	for begin := time.Now(); time.Since(begin) < settleTime; {
		answer, err := f.entry.Rest(ctx, "GET", "api/dashboard", nil)
		if err != nil {
			return fmt.Errorf("look at dashboard: %w", err)
		}
		if gjson.GetBytes(answer, "inbox.waiting").Int() == 0 {
			if waiting, err := f.passesOn(ctx, sub.id); err != nil || !waiting {
				return err
			}
		}
		if err := endpoint.Sleep(ctx, lookEvery); err != nil {
			return err
		}
	}
	return nil
}

// passesOn reports whether a delivery to a subscriber has still to be made, or made again.
func (f *fleet) passesOn(ctx context.Context, subscription string) (bool, error) {
	for after := ""; ; {
		answer, err := f.entry.Rest(ctx, "GET", "webhooks/subscriptions/"+subscription+"/deliveries?state=waiting&limit=1&after="+after, nil)
		if err != nil {
			return false, fmt.Errorf("look at deliveries: %w", err)
		}
		if gjson.GetBytes(answer, "events.#").Int() > 0 {
			return true, nil
		}
		if after = gjson.GetBytes(answer, "next").Str; after == "" {
			return false, nil
		}
	}
}

// inbox is what the nodes tell of the events that were delivered.
type inbox struct {
	missing, unhandled []string
	again              int // events that were handled more than once
}

// inboxOf looks at every event.
func inboxOf(ctx context.Context, f *fleet, events int) (in inbox, err error) {
	looks := make([]gjson.Result, events)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(couriers)
	for i := range looks {
		g.Go(func() error {
			answer, err := f.entry.Rest(ctx, "GET", "webhooks/events/"+eventID(i), nil)
			looks[i] = gjson.ParseBytes(answer)
			if r, ok := errors.AsType[*endpoint.Refused](err); ok && r.Status == http.StatusNotFound {
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return in, fmt.Errorf("look at inbox: %w", err)
	}
	for i, e := range looks {
		done := e.Get(`attempts.#(by=="batch.")#|#`).Int()
		switch {
		case e.Get("id").Str == "":
			in.missing = append(in.missing, eventID(i))
		case e.Get("state").Str != "done" || done == 0:
			in.unhandled = append(in.unhandled, eventID(i)+" is "+e.Get("state").Str+" "+e.Get("error").Str)
		case e.Get("attempts.#").Int() > 1:
			in.again++
		}
	}
	return in, nil
}
