package trial

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"switchboard/cmd/loadgen/endpoint"
)

// openingAtOnce is how many sessions are being opened, or asked about, at a time.
const openingAtOnce = 8

// crowd is clients at work. Who made it ends it.
type crowd struct {
	clients []*client
	life    context.Context
	over    context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	failed []error // why sessions ended; guarded by mu
}

// wish is what sessions are asked for.
type wish struct {
	name         string // of each, before its number; their instructions end with it in brackets
	instructions string
	labels       map[string]string
	config       map[string]any
}

func newCrowd(ctx context.Context) *crowd {
	c := &crowd{}
	c.life, c.over = context.WithCancel(ctx)
	return c
}

// join attaches a client.
func (c *crowd) join(cl *client) {
	c.clients = append(c.clients, cl)
	c.running.Go(func() {
		if err := cl.run(c.life); err != nil {
			c.mu.Lock()
			c.failed = append(c.failed, err)
			c.mu.Unlock()
		}
	})
}

// end detaches all and waits.
func (c *crowd) end() {
	c.over()
	c.running.Wait()
}

func (c *crowd) failures() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed[:len(c.failed):len(c.failed)]
}

// gather opens sessions through random nodes, each with a client that talks.
func (f *fleet) gather(ctx context.Context, n int, w wish, t talk) (*crowd, error) {
	sessions, err := f.openAll(ctx, n, w)
	if err != nil {
		return nil, err
	}
	c := newCrowd(ctx)
	for _, s := range sessions {
		c.join(newClient(f.entry, s, &microphone{talk: t}))
	}
	return c, nil
}

// openAll opens n sessions.
func (f *fleet) openAll(ctx context.Context, n int, w wish) ([]endpoint.Created, error) {
	sessions := make([]endpoint.Created, n)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(openingAtOnce)
	for i := range n {
		g.Go(func() (err error) {
			sessions[i], err = f.open(ctx, i, w)
			return err
		})
	}
	return sessions, g.Wait()
}

func (f *fleet) open(ctx context.Context, number int, w wish) (endpoint.Created, error) {
	id := fmt.Sprintf("%s-%05d", w.name, number)
	config := map[string]any{"model": "gpt-realtime-2.1", "instructions": w.instructions + " " + marker(id)}
	maps.Copy(config, w.config)
	return f.entry.CreateFrom(ctx, map[string]any{"session_id": id, "config": config, "labels": w.labels})
}

// marker is what tells the stand-in's sessions apart.
func marker(id string) string { return "[" + id + "]" }

// each calls do for every client, some at a time.
func (c *crowd) each(do func(*client) error) error {
	var g errgroup.Group
	g.SetLimit(openingAtOnce)
	for _, cl := range c.clients {
		g.Go(func() error { return do(cl) })
	}
	return g.Wait()
}

// hushTime bounds how long clients may take to have heard everything.
const hushTime = 30 * time.Second

// hush has nobody speak any more and waits until everything is answered. It reports how
// many were still being answered when time was up.
func (c *crowd) hush(ctx context.Context) (restless int, err error) {
	for _, cl := range c.clients {
		if cl.mic != nil {
			cl.mic.hushed.Store(true)
		}
	}
	quiet := func(cl *client) bool { return cl.here() && cl.quiet(hushPause) }
	if err := endpoint.Sleep(ctx, hushPause); err != nil {
		return 0, err
	}
	return c.await(ctx, hushTime, quiet)
}

// hushPause is longer than any silence on the way to an answer: the rest of a burst,
// the upstream's wait for the end of speech, and generation.
const hushPause = 2 * time.Second

// await waits until every client is as it should be, and reports how many are not when
// limit has passed.
func (c *crowd) await(ctx context.Context, limit time.Duration, is func(*client) bool) (left int, err error) {
	until := time.Now().Add(limit)
	waiting := c.clients
	for {
		var still []*client
		for _, cl := range waiting {
			if !is(cl) {
				still = append(still, cl)
			}
		}
		if waiting = still; len(waiting) == 0 || time.Now().After(until) {
			return len(waiting), nil
		}
		if err := endpoint.Sleep(ctx, 20*time.Millisecond); err != nil {
			return len(waiting), err
		}
	}
}
