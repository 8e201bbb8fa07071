package wire

import (
	"errors"
	"io"
	"syscall"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"switchboard/session"
)

// skipFactor times the read limit is the longest message that is skipped, unless the options
// say otherwise; one that is longer ends the connection.
const skipFactor = 4

// errShort means that the next message is not all here yet.
var errShort = errors.New("wire: more to read")

// errTooLong means that a message is longer than what is skipped.
var errTooLong = errors.New("message is too long")

// input is what was read and not yet delivered; the reading goroutine owns it.
type input struct {
	block      *block // lent while there is something in it
	r, w       int    // block.b[r:w] is unread
	brought    int    // bytes of the last read
	need       int    // length of the frame at r, once known
	claim      int64  // and what its message may hold in all
	skip       int64  // bytes to come that belong to a message nobody wants
	fragmented bool   // a message has begun and not ended
	dropping   bool   // and is not wanted
	total      int64  // its length so far
	joined     []byte // its payload so far, with head room in front
	err        error  // why there is no more
	grant      grant  // of the message that arrives or was delivered last, if it is large

	ahead      bool // the next message was cut out already, by Buffered
	aheadFrame session.Frame
	aheadErr   error

	take func() (leave func()) // a turn, before anything is read; nil: it needs none

	onRead func() bool // readOnce and pump, as funcs made once
	onPump func() bool
	do     func(session.Frame, error) error // Each's
	doErr  error
}

func (in *input) unread() []byte {
	if in.block == nil {
		return nil
	}
	return in.block.b[in.r:in.w]
}

// Each implements [session.Conn]. It stays inside one wait of the poller, so that this
// need not be asked anew after each event. Whoever waits for the descriptor to be gone
// waits for do as well; Close does not.
func (c *Conn) Each(do func(session.Frame, error) error) error {
	defer c.settle() // however do ends
	if c.sock.raw == nil {
		return c.eachRead(do)
	}
	in := &c.in
	in.do, in.doErr = do, nil
	err := c.sock.waitReadable(in.onPump)
	in.do = nil
	if in.doErr != nil {
		return in.doErr
	}
	if err != nil {
		c.broken(err)
		_ = c.over()
	}
	in.r = in.w // nobody holds a frame any more
	in.giveBack()
	return in.err
}

func (c *Conn) eachRead(do func(session.Frame, error) error) error {
	for {
		f, err := c.Read()
		if c.in.err != nil && err == c.in.err {
			return err
		}
		if err := c.inTurn(do, f, err); err != nil {
			return err
		}
	}
}

// Read waits for the next message. It is Each for who wants one message at a time, at the
// price of a second read per event: the poller forgets between calls what came meanwhile.
// The frame is valid until the next Read or, if Buffered says true then, until the Read
// after that.
func (c *Conn) Read() (session.Frame, error) {
	for {
		f, err := c.next()
		if err != errShort {
			return f, err
		}
		if c.sock.raw == nil {
			err = c.receive()
		} else {
			err = c.sock.waitReadable(c.in.onRead)
		}
		if err != nil {
			c.broken(err)
		}
	}
}

// Buffered implements [session.Conn]; it is for the reading goroutine. It cuts the next
// message out ahead if that is one whole frame, so that true means a frame and never an
// error, and leaves everything else, closes above all, until the reader comes to it.
func (c *Conn) Buffered() bool {
	in := &c.in
	if in.ahead {
		return in.aheadErr == nil
	}
	if c.ended.Load() || in.skip > 0 || in.fragmented {
		return false
	}
	h, size := parseHeader(in.unread())
	whole := size > 0 && h.Fin && h.OpCode == ws.OpText && h.Length <= min(c.readLimit, int64(in.w-in.r-size))
	if !whole || ws.CheckHeader(h, c.role) != nil {
		return false
	}
	in.aheadFrame, in.aheadErr = c.frame(h, size)
	in.ahead = true
	return in.aheadErr == nil
}

// readOnce tells whether a read brought anything.
func (c *Conn) readOnce() bool {
	err := c.receive()
	if err != nil && err != errWait {
		c.broken(err)
	}
	return err != errWait
}

// pump reads and delivers until there is nothing to read (false) or it is over (true).
func (c *Conn) pump() bool {
	in := &c.in
	defer in.turn()()
	for {
		f, err := c.next()
		switch {
		case err == errShort:
			if err := c.receive(); err == errWait {
				return false
			} else if err != nil {
				c.broken(err)
			}
		case in.err != nil && err == in.err:
			return true
		default:
			if in.doErr = in.do(f, err); in.doErr != nil {
				return true
			}
		}
	}
}

// receive reads once into the free part of the block. Where there is no descriptor to
// wait for, it holds the block while it waits.
func (c *Conn) receive() error {
	if c.share != nil && c.in.need > largeMessage && c.in.grant.bytes == 0 {
		if err := c.reserve(c.in.claim); err != nil {
			return err
		}
	}
	n, err := c.rw.Read(c.in.room())
	if n > 0 {
		c.in.w += n
		c.in.brought = n
		c.heard.Store(now())
		return nil
	}
	c.in.giveBack()
	return err
}

// room makes room behind what is unread: by moving that to the front if the frame it
// begins would not fit otherwise, by a larger block if it is full or the last read brought much.
// It goes by what has come, not by the length that the peer claims.
func (in *input) room() []byte {
	size := min(2*in.brought, readBlock)
	if in.block == nil {
		in.block, in.r, in.w = borrow(size), 0, 0
	}
	b := in.block.b
	switch {
	case len(b) < size:
		in.moveTo(borrow(size))
	case in.r > 0 && (in.r == in.w || in.w == len(b) || in.r+in.need > len(b)):
		in.w = copy(b, b[in.r:in.w])
		in.r = 0
	}
	if size = len(in.block.b); in.w == size {
		in.moveTo(borrow(min(2*size, max(in.need, size+1))))
	}
	return in.block.b[in.w:]
}

