package main

import (
	"context"
	"io"
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
)

// balancer passes every new connection on to a random node that says it is ready, as a
// load balancer in front of a fleet does. When none is ready it tries them all.
type balancer struct {
	listener net.Listener
	nodes    []string // addresses
	probe    *http.Client
	stopped  context.CancelFunc
	running  sync.WaitGroup

	mu sync.Mutex
	// Guarded by mu.
	ready map[string]bool
	open  map[net.Conn]bool
}

func newBalancer(nodes []string) (*balancer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &balancer{
		listener: l, nodes: nodes, stopped: cancel, ready: make(map[string]bool), open: make(map[net.Conn]bool),
		probe: &http.Client{Timeout: healthTimeout, Transport: &http.Transport{DisableKeepAlives: true}},
	}
	for _, node := range nodes {
		b.running.Go(func() { b.watch(ctx, node) })
	}
	b.running.Go(func() { b.accept(ctx) })
	return b, nil
}

func (b *balancer) url() string { return "http://" + b.listener.Addr().String() }

// stop cuts all connections and waits.
func (b *balancer) stop() {
	b.stopped()
	b.listener.Close() // its error would say that it is closed
	b.mu.Lock()
	for c := range b.open {
		c.Close()
	}
	b.mu.Unlock()
	b.running.Wait()
}

// watch asks a node again and again whether it is ready.
func (b *balancer) watch(ctx context.Context, node string) {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+node+"/readyz", nil)
		var answer *http.Response
		if err == nil {
			answer, err = b.probe.Do(r)
		}
		if err == nil {
			answer.Body.Close()
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

func (b *balancer) accept(ctx context.Context) {
	for {
		c, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.running.Go(func() { b.pass(ctx, c) })
	}
}

// pass joins a client with a node until one of them is gone.
func (b *balancer) pass(ctx context.Context, client net.Conn) {
	defer client.Close()
	node := b.dial(ctx)
	if node == nil {
		return
	}
	defer node.Close()
	if !b.keep(ctx, client, node) {
		return
	}
	defer b.drop(client, node)
	var both sync.WaitGroup
	for to, from := range map[net.Conn]net.Conn{client: node, node: client} {
		both.Go(func() {
			_, _ = io.Copy(to, from) // its end, however it came, is the end of both
			to.Close()
			from.Close()
		})
	}
	both.Wait()
}

func (b *balancer) dial(ctx context.Context) net.Conn {
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

func (b *balancer) keep(ctx context.Context, conns ...net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range conns {
		b.open[c] = true
	}
	return ctx.Err() == nil
}

func (b *balancer) drop(conns ...net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range conns {
		delete(b.open, c)
	}
}
