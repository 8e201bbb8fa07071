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
	"switchboard/session/contain"
)

// hopWait is how long an owner and its client may take to close a socket when they are asked to.
const hopWait = 2 * time.Second

// letGo makes what is forwarded without an end, end when this node stops: an event stream
// at once, as its own do, and a socket with 1012 once the node's own sessions have moved.
// Both end, too, when the session goes on elsewhere and the owner is not able to say so.
func (g *Gateway) letGo(r *http.Response, id session.ID, owner string) {
	socket, upgraded := r.Body.(io.ReadWriteCloser)
	switch {
	case r.StatusCode == http.StatusSwitchingProtocols && upgraded:
		g.clients.Add(1) // its end is waited for as that of a client of this node's own
		h := newHop(socket, g.clients.Done)
		h.forget = context.AfterFunc(g.hops, func() { _ = contain.Do(g.options.Logger, "hop", h.leave, "session", id) })
		h.vigil = g.keepVigil(id, owner, func() { socket.Close() })
		r.Body = h
	case strings.HasPrefix(r.Header.Get("Content-Type"), "text/event-stream"):
		body := r.Body
		hangUp := func() { body.Close() }
		r.Body = &ending{ReadCloser: body, forget: context.AfterFunc(g.streams, hangUp), vigil: g.keepVigil(id, owner, hangUp)}
	}
}

// ending is an event stream that ends as if it were over, whatever ends it: who reads it
// comes back with the last ID, and an event that was cut is none.
type ending struct {
	io.ReadCloser
	forget func() bool
	vigil  *vigil
}

// Read returns io.EOF whatever has ended the stream.
func (e *ending) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	e.vigil.heard()
	if err != nil {
		err = io.EOF
	}
	return n, err
}

// Close ends the stream; it may be called more than once.
func (e *ending) Close() error {
	e.forget()
	e.vigil.end()
	return e.ReadCloser.Close()
}

// ownerLost is what a client is told whose session's node was lost, at most 123 bytes.
const ownerLost = "the session's node was lost: connect again"

// hop is the way to the owner of a forwarded WebSocket. It passes bytes on as they come
// and knows no more of them than where frames end, so that this node can put a close frame
// behind one: to the owner, which answers it with the same code, when this node stops, and to
// the client when the owner is lost.
type hop struct {
	io.ReadWriteCloser
	gone   func()      // told once that it is closed
	forget func() bool // keeps leave from being called
	vigil  *vigil      // over the owner
	once   sync.Once
	left   chan struct{} // closed when the client sends no more
	leaves sync.Once     // closes left

	// Of the goroutine that reads.
	answer framing
	last   []byte // what is left of the frame that tells the client that the owner is lost
	lost   bool

	mu sync.Mutex
	// Guarded by mu.
	frames  framing
	leaving bool
	closed  bool // the close frame is sent, or the owner is lost: what the client sends now is for nobody
}

func newHop(owner io.ReadWriteCloser, gone func()) *hop {
	return &hop{ReadWriteCloser: owner, gone: gone, forget: func() bool { return true }, left: make(chan struct{})}
}

// hopBuffer is what a hop has in memory each way, also while nothing is sent: an event with 100 ms
// of speech. io.Copy, which the proxy calls, would have 32 KiB.
const hopBuffer = 8 << 10

// WriteTo passes on what the owner sends until it ends.
func (h *hop) WriteTo(client io.Writer) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{client}, struct{ io.Reader }{h}, make([]byte, hopBuffer))
}

// ReadFrom passes on what the client sends until it ends.
func (h *hop) ReadFrom(client io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{client}, make([]byte, hopBuffer))
}

// Read is read in a goroutine of the proxy's, which contains no panic.
func (h *hop) Read(p []byte) (n int, err error) {
	if crash := contain.Do(nil, "hop", func() { n, err = h.read(p) }); crash != nil {
		return 0, crash
	}
	return n, err
}

// read passes on what the owner sends. One that is lost without a word is answered for:
// its client is to come back. It is given time to see that, as its own close frame would.
func (h *hop) read(p []byte) (int, error) {
	for !h.lost {
		n, err := h.ReadWriteCloser.Read(p)
		h.vigil.heard()
		h.answer.pass(p[:n])
		if n > 0 || err == nil {
			return n, nil
		}
		h.lost = true
		if h.answer.closed || !h.answer.between() {
			return 0, err
		}
		h.last = append(binary.BigEndian.AppendUint16([]byte{0x88, byte(2 + len(ownerLost))}, session.CloseMoved), ownerLost...)
	}
	if len(h.last) > 0 {
		n := copy(p, h.last)
		h.last = h.last[n:]
		return n, nil
	}
	select {
	case <-h.left:
	case <-time.After(hopWait):
	}
	return 0, io.ErrUnexpectedEOF
}

// Write is write in a goroutine of the proxy's.
func (h *hop) Write(p []byte) (n int, err error) {
	if crash := contain.Do(nil, "hop", func() { n, err = h.write(p) }); crash != nil {
		return 0, crash
	}
	return n, err
}

// write passes on what the client sent.
func (h *hop) write(p []byte) (int, error) {
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
		h.closed = true
		h.ReadWriteCloser.Close() // who reads answers for the owner
		return len(p), nil
	}
	h.closeLocked()
	return len(p), nil
}

// CloseWrite passes on that the client sends no more.
func (h *hop) CloseWrite() error {
	h.leaves.Do(func() { close(h.left) })
	if half, ok := h.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close is called when both ends are gone, or were given up.
func (h *hop) Close() error {
	err := h.ReadWriteCloser.Close()
	h.leaves.Do(func() { close(h.left) })
	h.once.Do(func() {
		h.forget()
		h.vigil.end()
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
	h.closeLocked()
}

// closeLocked sends the close frame if this is the place for it.
func (h *hop) closeLocked() {
	if !h.leaving || h.closed || !h.frames.between() {
		return
	}
	h.closed = true
	frame := []byte{0x88, 0x82, 0, 0, 0, 0, 0, 0} // a close frame of two bytes, masked with zeros
	binary.BigEndian.PutUint16(frame[6:], session.CloseMoved)
	_, _ = h.ReadWriteCloser.Write(frame) // an owner that is gone is seen by who reads
}

// framing follows where frames end in a stream of them (RFC 6455 §5.2).
type framing struct {
	head   []byte // what has come of the next frame's header
	left   uint64 // bytes of payload until the frame's end
	closed bool   // one of them was a close frame
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
	f.closed = f.closed || f.head[0]&0xf == 8
	f.head, f.left = f.head[:0], length
	return 1
}
