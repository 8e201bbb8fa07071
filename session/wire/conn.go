package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"switchboard/session"
)

// Options are how a connection behaves once it is open. The zero value works.
type Options struct {
	// ReadLimit bounds a message in bytes; 16 MiB if 0. A longer one is skipped as it
	// arrives, up to SkipLimit; one that is longer than that ends the connection with 1009.
	ReadLimit int64
	SkipLimit int64 // four times ReadLimit if 0

	// PingEvery is how long nothing may have been read before a ping is sent; 20 s if 0,
	// never if negative. A reader that is kept from reading counts as silence too.
	PingEvery time.Duration

	// PongWait is how much longer than PingEvery nothing may be read before the peer is
	// taken for dead; 20 s if 0.
	PongWait time.Duration

	// CloseWait is how long after our close frame the connection is dropped, if the peer
	// has not closed it by then; 1 s if 0.
	CloseWait time.Duration

	// TrustUTF8 leaves out the check that messages are UTF-8. It is for an upstream whose
	// messages are only passed on: the browser checks them anyway.
	TrustUTF8 bool

	// Share is the part of a quota that large messages of this connection count against; nil: none.
	Share *Share

	// Subprotocols are those this end speaks, the one it likes best first.
	Subprotocols []string
}

func (o Options) withDefaults() Options {
	if o.ReadLimit <= 0 {
		o.ReadLimit = 16 << 20
	}
	if o.SkipLimit <= 0 {
		o.SkipLimit = skipFactor * o.ReadLimit
	}
	if o.PingEvery == 0 {
		o.PingEvery = 20 * time.Second
	}
	if o.PongWait <= 0 {
		o.PongWait = 20 * time.Second
	}
	if o.CloseWait <= 0 {
		o.CloseWait = time.Second
	}
	return o
}

// ErrSilent is how Each ends when the peer did not even answer a ping.
var ErrSilent = errors.New("wire: nothing heard from the peer")

// Conn is one WebSocket; see [session.Conn] for who may call what at once.
type Conn struct {
	sock        *socket
	rw          io.ReadWriter // sock, or TLS over it
	role        ws.State      // which end this is
	subprotocol string
	readLimit   int64
	skipLimit   int64
	pingEvery   time.Duration
	pongWait    time.Duration
	closeWait   time.Duration
	trustUTF8   bool
	share       *Share

	// Owned by the reading goroutine.
	in input

	heard atomic.Int64 // when something was last read, by now()
	due   atomic.Int64 // until when a large message should be here, by now(); 0: none is on its way
	ended atomic.Bool  // cause is set; saves the reader the lock

	// mu lets the pongs and close frames of the reader and the timer in between the
	// frames of the writer. It is never held while waiting for the socket.
	mu    sync.Mutex
	held  []byte      // whole frames kept back by reference, next to each other in memory
	pong  []byte      // the latest control frame that waits for the socket
	aside bool        // flushAside is at work
	cause error       // why the connection is over, nil while it is not
	timer *time.Timer // keepalive, then the drop after a close frame
	drop  drop
	waits func() // ends the reader's wait for a quota, while it waits
}

// wrap makes a connection of nc, with early being what was read from it already.
func wrap(nc net.Conn, early []byte, role ws.State, o Options) *Conn {
	o = o.withDefaults()
	sock, rw := layers(nc)
	sock.goAsync()
	c := &Conn{
		sock: sock, rw: rw, role: role,
		readLimit: o.ReadLimit, skipLimit: o.SkipLimit, pingEvery: o.PingEvery, pongWait: o.PongWait,
		closeWait: o.CloseWait, trustUTF8: o.TrustUTF8, share: o.Share,
	}
	c.in.onRead, c.in.onPump = c.readOnce, c.pump
	if len(early) > 0 {
		c.in.block = borrow(len(early))
		c.in.w = copy(c.in.block.b, early)
	}
	c.heard.Store(now())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pingEvery > 0 {
		c.timer = time.AfterFunc(c.pingEvery, c.tick)
	}
	return c
}

// layers finds the socket under nc. TLS over anything but a socket of ours waits in its
// writes, so it is taken for a connection without a descriptor.
func layers(nc net.Conn) (*socket, io.ReadWriter) {
	switch nc := nc.(type) {
	case *socket:
		return nc, nc
	case *tls.Conn:
		if s, ok := nc.NetConn().(*socket); ok && s.raw != nil {
			return s, nc
		}
	}
	s := newSocket(nc)
	return s, s
}

// Subprotocol is what both ends agreed to speak; empty if nothing.
func (c *Conn) Subprotocol() string { return c.subprotocol }

// Close sends a close frame and drops the connection; Each, Read, Write and Flush then
// fail with [net.ErrClosed]. With a code that may not be sent, such as 1006, the
// connection is dropped without a close frame; 1005 sends one without a code.
func (c *Conn) Close(code int, reason string) error {
	c.end(net.ErrClosed, code, reason)
	return nil
}

// end closes the connection for cause. Only the first call has an effect.
func (c *Conn) end(cause error, code int, reason string) {
	c.mu.Lock()
	if c.cause != nil {
		c.mu.Unlock()
		return
	}
	if validCode(code) || code == int(ws.StatusNoStatusRcvd) {
		c.farewell(closeBody(code, reason))
	} else {
		c.drop.atOnce = true
	}
	c.cause = cause
	c.ended.Store(true)
	if c.waits != nil {
		c.waits()
	}
	c.beginDrop()
	c.mu.Unlock()
}

// fail ends the connection because the peer broke the protocol, and says so to both. It
// is the reader's.
func (c *Conn) fail(code ws.StatusCode, reason string) error {
	c.end(&session.CloseError{Code: int(code), Reason: reason}, int(code), reason)
	return c.over()
}

// processStart is what now counts from: time.Since reads the monotonic clock only.
var processStart = time.Now()

func now() int64 { return int64(time.Since(processStart)) }