// moveTo puts what is unread into another block, in which it leaves room.
func (in *input) moveTo(k *block) {
	in.w = copy(k.b, in.unread())
	in.r = 0
	in.block.release()
	in.block = k
}

// giveBack returns the block to the pool if nothing is in it.
func (in *input) giveBack() {
	if in.block != nil && in.r == in.w {
		in.block.release()
		in.block = nil
	}
}

// broken ends the connection because the socket failed.
func (c *Conn) broken(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrClosedPipe) {
		err = &session.CloseError{Code: int(ws.StatusAbnormalClosure)}
	}
	c.end(err, int(ws.StatusAbnormalClosure), "")
}

// over makes the reader's error of why the connection ended.
func (c *Conn) over() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in.err = c.cause
	c.in.ahead = false
	c.settle()
	return c.in.err
}

// next cuts the next message out of what was read, and answers the control frames before it.
func (c *Conn) next() (session.Frame, error) {
	in := &c.in
	for {
		if c.ended.Load() {
			return session.Frame{}, c.over()
		}
		if in.grant.spent {
			c.settle()
		}
		if in.ahead {
			in.ahead = false
			return in.aheadFrame, in.aheadErr
		}
		if n := min(in.skip, int64(in.w-in.r)); n > 0 {
			in.r += int(n)
			in.skip -= n
		}
		if in.skip > 0 {
			return session.Frame{}, errShort
		}
		in.need = 0
		h, size := parseHeader(in.unread())
		if size == 0 {
			return session.Frame{}, errShort
		}
		f, err := c.frame(h, size)
		if err != nil || f.Raw != nil {
			return f, err
		}
	}
}

// frame takes the frame at the start of what is unread. No frame and no error means that
// it was not, or not yet, a message.
func (c *Conn) frame(h ws.Header, size int) (session.Frame, error) {
	in := &c.in
	if h.Length < 0 {
		return session.Frame{}, c.fail(ws.StatusProtocolError, "frame length is negative")
	}
	state := c.role
	if in.fragmented {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return session.Frame{}, c.fail(ws.StatusProtocolError, err.Error())
	}
	if !h.OpCode.IsControl() {
		if unwanted := c.unwanted(h); unwanted != nil || in.dropping {
			in.drop(h, size)
			c.settle()
			if unwanted == errTooLong {
				_ = c.fail(ws.StatusMessageTooBig, errTooLong.Error())
				unwanted = session.ErrTooBig
			}
			return session.Frame{}, unwanted
		}
	}
	if h.Length > int64(in.w-in.r-size) {
		in.need = size + int(h.Length)
		if in.claim = int64(in.need); !h.Fin || in.fragmented { // nobody knows yet how large the message becomes
			in.claim = c.readLimit
		}
		return session.Frame{}, errShort
	}
	raw := in.block.b[in.r : in.r+size+int(h.Length)]
	in.r += len(raw)
	if h.Masked {
		ws.Cipher(raw[size:], h.Mask, 0)
	}
	switch {
	case h.OpCode.IsControl():
		return session.Frame{}, c.controlled(h.OpCode, raw[size:])
	case h.Fin && h.OpCode == ws.OpText:
		return c.message(session.Frame{Raw: raw, Head: size})
	default:
		return c.join(h, raw[size:])
	}
}

// unwanted tells why the message that h begins or goes on with is not delivered; once
// per message, but for errTooLong.
func (c *Conn) unwanted(h ws.Header) error {
	total, longest := h.Length, c.skipLimit
	if h.OpCode == ws.OpContinuation {
		total = min(total, longest+1) + c.in.total
	}
	switch {
	case total > longest:
		return errTooLong
	case h.OpCode == ws.OpBinary:
		return session.ErrNotText
	case total > c.readLimit && !c.in.dropping:
		return session.ErrTooBig
	default:
		return nil
	}
}

// drop leaves out a frame, and the rest of its message.
func (in *input) drop(h ws.Header, size int) {
	in.r += size
	in.skip = h.Length
	if h.OpCode != ws.OpContinuation {
		in.total = 0
	}
	in.total += h.Length
	in.fragmented, in.dropping = !h.Fin, !h.Fin
	in.joined = nil
}

// join adds a fragment to its message, and delivers that with the last one.
func (c *Conn) join(h ws.Header, payload []byte) (session.Frame, error) {
	in := &c.in
	if h.OpCode == ws.OpText {
		in.total = 0
		in.joined = make([]byte, session.HeadRoom, session.HeadRoom+len(payload))
	}
	in.total += h.Length
	if c.share != nil && in.total > largeMessage && in.grant.bytes == 0 {
		if c.reserve(c.readLimit) != nil {
			return session.Frame{}, c.over()
		}
	}
	in.joined = append(in.joined, payload...)
	in.fragmented = !h.Fin
	if !h.Fin {
		return session.Frame{}, nil
	}
	whole := session.Frame{Raw: in.joined, Head: session.HeadRoom}
	in.joined = nil
	return c.message(whole)
}

func (c *Conn) message(f session.Frame) (session.Frame, error) {
	if c.in.grant.spent = c.in.grant.bytes > 0; c.in.grant.spent {
		c.due.Store(0)
	}
	if !c.trustUTF8 && !utf8.Valid(f.Payload()) {
		return session.Frame{}, session.ErrNotUTF8
	}
	return f, nil
}
