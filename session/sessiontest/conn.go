package sessiontest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"

	"switchboard/session"
)

// Conn is one end of a [Pipe]. It keeps to the letter of [session.Conn] and makes those
// who do not suffer: frames are overwritten once a Read has to wait, a frame handed over with
// more set is looked at only when it is passed on, the room in front of a payload is
// scribbled over, and a Write before Flush returned panics.
type Conn struct {
	pipe *pipe
	peer *Conn
	take func() (leave func()) // the reader's

	// All below is guarded by pipe.mu.

	inbox   []message // taken from the peer, not read yet
	ended   error     // what Read returns once inbox is empty; nil while both are open
	closed  bool      // by this end
	stalled bool      // this end takes nothing from the peer

	last [][]byte  // the frames that Read returned since it last waited
	kept [][]byte  // written with more set, by reference
	left []message // written, but not taken by the peer
}

var _ session.Conn = (*Conn)(nil)

// message is one text message or, in its place, an error for the reader.
type message struct {
	text []byte
	err  error
}

// pipe is what both ends share.
type pipe struct {
	mu      sync.Mutex
	changed *sync.Cond // broadcast after any change of either end
}

// Pipe returns two connected ends: what one writes the other reads. It takes whatever is
// written, without limit, unless an end is told to [Conn.Stall].
func Pipe() (a, b *Conn) {
	p := &pipe{}
	p.changed = sync.NewCond(&p.mu)
	a, b = &Conn{pipe: p}, &Conn{pipe: p}
	a.peer, b.peer = b, a
	return a, b
}

// Read waits for the next message; a frame stays as it is until a Read that finds nothing waiting.
func (c *Conn) Read() (session.Frame, error) {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	if len(c.inbox) == 0 {
		for _, last := range c.last {
			for i := range last {
				last[i] = '#' // whoever kept the frame sees it
			}
		}
		c.last = nil
	}
	for !c.closed && len(c.inbox) == 0 && c.ended == nil {
		c.pipe.changed.Wait()
	}
	switch {
	case c.closed:
		return session.Frame{}, net.ErrClosed
	case len(c.inbox) == 0:
		return session.Frame{}, c.ended
	}
	next := c.inbox[0]
	c.inbox = c.inbox[1:]
	if next.err != nil {
		return session.Frame{}, next.err
	}
	f := session.NewFrame(next.text)
	c.last = append(c.last, f.Raw)
	return f, nil
}

// TakeTurns implements [session.Conn].
func (c *Conn) TakeTurns(take func() (leave func())) { c.take = take }

// Each implements [session.Conn].
func (c *Conn) Each(do func(session.Frame, error) error) error {
	for {
		f, err := c.Read()
		switch {
		case err == nil, errors.Is(err, session.ErrNotText), errors.Is(err, session.ErrTooBig), errors.Is(err, session.ErrNotUTF8):
			if err := c.inTurn(do, f, err); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

func (c *Conn) inTurn(do func(session.Frame, error) error, f session.Frame, err error) error {
	if c.take != nil {
		defer c.take()()
	}
	return do(f, err)
}

// Buffered implements [session.Conn].
func (c *Conn) Buffered() bool {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	return len(c.inbox) > 0 && c.inbox[0].err == nil
}

// Write implements [session.Conn].
func (c *Conn) Write(f session.Frame, when session.Timing) (taken bool, err error) {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	if err := c.writableLocked(); err != nil {
		return false, err
	}
	if len(c.left) > 0 {
		panic("sessiontest: Write before Flush returned")
	}
	if f.Raw == nil {
		c.passOnLocked()
		return len(c.left) == 0, nil
	}
	for i := range f.Raw[:f.Head] {
		f.Raw[i] = '#' // the room in front belongs to the writer
	}
	c.kept = append(c.kept, f.Payload())
	if when == session.AtOnce {
		c.passOnLocked()
	}
	return len(c.left) == 0, nil
}

// Flush implements [session.Conn].
func (c *Conn) Flush() error {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	if err := c.writableLocked(); err != nil {
		return err
	}
	c.passOnLocked()
	for len(c.left) > 0 && c.writableLocked() == nil {
		c.pipe.changed.Wait()
	}
	return c.writableLocked()
}

func (c *Conn) writableLocked() error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.ended != nil:
		return io.ErrClosedPipe
	}
	return nil
}

// passOnLocked copies what was kept to the peer or, if that takes nothing, to the rest.
func (c *Conn) passOnLocked() {
	for _, text := range c.kept {
		c.left = append(c.left, message{text: bytes.Clone(text)})
	}
	c.kept = nil
	c.deliverLocked()
}

func (c *Conn) deliverLocked() {
	if c.peer.stalled {
		return
	}
	c.peer.inbox = append(c.peer.inbox, c.left...)
	c.left = nil
	c.pipe.changed.Broadcast()
}

// Unacked implements [session.Conn]: what the peer has not read, it has not received.
func (c *Conn) Unacked() (n int) {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	for _, text := range c.kept {
		n += len(text)
	}
	for _, m := range c.left {
		n += len(m.text)
	}
	for _, m := range c.peer.inbox {
		n += len(m.text)
	}
	return n
}

// Close implements [session.Conn]: the peer's Read returns a [session.CloseError] after
// what was taken before.
func (c *Conn) Close(code int, reason string) error {
	c.end(&session.CloseError{Code: code, Reason: reason})
	return nil
}

// Drop lets this end vanish without a close frame, as a browser does that lost its network.
func (c *Conn) Drop() { c.end(&session.CloseError{Code: 1006}) }

func (c *Conn) end(how error) {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	if c.peer.ended == nil {
		c.peer.ended = how
	}
	c.pipe.changed.Broadcast()
}

// Stall makes this end stop taking: the peer's Write reports false and its Flush waits,
// until Release. What was taken before can still be read.
func (c *Conn) Stall() {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	c.stalled = true
}

// Release ends what Stall began; what the peer wrote meanwhile arrives.
func (c *Conn) Release() {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	c.stalled = false
	c.peer.deliverLocked()
}

// SendError makes the peer's Read return err in the place of a message, as it would for
// session.ErrNotText. What is sent after it arrives as usual.
func (c *Conn) SendError(err error) {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	c.left = append(c.left, message{err: err})
	c.deliverLocked()
}

// Send writes one message and waits until it is taken. Like Write it needs a caller that
// keeps calls apart.
func (c *Conn) Send(text string) error {
	if _, err := c.Write(session.NewFrame([]byte(text)), session.AtOnce); err != nil {
		return err
	}
	return c.Flush()
}

// Receive reads one message into a string of its own.
func (c *Conn) Receive() (string, error) {
	f, err := c.Read()
	if err != nil {
		return "", err
	}
	return string(f.Payload()), nil
}

// Closed tells how the other end closed, or nil while it is open. It does not wait.
func (c *Conn) Closed() *session.CloseError {
	c.pipe.mu.Lock()
	defer c.pipe.mu.Unlock()
	how, _ := c.ended.(*session.CloseError)
	return how
}
