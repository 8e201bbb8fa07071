package wire

import (
	"context"
	"io"
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"switchboard/session"
)

// largeMessage is from how many bytes on a message counts against a quota: far more than audio
// that is sent as it is spoken.
const largeMessage = 256 << 10

// A large message should be whole within arriveGrace and what arrivePace bytes a second take: after
// that its connection ends if others wait for its room.
const (
	arriveGrace = 10 * time.Second
	arrivePace  = 128 << 10
)

// Quota bounds what large messages and request bodies cost a node, by API key: the bytes that they
// hold at once while they arrive and are relayed, and their bytes per second. A message that does
// not fit is not read until it does (back-pressure): nothing is refused, and ordinary messages never wait. Safe for
// concurrent use; the zero value bounds nothing.
type Quota struct {
	KeyBytes  int64 // of one key at once
	NodeBytes int64 // of all keys at once
	KeyRate   int   // bytes a second of one key

	mu     sync.Mutex
	node   *semaphore.Weighted
	shares map[string]*Share
	swept  time.Time // when shares were last looked through

	held    atomic.Int64 // bytes
	waiting atomic.Int64 // messages that wait for room
	crowded atomic.Int64 // and of those, for room of the node
}

// Share is the part of a quota that one key has.
type Share struct {
	quota *Quota
	users int // guarded by the quota's lock
	bytes *semaphore.Weighted
	rate  *rate.Limiter

	waiting atomic.Int64 // messages that wait for room
}

// Load returns how many bytes large messages hold, and how many of them wait for room.
func (q *Quota) Load() (held, waiting int64) { return q.held.Load(), q.waiting.Load() }

// Share returns the share of a key, and what gives it back when its connection is over.
func (q *Quota) Share(key string) (s *Share, leave func()) {
	if q.KeyBytes <= 0 {
		return nil, func() {}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shares == nil {
		q.node, q.shares = semaphore.NewWeighted(max(q.NodeBytes, q.KeyBytes)), map[string]*Share{}
	}
	q.sweep()
	s = q.shares[key]
	if s == nil {
		s = &Share{quota: q, bytes: semaphore.NewWeighted(q.KeyBytes), rate: rate.NewLimiter(rate.Inf, 0)}
		if q.KeyRate > 0 {
			s.rate = rate.NewLimiter(rate.Limit(q.KeyRate), int(q.KeyBytes))
		}
		q.shares[key] = s
	}
	s.users++
	return s, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		s.users--
	}
}

// sweep forgets, once a second, shares that nobody uses and whose rate has recovered.
func (q *Quota) sweep() {
	if time.Since(q.swept) < time.Second {
		return
	}
	q.swept = time.Now()
	maps.DeleteFunc(q.shares, func(_ string, s *Share) bool {
		return s.users == 0 && s.rate.Tokens() >= float64(s.rate.Burst())
	})
}

// acquire waits until n bytes are free and paid of them may be sent; first of its key, so that a key
// that waits for itself takes nothing from others. It returns how many it took.
func (s *Share) acquire(ctx context.Context, n, paid int64) (int64, error) {
	n = min(n, s.quota.KeyBytes)
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	s.quota.waiting.Add(1)
	defer s.quota.waiting.Add(-1)
	if err := s.bytes.Acquire(ctx, n); err != nil {
		return 0, err
	}
	if err := s.rate.WaitN(ctx, int(min(paid, n))); err != nil {
		s.bytes.Release(n)
		return 0, err
	}
	s.quota.crowded.Add(1)
	defer s.quota.crowded.Add(-1)
	if err := s.quota.node.Acquire(ctx, n); err != nil {
		s.bytes.Release(n)
		return 0, err
	}
	s.quota.held.Add(n)
	return n, nil
}

// Hold waits until n bytes of the share are free, and returns what gives them back. Of a nil share
// there is nothing to wait for. The error is that of ctx.
func (s *Share) Hold(ctx context.Context, n int64) (giveBack func(), err error) {
	if s == nil {
		return func() {}, nil
	}
	taken, err := s.acquire(ctx, n, 0)
	if err != nil {
		return nil, err
	}
	return func() { s.release(taken) }, nil
}

// Pace makes the body of a request count against the share's rate: what is over the size of an
// ordinary message is read as fast as the key may send. The end of ctx ends a wait. Of a nil share
// it is the body itself.
func (s *Share) Pace(ctx context.Context, body io.ReadCloser) io.ReadCloser {
	if s == nil {
		return body
	}
	return &paced{ReadCloser: body, ctx: ctx, share: s}
}

// paced reads a body at the pace of its key.
type paced struct {
	io.ReadCloser
	ctx   context.Context
	share *Share
	read  int64
}

// Read reads a part that is no larger than an ordinary message, and waits until the next may come.
func (p *paced) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b[:min(len(b), largeMessage)])
	if p.read += int64(n); p.read > largeMessage && n > 0 {
		if why := p.share.rate.WaitN(p.ctx, n); why != nil {
			return n, why
		}
	}
	return n, err
}

// wanted reports whether somebody waits for what the key has.
func (s *Share) wanted() bool { return s.waiting.Load() > 0 || s.quota.crowded.Load() > 0 }

func (s *Share) release(n int64) {
	s.quota.held.Add(-n)
	s.quota.node.Release(n)
	s.bytes.Release(n)
}

// grant is what a large message has of its key's share; the reading goroutine owns it.
type grant struct {
	bytes int64
	spent bool // the message was delivered
}

// reserve waits for room for a message of n bytes. The connection's end ends the wait.
func (c *Conn) reserve(n int64) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c.mu.Lock()
	if c.cause != nil {
		c.mu.Unlock()
		return net.ErrClosed
	}
	c.waits = cancel
	c.mu.Unlock()
	taken, err := c.share.acquire(ctx, n, n)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits = nil
	if err != nil {
		return net.ErrClosed
	}
	c.heard.Store(now())
	c.in.grant = grant{bytes: taken}
	c.due.Store(now() + int64(arriveGrace+time.Duration(n)*time.Second/arrivePace))
	return nil
}

// endOverdue ends the connection if its large message takes too long and somebody waits for its room.
func (c *Conn) endOverdue() {
	if due := c.due.Load(); due != 0 && now() > due && c.share.wanted() {
		const reason = "a large message took too long to arrive"
		c.end(&session.CloseError{Code: int(ws.StatusPolicyViolation), Reason: reason}, int(ws.StatusPolicyViolation), reason)
	}
}

// settle gives back what a message had that was delivered or dropped, and the memory it was in. A
// block of that size is in no pool: who still holds a part of it keeps it alive.
func (c *Conn) settle() {
	in := &c.in
	if in.grant.bytes == 0 {
		return
	}
	c.due.Store(0)
	c.share.release(in.grant.bytes)
	in.grant = grant{}
	if in.block != nil && blockClass(len(in.block.b)) >= blockClasses && in.w-in.r <= readBlock {
		rest := borrow(in.w - in.r)
		in.r, in.w, in.block = 0, copy(rest.b, in.unread()), rest
	}
}
