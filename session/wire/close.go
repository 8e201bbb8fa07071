package wire

import (
	"crypto/tls"
	"encoding/binary"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"switchboard/session"
	"switchboard/session/contain"
)

// firstLook is when a connection that sent its close frame first looks whether the peer
// has closed too; it looks again after twice as long each time, until closeWait is over.
const firstLook = 5 * time.Millisecond

// discardAtOnce bounds in blocks what one such look reads.
const discardAtOnce = 64

// longAgo as a deadline ends a wait at once.
var longAgo = time.Unix(1, 0)

// drop is where a connection that is over stands; Conn.mu guards it.
//
// Closing a socket that holds unread bytes resets it, and the peer may then never see
// the close frame. So what comes is thrown away until the peer has closed or closeWait is
// over. The timer looks, nobody waits.
type drop struct {
	atOnce bool
	finSet bool // the sending half is shut
	waited time.Duration
	step   time.Duration
}

// controlled acts on a control frame. Its error ends the connection.
func (c *Conn) controlled(op ws.OpCode, payload []byte) error {
	switch op {
	case ws.OpPing:
		c.control(ws.OpPong, payload)
	case ws.OpClose:
		return c.peerCloses(payload)
	}
	return nil
}

// peerCloses answers a close frame with the same code (RFC 6455 §5.5.1).
func (c *Conn) peerCloses(payload []byte) error {
	err := &session.CloseError{Code: int(ws.StatusNoStatusRcvd)}
	switch {
	case len(payload) == 1:
		return c.fail(ws.StatusProtocolError, "close code is cut short")
	case len(payload) >= 2:
		err.Code, err.Reason = int(binary.BigEndian.Uint16(payload)), string(payload[2:])
		if !validCode(err.Code) {
			return c.fail(ws.StatusProtocolError, "close code is not valid")
		}
		if !utf8.ValidString(err.Reason) {
			return c.fail(ws.StatusInvalidFramePayloadData, "close reason is not UTF-8")
		}
	}
	// The server is the one to close the socket first (RFC 6455 §7.1.1).
	c.mu.Lock()
	c.drop.atOnce = c.drop.atOnce || c.role.ServerSide()
	c.mu.Unlock()
	c.end(err, err.Code, "")
	return c.over()
}

// beginDrop wakes whoever waits and sets the timer to the end.
func (c *Conn) beginDrop() {
	d := &c.drop
	switch {
	case c.sock.raw != nil:
		c.sock.wake()
		c.shutWrite()
		d.step = firstLook
	case c.sock.flushMu.TryLock():
		c.sock.flushMu.Unlock()
		_ = c.sock.SetReadDeadline(longAgo)
		_ = c.sock.SetWriteDeadline(time.Now().Add(c.closeWait))
		c.flushAside()
		d.step = c.closeWait
	default: // a write is under way, and a close frame cannot overtake it
		c.sock.wake()
		d.atOnce = true
	}
	if d.atOnce {
		d.step = 0
	}
	if c.timer == nil {
		c.timer = time.AfterFunc(d.step, c.tick)
	} else {
		c.timer.Reset(d.step)
	}
}

// tick is the timer: keepalive while the connection lives, then its drop.
func (c *Conn) tick() {
	if c.ended.Load() {
		c.contain(c.linger)
	} else {
		c.contain(c.keepAlive)
	}
}

// contain runs what is in a goroutine of the connection's own: a panic ends the connection.
func (c *Conn) contain(f func()) {
	if contain.Do(nil, "connection", f) != nil {
		_ = c.sock.Close()
	}
}

// keepAlive pings a peer that was silent for pingEvery and ends the connection if that
// does not help.
func (c *Conn) keepAlive() {
	c.endOverdue()
	c.mu.Lock()
	if c.waits != nil { // it is we who do not read
		c.heard.Store(now())
	}
	c.mu.Unlock()
	silent := time.Duration(now() - c.heard.Load())
	next := c.pingEvery - silent
	if next <= 0 {
		next += c.pongWait
		if next <= 0 {
			c.end(ErrSilent, int(ws.StatusAbnormalClosure), "")
			return
		}
		c.control(ws.OpPing, nil)
		if _, err := c.sock.status(); err != nil {
			c.broken(err) // a reset that came together with data shows here first
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.timer.Reset(next)
	}
}

// linger closes the socket once the peer did, or when it has had closeWait to.
func (c *Conn) linger() {
	c.mu.Lock()
	d := &c.drop
	d.waited += d.step
	done := d.waited >= c.closeWait
	if c.sock.raw != nil {
		done = c.sock.discard() || d.atOnce || done
		c.shutWrite()
	} else {
		done = d.atOnce && c.sock.idle() || done
	}
	if !done {
		d.step = max(firstLook, 2*d.step)
		c.timer.Reset(d.step)
	}
	c.mu.Unlock()
	if done {
		_ = c.sock.Close() // waits for a reader that is still in Each; hence not under mu
	}
}

// shutWrite ends the sending half once everything was taken.
func (c *Conn) shutWrite() {
	if c.drop.finSet {
		return
	}
	if encrypted, ok := c.rw.(*tls.Conn); ok {
		_ = encrypted.CloseWrite()
	}
	c.drop.finSet = c.sock.shutWrite()
}
