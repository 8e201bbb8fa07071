package fanout

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session/contain"
	"switchboard/webhooks/queue"
	"switchboard/webhooks/seal"
	"switchboard/webhooks/wake"
)

const (
	key         = "gw:{wh:subscriptions}:all" // hash: ID -> sealed subscription
	failingKey  = "gw:{wh:subscriptions}:failing"
	bell        = "subscriptions"
	sealedFor   = "subscription:" // and its ID: what is sealed for one opens for no other
	reloadEvery = 5 * time.Second
	sendTime    = 15 * time.Second
	perNode     = 4 // deliveries to one subscriber at once
)

// Options tune a Fanout.
type Options struct {
	Allowed      []netip.Prefix             // private networks that may be called
	DisableAfter time.Duration              // failing for this long; default 5 days
	Logger       *slog.Logger               // nil: nothing is logged
	Backoff      func(int) time.Duration    // default 5 s × 3ⁿ, 4 h at most: about 17 hours in all
	Node         string                     // kept with each attempt
	OnDisabled   func(Subscription, string) // told on the node that disabled it
}

// Fanout keeps subscriptions and delivers to them. Its methods may be called from any goroutine; Run once.
type Fanout struct {
	rdb    redis.UniversalClient
	box    seal.Box
	bell   *wake.Bell
	client *http.Client // of https
	plain  *http.Client // of http, to allowed networks only
	o      Options
	read   chan struct{} // closed once the subscriptions were read for the first time

	mu      sync.Mutex // guards what follows
	subs    map[string]*subscriber
	written int // subscriptions that this node wrote: what was read before the last is not what is kept
}

// subscriber is a subscription and its deliveries on this node.
type subscriber struct {
	stored
	queue *queue.Queue
	stop  context.CancelFunc // nil while no workers run
}

