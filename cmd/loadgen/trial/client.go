package trial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sync/errgroup"

	"switchboard/cmd/loadgen/endpoint"
)

// Patience of a client.
const (
	shortestWait = 50 * time.Millisecond
	longestWait  = 500 * time.Millisecond
	giveUp       = time.Minute // without the session
	takeTimeout  = time.Second // for a frame to be taken
)

// client is attached to one session and comes back by itself, as the voice page does.
type client struct {
	*stream
	session endpoint.Created
	entry   endpoint.Target
	mic     *microphone // nil: only listens
	acks    bool        // says once a second what it has received; set before run

	now atomic.Pointer[endpoint.Conn] // nil while there is none

	mu sync.Mutex
	// Guarded by mu.
	attached []time.Time
	lost     []loss
	refused  map[int]int // handshakes by status
}

// loss is a connection that ended.
type loss struct {
	at   time.Time
	why  error
	back time.Time // when the next one stood
}

func newClient(entry endpoint.Target, session endpoint.Created, mic *microphone) *client {
	return &client{stream: newStream(), session: session, entry: entry, mic: mic, refused: make(map[int]int)}
}

// run stays with the session until ctx ends. An error means that the session is over,
// or cannot be reached.
func (c *client) run(ctx context.Context) error {
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error { return c.stay(inner) })
	if c.mic != nil {
		g.Go(func() error { c.mic.run(inner, c.take); return nil })
	}
	err := g.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("session %s: %w", c.session.ID, err)
}

// stay attaches again and again.
func (c *client) stay(ctx context.Context) error {
	pause := endpoint.Backoff{Shortest: shortestWait, Longest: longestWait}
	good := time.Now()
	for {
		conn, err := c.attach(ctx)
		if err == nil {
			err = c.listen(ctx, conn)
			good = time.Now()
			pause.Reset()
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case !comesBack(err):
			return err
		case time.Since(good) > giveUp:
			return fmt.Errorf("gave up after %s: %w", giveUp, err)
		case pause.Wait(ctx) != nil:
			return nil
		}
	}
}

// comesBack reports whether the session may live on after a connection ended like this.
func comesBack(err error) bool {
	var gone *endpoint.Closed
	if errors.As(err, &gone) {
		return slices.Contains([]int{1001, 1005, 1006, 1011, 1012, 1013}, gone.Code)
	}
	var status ws.StatusError
	if errors.As(err, &status) {
		return status >= 500
	}
	return true
}

func (c *client) attach(ctx context.Context) (*endpoint.Conn, error) {
	relay := *c.session.Relay
	if last := c.cut(); last != "" {
		relay.RawQuery = url.Values{"last_event_id": {last}}.Encode()
	}
	limited, cancel := context.WithTimeout(ctx, giveUp/4)
	defer cancel()
	conn, err := c.entry.Dial(limited, &relay, c.session.Secret)
	var status ws.StatusError
	if errors.As(err, &status) {
		c.mu.Lock()
		c.refused[int(status)]++
		c.mu.Unlock()
	}
	return conn, err
}

// listen takes in events until the connection ends, and says why it did.
func (c *client) listen(ctx context.Context, conn *endpoint.Conn) error {
	defer conn.Close()
	defer context.AfterFunc(ctx, conn.HangUp)()
	defer c.now.Store(nil)
	acked := time.Now()
	for greeted := false; ; greeted = true {
		message, err := conn.Read()
		if err != nil {
			c.note(err, greeted)
			return err
		}
		now := time.Now()
		if !greeted {
			c.arrive(conn, now)
		}
		c.add(message, now)
		if c.acks && now.Sub(acked) > time.Second {
			acked = now
			c.take(ackFrame(c.lastSeen()))
		}
	}
}

// ackFrame tells the gateway what the client has received.
func ackFrame(last string) []byte {
	message := fmt.Appendf(nil, `{"type":"switchboard.ack","last_event_id":%q}`, last)
	return ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame(message)))
}

// arrive notes that a connection stands.
func (c *client) arrive(conn *endpoint.Conn, now time.Time) {
	c.mu.Lock()
	c.attached = append(c.attached, now)
	if n := len(c.lost); n > 0 {
		c.lost[n-1].back = now
	}
	c.mu.Unlock()
	c.now.Store(conn)
}

func (c *client) note(why error, stood bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if stood {
		c.lost = append(c.lost, loss{at: time.Now(), why: why})
	}
}

// take writes one frame, if there is a connection that takes it.
func (c *client) take(frame []byte) bool {
	conn := c.now.Load()
	if conn == nil {
		return false
	}
	_ = conn.SetWriteDeadline(time.Now().Add(takeTimeout)) // a closed one fails the Write
	if _, err := conn.Write(frame); err != nil {
		conn.Close()
		return false
	}
	return true
}

// sever breaks the connection off, with a reset or in the middle of things.
func (c *client) sever(reset bool) bool {
	conn := c.now.Load()
	if conn == nil {
		return false
	}
	if tcp, ok := conn.Conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0) // fails on a closed one, which is as good
	}
	return conn.Close() == nil
}

// here reports whether the client is attached now.
func (c *client) here() bool { return c.now.Load() != nil }

// losses is a copy of how connections ended.
func (c *client) losses() []loss {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.lost)
}
