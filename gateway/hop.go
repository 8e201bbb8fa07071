package gateway

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"switchboard/session"
)

// hopWait is how long an owner and its client may take to close a socket when they are asked to.
const hopWait = 2 * time.Second

// letGo makes what is forwarded without an end, end when this node stops: an event stream
// at once, as its own do, and a socket with 1012 once the node's own sessions have moved.
func (g *Gateway) letGo(r *http.Response) {
	socket, upgraded := r.Body.(io.ReadWriteCloser)
	switch {
	case r.StatusCode == http.StatusSwitchingProtocols && upgraded:
		g.clients.Add(1) // its end is waited for as that of a client of this node's own
		h := &hop{ReadWriteCloser: socket, gone: g.clients.Done}
		h.forget = context.AfterFunc(g.hops, h.leave)
		r.Body = h
	case strings.HasPrefix(r.Header.Get("Content-Type"), "text/event-stream"):
		body := r.Body
		r.Body = &ending{ReadCloser: body, over: g.streams, forget: context.AfterFunc(g.streams, func() { body.Close() })}
	}
}

// ending is an event stream that ends as if it were over when its context does.
type ending struct {
	io.ReadCloser
	over   context.Context
	forget func() bool
}

// Read returns io.EOF where the stream was cut off by its context.
func (e *ending) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	if err != nil && e.over.Err() != nil {
		err = io.EOF
	}
	return n, err
}

// Close ends the stream; it may be called more than once.
func (e *ending) Close() error {
	e.forget()
	return e.ReadCloser.Close()
}

// hop is the way to the owner of a forwarded WebSocket. It passes bytes on as they come
// and knows no more of them than where the client's frames end, so that this node can put
// a close frame behind one: the owner answers it with the same code, behind one of its own.
type hop struct {
	io.ReadWriteCloser
	gone   func()      // told once that it is closed
	forget func() bool // keeps leave from being called
	once   sync.Once

	mu sync.Mutex
	// Guarded by mu.
	frames  framing
	leaving bool
	closed  bool // the close frame is sent: what the client sends now is for nobody
}

// Write passes on what the client sent.
func (h *hop) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(p)
	if h.leaving {
		n = h.frames.untilEnd(p)
	}
	if h.closed {
		return len(p), nil
	}
	h.frames.pass(p[:n])
	if _, err := h.ReadWriteCloser.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), h.closeLocked()
}

// CloseWrite passes on that the client sends no more.
func (h *hop) CloseWrite() error {
	if half, ok := h.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close is called when both ends are gone, or were given up.
func (h *hop) Close() error {
	err := h.ReadWriteCloser.Close()
	h.once.Do(func() {
		h.forget()
		h.gone()
	})
	return err
}

// leave asks the owner to send the client away, and does it roughly if that takes too long.
func (h *hop) leave() {
	time.AfterFunc(hopWait, func() { h.Close() }) // first: a write may be under way that hangs
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leaving = true
	_ = h.closeLocked() // an owner that is gone is seen by who reads
}

// closeLocked sends the close frame if this is the place for it.
func (h *hop) closeLocked() error {
	if !h.leaving || h.closed || !h.frames.between() {
		return nil
	}
	h.closed = true
	frame := []byte{0x88, 0x82, 0, 0, 0, 0, 0, 0} // a close frame of two bytes, masked with zeros
	binary.BigEndian.PutUint16(frame[6:], session.CloseMoved)
	_, err := h.ReadWriteCloser.Write(frame)
	return err
}

// framing follows where frames end in a stream of them (RFC 6455 §5.2).
type framing struct {
	head []byte // what has come of the next frame's header
	left uint64 // bytes of payload until the frame's end
}

// between reports whether the last byte was the last of a frame.
func (f *framing) between() bool { return f.left == 0 && len(f.head) == 0 }

// pass goes on by p.
func (f *framing) pass(p []byte) {
	for len(p) > 0 {
		p = p[f.step(p):]
	}
}

// untilEnd returns how much of p is left of the frame that has begun.
func (f framing) untilEnd(p []byte) (n int) {
	f.head = append([]byte(nil), f.head...)
	for n < len(p) && !f.between() {
		n += f.step(p[n:])
	}
	return n
}

// step goes on by one byte of a header, or by what there is of a payload.
func (f *framing) step(p []byte) int {
	if f.left > 0 {
		n := min(uint64(len(p)), f.left)
		f.left -= n
		return int(n)
	}
	if f.head = append(f.head, p[0]); len(f.head) < 2 {
		return 1
	}
	size, length := 2, uint64(f.head[1]&0x7f)
	switch length {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if f.head[1]&0x80 != 0 {
		size += 4
	}
	if len(f.head) < size {
		return 1
	}
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(f.head[2:]))
	case 127:
		length = binary.BigEndian.Uint64(f.head[2:])
	}
	f.head, f.left = f.head[:0], length
	return 1
}