// New makes a Fanout; it knows subscriptions once Run is called.
func New(rdb redis.UniversalClient, box seal.Box, b *wake.Bell, o Options) *Fanout {
	if o.DisableAfter == 0 {
		o.DisableAfter = 5 * 24 * time.Hour
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Backoff == nil {
		o.Backoff = queue.Exponential(5*time.Second, 3, 4*time.Hour)
	}
	return &Fanout{rdb: rdb, box: box, bell: b, o: o,
		client: newClient(func(a netip.Addr) bool { return permitted(a, o.Allowed) }, sendTime),
		plain:  newClient(func(a netip.Addr) bool { return within(o.Allowed, a.Unmap().WithZone("")) }, sendTime),
		read:   make(chan struct{}), subs: map[string]*subscriber{}}
}

// Publish keeps an event for every subscription that wants it. An event of a known ID is kept once. On a node that has
// just started it waits until the subscriptions were read: nobody knows before who wants it.
func (f *Fanout) Publish(ctx context.Context, event queue.Item) error {
	select {
	case <-f.read:
	case <-ctx.Done():
		return fmt.Errorf("publish event: subscriptions are not read yet: %w", ctx.Err())
	}
	for _, s := range f.wanting(event.Topic) {
		if _, err := s.Add(ctx, event); err != nil {
			return fmt.Errorf("publish event: %w", err)
		}
	}
	return nil
}

// Wanted reports whether any subscription is for events of that type, or may be: before they were read, all are wanted.
func (f *Fanout) Wanted(eventType string) bool {
	select {
	case <-f.read:
		return len(f.wanting(eventType)) > 0
	default:
		return true
	}
}

func (f *Fanout) wanting(eventType string) []*queue.Queue {
	f.mu.Lock()
	defer f.mu.Unlock()
	var queues []*queue.Queue
	for _, s := range f.subs {
		if s.wants(eventType) {
			queues = append(queues, s.queue)
		}
	}
	return queues
}

// Run delivers until ctx ends, then waits for the deliveries that are on their way.
func (f *Fanout) Run(ctx context.Context) {
	var workers sync.WaitGroup
	defer f.client.CloseIdleConnections()
	defer f.plain.CloseIdleConnections()
	defer workers.Wait()
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	known := sync.OnceFunc(func() { close(f.read) })
	for {
		rung := f.bell.Next(bell)
		if err := f.reload(ctx, &workers); err == nil {
			known()
		} else if ctx.Err() == nil {
			f.o.Logger.Warn("subscriptions not refreshed", "err", err)
		}
		select {
		case <-rung:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// reload makes this node's workers those of the subscriptions that are kept and enabled.
func (f *Fanout) reload(ctx context.Context, workers *sync.WaitGroup) error {
	all, err := f.lockedWithAll(ctx)
	if err != nil {
		return err
	}
	defer f.mu.Unlock()
	for id, s := range f.subs {
		if _, kept := all[id]; !kept {
			s.halt()
			delete(f.subs, id)
		}
	}
	for id, kept := range all {
		s := f.adoptLocked(kept)
		if !s.Enabled {
			s.halt()
		} else if s.stop == nil {
			running, stop := context.WithCancel(ctx)
			s.stop = stop
			workers.Go(func() {
				contain.Keep(running, f.o.Logger, "deliveries", func() { s.queue.Run(running, perNode, f.deliver(id)) })
			})
		}
	}
	return nil
}

// lockedWithAll reads all subscriptions and takes the lock, at a moment when this node wrote none
// since: one that was made meanwhile would be forgotten, and lose what is published until the next
// time. Without an error the caller unlocks.
func (f *Fanout) lockedWithAll(ctx context.Context) (map[string]stored, error) {
	for {
		f.mu.Lock()
		before := f.written
		f.mu.Unlock()
		all, err := f.all(ctx)
		if err != nil {
			return nil, err
		}
		f.mu.Lock()
		if f.written == before {
			return all, nil
		}
		f.mu.Unlock()
	}
}

// adoptLocked makes a subscription known on this node, so that Publish keeps events for it.
func (f *Fanout) adoptLocked(kept stored) *subscriber {
	s, ok := f.subs[kept.ID]
	if !ok {
		s = &subscriber{queue: f.open(kept.ID)}
		f.subs[kept.ID] = s
	}
	s.stored = kept
	return s
}

func (s *subscriber) halt() {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

func (f *Fanout) open(id string) *queue.Queue {
	return queue.New(f.rdb, "out:"+id, queue.Options{
		Timeout: sendTime, Backoff: f.o.Backoff, Idle: 2 * time.Second, Node: f.o.Node, Logger: f.o.Logger,
	})
}

// Deliveries is the log of a subscription: a queue to read from and replay in.
func (f *Fanout) Deliveries(id string) *queue.Queue {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s, ok := f.subs[id]; ok {
		return s.queue
	}
	return f.open(id)
}

func (f *Fanout) all(ctx context.Context) (map[string]stored, error) {
	sealed, err := f.rdb.HGetAll(ctx, key).Result()
	if err != nil {
		return nil, fmt.Errorf("read subscriptions: %w", err)
	}
	all := make(map[string]stored, len(sealed))
	for id, text := range sealed {
		s, err := f.unseal(id, text)
		if err != nil {
			f.o.Logger.Error("a subscription cannot be read; is the seal key the same on all nodes?", "id", id, "err", err)
			continue
		}
		all[id] = s
	}
	return all, nil
}

func (f *Fanout) unseal(id, text string) (s stored, err error) {
	plain, err := f.box.Open(sealedFor+id, text)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(plain, &s)
}

// Trim forgets old deliveries of all subscriptions.
func (f *Fanout) Trim(ctx context.Context) {
	f.mu.Lock()
	ids := slices.Collect(maps.Keys(f.subs))
	f.mu.Unlock()
	for _, id := range ids {
		if err := f.Deliveries(id).Trim(ctx); err != nil && ctx.Err() == nil {
			f.o.Logger.Warn("deliveries not trimmed", "subscription", id, "err", err)
		}
	}
}
