package wire

import (
	"github.com/gobwas/ws"

	"switchboard/session"
)

// Write implements [session.Conn]. The frame's header goes into f.Raw in front of the
// payload, and this end being a client the payload is masked where it is, so f is of no
// further use. On the server's side the payload stays as it is, and the header is the
// one that an upstream's frame was read with: such a frame may go to several clients.
func (c *Conn) Write(f session.Frame, when session.Timing) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return false, c.cause
	}
	if f.Raw != nil {
		c.keepBack(f, c.encode(f))
	}
	if when == session.AtOnce {
		c.pushHeld()
	}
	taken, err := c.sock.status()
	if !taken {
		c.pushHeld()
	}
	return taken && err == nil, err
}

// keepBack puts b, made of f, behind what is kept back if it lies there already, else in
// its place. Without b there was no room for a header.
func (c *Conn) keepBack(f session.Frame, b []byte) {
	if adjoin(c.held, b) {
		c.held = c.held[:len(c.held)+len(b)]
		return
	}
	c.pushHeld()
	c.held = b
	if b == nil {
		c.pushCopy(f)
	}
}

// Flush implements [session.Conn].
func (c *Conn) Flush() error {
	c.mu.Lock()
	c.pushHeld()
	c.mu.Unlock()
	c.flush()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return c.cause
	}
	_, err := c.sock.status()
	return err
}

// Unacked implements [session.Conn]. Under TLS it counts the bytes on the wire, which are more.
func (c *Conn) Unacked() int {
	c.mu.Lock()
	held := len(c.held)
	c.mu.Unlock()
	return held + c.sock.unacked()
}

// flush waits until the socket took everything, and lets a waiting pong follow.
func (c *Conn) flush() {
	for {
		if empty, err := c.sock.status(); !empty && err == nil {
			c.sock.flush()
		}
		c.mu.Lock()
		pong := c.pong
		c.pong = nil
		if pong != nil && c.cause == nil {
			c.push(pong)
		}
		c.mu.Unlock()
		if pong == nil {
			return
		}
	}
}

// encode makes a frame of f in place; nil if there is no room for the header.
func (c *Conn) encode(f session.Frame) []byte {
	payload := f.Raw[f.Head:]
	if c.role.ServerSide() {
		size := putHeader(f.Raw[:f.Head], ws.OpText, len(payload), nil)
		if size == 0 {
			return nil
		}
		return f.Raw[f.Head-size:]
	}
	mask := newMask()
	size := putHeader(f.Raw[:f.Head], ws.OpText, len(payload), &mask)
	if size == 0 {
		return nil
	}
	ws.Cipher(payload, mask, 0)
	return f.Raw[f.Head-size:]
}

// adjoin tells whether b begins where held ends, as frames do that came in one read.
func adjoin(held, b []byte) bool {
	return len(b) > 0 && len(held) > 0 && len(held) < cap(held) && &held[:len(held)+1][len(held)] == &b[0]
}

func (c *Conn) pushHeld() {
	if b := c.held; len(b) > 0 {
		c.held = nil
		c.push(b)
	}
}

// pushCopy pushes a frame that has no room for its header.
func (c *Conn) pushCopy(f session.Frame) {
	payload := f.Payload()
	k := borrow(session.HeadRoom + len(payload))
	defer k.release()
	raw := k.b[:session.HeadRoom+copy(k.b[session.HeadRoom:], payload)]
	c.push(c.encode(session.Frame{Raw: raw, Head: session.HeadRoom}))
}

// push hands b to the socket, which never waits.
func (c *Conn) push(b []byte) {
	_, _ = c.rw.Write(b) // the socket remembers its error
}

// control sends a ping or a pong without waiting. While the socket does not take what is
// before it, it waits aside, and a newer one takes its place.
func (c *Conn) control(op ws.OpCode, payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return
	}
	frame := c.controlFrame(op, payload)
	if empty, _ := c.sock.status(); !empty {
		c.pong = frame
		return // whoever left something there flushes
	}
	c.push(frame)
	if empty, _ := c.sock.status(); !empty {
		c.flushAside()
	}
}

// flushAside flushes in a goroutine of its own what no caller of Flush knows of. It ends
// with the flush; the end of the connection ends that.
func (c *Conn) flushAside() {
	if c.aside {
		return
	}
	c.aside = true
	go c.contain(func() {
		c.flush()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.aside = false
	})
}

// farewell puts a close frame behind everything else.
func (c *Conn) farewell(body []byte) {
	c.pushHeld()
	c.push(c.controlFrame(ws.OpClose, body))
}

func (c *Conn) controlFrame(op ws.OpCode, payload []byte) []byte {
	var mask *[4]byte
	if c.role.ClientSide() {
		key := newMask()
		mask = &key
	}
	frame := append(make([]byte, session.HeadRoom, session.HeadRoom+len(payload)), payload...)
	size := putHeader(frame[:session.HeadRoom], op, len(payload), mask)
	if mask != nil {
		ws.Cipher(frame[session.HeadRoom:], *mask, 0)
	}
	return frame[session.HeadRoom-size:]
}
