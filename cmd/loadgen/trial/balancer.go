package trial

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// Times of the balancer.
const (
	healthEvery   = 100 * time.Millisecond
	healthTimeout = 500 * time.Millisecond
	nodeTimeout   = 250 * time.Millisecond // for a connection to a node
	silentAfter   = 3 * time.Second        // a node that answers no probe for so long loses its connections
)

// balancer passes every new connection on to a random node that says it is ready, as a
// load balancer in front of a fleet does. When none is ready it tries them all. A node that
// answers nothing any more loses its connections, so that their clients learn of it.
type balancer struct {
	entry    *passage
	nodes    []string // addresses
	probe    *http.Client
	watching sync.WaitGroup

	mu    sync.Mutex
	ready map[string]bool // guarded by mu
}

func newBalancer(nodes []string) (*balancer, error) {
	b := &balancer{
		nodes: nodes, ready: make(map[string]bool),
		probe: &http.Client{Timeout: healthTimeout, Transport: &http.Transport{DisableKeepAlives: true}},
	}
	var err error
	if b.entry, err = newPassage(b.reach); err != nil {
		return nil, err
	}
	for _, node := range nodes {
		b.watching.Go(func() { b.watch(b.entry.ctx, node) })
	}
	return b, nil
}

func (b *balancer) url() string { return "http://" + b.entry.address() }

// stop cuts all connections and waits.
func (b *balancer) stop() {
	b.entry.stop()
	b.watching.Wait()
}

// watch asks a node again and again whether it is ready.
func (b *balancer) watch(ctx context.Context, node string) {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	answered := time.Now()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+node+"/readyz", nil)
		var answer *http.Response
		if err == nil {
			answer, err = b.probe.Do(r)
		}
		if err == nil {
			answer.Body.Close()
			answered = time.Now()
		} else if time.Since(answered) > silentAfter {
			b.entry.hangUp(node)
		}
		b.mu.Lock()
		b.ready[node] = err == nil && answer.StatusCode == http.StatusOK
		b.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// reach opens a connection to a node.
func (b *balancer) reach(ctx context.Context) net.Conn {
	for _, node := range b.choice() {
		c, err := (&net.Dialer{Timeout: nodeTimeout}).DialContext(ctx, "tcp", node)
		if err == nil {
			return c
		}
	}
	return nil
}

// choice is the nodes in random order, those that are ready first.
func (b *balancer) choice() (nodes []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var others []string
	for _, i := range rand.Perm(len(b.nodes)) {
		if b.ready[b.nodes[i]] {
			nodes = append(nodes, b.nodes[i])
		} else {
			others = append(others, b.nodes[i])
		}
	}
	return append(nodes, others...)
}
