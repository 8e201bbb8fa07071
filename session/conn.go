package session

import (
	"context"
	"errors"
	"strconv"
)

// Frame is one WebSocket text message with room in front of it, so that a relay can
// put the next leg's frame header there instead of copying the payload.
//
// Raw[:Head] belongs to whoever writes the frame next; Raw[Head:] is the payload.
type Frame struct {
	Raw  []byte
	Head int
}

// HeadRoom is the room a frame header may need: 2 bytes, 8 of length, 4 of mask (RFC 6455 §5.2).
const HeadRoom = 14

// Payload is the message itself, without the room in front.
func (f Frame) Payload() []byte { return f.Raw[f.Head:] }

// NewFrame copies payload into a frame of its own.
func NewFrame(payload []byte) Frame {
	raw := make([]byte, HeadRoom+len(payload))
	copy(raw[HeadRoom:], payload)
	return Frame{Raw: raw, Head: HeadRoom}
}

// Timing says when a frame has to be on its way.
type Timing uint8

// When frames are written.
const (
	AtOnce   Timing = iota // now, behind all that was kept back
	WithNext               // together with the next one, which is already here
)

// Conn is one WebSocket that carries realtime events: the upstream's or a client's.
// Package wire implements it; tests may use sessiontest.
//
// One goroutine is in Each. Write and Flush need a caller that keeps them apart (the
// outbox does). Unacked may be called by anybody. So may Close, more than once; it unblocks the rest.
type Conn interface {
	// Each calls do with every text message, its payload unmasked and whole, until the
	// connection or do ends it, and returns why; it may be called again after do did.
	// Pings are answered and fragments joined inside. A message that cannot be delivered
	// goes to do as an error and the connection goes on: ErrNotText, ErrTooBig,
	// ErrNotUTF8. Each itself returns *CloseError when the peer closed or broke the
	// protocol, else the socket's error. The frame is do's until it returns or, if
	// Buffered says true then, until do returns from the next.
	Each(do func(f Frame, err error) error) error

	// TakeTurns has Each call take whenever something has come, before it is read. take may wait: the
	// connection holds no memory for what has come meanwhile. Each calls what take returns once there
	// is nothing more to read. Nobody is in Each while TakeTurns is called.
	TakeTurns(take func() (leave func()))

	// Buffered reports, within do, whether the next message is already here in full. A
	// relay uses it to gather what it writes.
	Buffered() bool

	// Write hands over one frame and never waits. A frame that is written with the next
	// one may be kept back, by reference, until one is written at once: the caller promises
	// that f.Raw stays as it is until then. The zero Frame only writes out what was kept
	// back. The connection may write a header into f.Raw[:f.Head] and, towards an
	// upstream, masks the payload in place. It reports false when the socket did not take
	// everything: the connection keeps a copy of what is left, and the caller must not
	// Write again before Flush has returned.
	Write(f Frame, when Timing) (taken bool, err error)

	// Flush waits until everything that was written has been taken by the socket.
	Flush() error

	// Unacked is how many of the bytes that were written the peer's machine has not acknowledged,
	// at most; 0 where the system does not say.
	Unacked() int

	// Close sends a close frame (RFC 6455 §7.4) and drops the connection. It does not
	// wait for the peer.
	Close(code int, reason string) error
}

var (
	// ErrNotText goes to do of Conn.Each for a binary message; the connection goes on.
	ErrNotText = errors.New("session: binary message")
	// ErrTooBig goes to do of Conn.Each for a message over the read limit. The message
	// was skipped if that was possible and the connection goes on; else it ends.
	ErrTooBig = errors.New("session: message over the read limit")
	// ErrNotUTF8 goes to do of Conn.Each for a text message that is not UTF-8; the caller
	// is expected to close with 1007 (RFC 6455 §8.1).
	ErrNotUTF8 = errors.New("session: message is not UTF-8")
)

// CloseError tells how a connection ended: the close frame the peer sent, or the
// one that we had to send because the peer broke the protocol.
type CloseError struct {
	Code   int    // RFC 6455 §7.4.1 or an application's own; 1006 when the peer left without a close frame
	Reason string // at most 123 bytes
}

// Error gives the code, and the reason if there is one. It is for logs: the peer wrote the reason.
func (e *CloseError) Error() string {
	if e.Reason == "" {
		return "session: connection closed with code " + strconv.Itoa(e.Code)
	}
	return "session: connection closed with code " + strconv.Itoa(e.Code) + ": " + e.Reason
}

// Dialer opens a connection to the upstream. A refused handshake comes back as
// *UpstreamError with its HTTP status. That Dial succeeded does not mean the session is
// ready: the first event says (a bad key is 101, then error, then close 3000).
type Dialer interface {
	Dial(ctx context.Context, r DialRequest) (Conn, error)
}

// DialRequest selects what to open.
type DialRequest struct {
	Model    string // query parameter model
	Intent   string // query parameter intent
	CallID   string // query parameter call_id: a sideband
	SafetyID string // header OpenAI-Safety-Identifier: a stable hash of the end user
}
