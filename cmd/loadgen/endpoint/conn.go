package endpoint

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/gobwas/ws"
	"github.com/tidwall/gjson"
)

const (
	readBuffer = 32 << 10 // several deltas of 100 ms in one read
	MaxMessage = 16 << 20 // bytes of a message that is read; a longer one ends the connection
)

// Conn is the client's end of a WebSocket, made to cost as little as it can, so that
// what is measured is the other side.
//
// One goroutine reads. Anybody writes: every frame goes out in a single Write, and
// net.Conn and tls.Conn keep Writes whole.
type Conn struct {
	net.Conn
	in     *bufio.Reader
	header [ws.MaxHeaderSize]byte
	held   int    // of in, the message that read returned last
	long   []byte // a message in fragments or larger than in
}

// newConn takes over a connection after its handshake; early is what came with the
// answer, nil as a rule.
func newConn(nc net.Conn, early *bufio.Reader) (*Conn, error) {
	var source io.Reader = nc
	if early != nil {
		first, err := early.Peek(early.Buffered())
		if err != nil {
			return nil, err
		}
		source = io.MultiReader(bytes.NewReader(bytes.Clone(first)), nc)
	}
	return &Conn{Conn: nc, in: bufio.NewReaderSize(source, readBuffer)}, nil
}

// Read waits for the next text message. The message is valid until the next call.
// Pings are answered inside; the peer's close comes back as a *closed.
func (c *Conn) Read() ([]byte, error) {
	c.long = c.long[:0]
	for {
		if _, err := c.in.Discard(c.held); err != nil {
			return nil, err
		}
		c.held = 0
		h, err := ws.ReadHeaderBuffer(c.in, c.header[:])
		if err != nil {
			return nil, err
		}
		if h.Length > MaxMessage-int64(len(c.long)) {
			return nil, fmt.Errorf("message of over %d bytes", MaxMessage)
		}
		if h.OpCode.IsControl() {
			if err := c.control(h); err != nil {
				return nil, err
			}
			continue
		}
		if h.Fin && len(c.long) == 0 && h.Length <= readBuffer {
			c.held = int(h.Length)
			return c.in.Peek(c.held)
		}
		if err := c.gather(int(h.Length)); err != nil || h.Fin {
			return c.long, err
		}
	}
}

// gather appends a fragment of n bytes to the message.
func (c *Conn) gather(n int) error {
	had := len(c.long)
	c.long = append(c.long, make([]byte, n)...)
	_, err := io.ReadFull(c.in, c.long[had:])
	return err
}

func (c *Conn) control(h ws.Header) error {
	if h.Length > ws.MaxControlFramePayloadSize {
		return fmt.Errorf("control frame of %d bytes", h.Length)
	}
	body := make([]byte, h.Length)
	if _, err := io.ReadFull(c.in, body); err != nil {
		return err
	}
	switch h.OpCode {
	case ws.OpPing:
		return c.send(ws.NewPongFrame(body))
	case ws.OpClose:
		gone := &Closed{Code: int(ws.StatusNoStatusRcvd)}
		if len(body) >= 2 {
			gone.Code, gone.reason = int(body[0])<<8|int(body[1]), string(body[2:])
		}
		return gone
	}
	return nil
}

// await reads until an event of the given type; an error event ends it.
func (c *Conn) await(kind string) error {
	if err := c.SetReadDeadline(time.Now().Add(openTimeout)); err != nil {
		return err
	}
	for {
		message, err := c.Read()
		if err != nil {
			return fmt.Errorf("await %s: %w", kind, err)
		}
		switch gjson.GetBytes(message, "type").Str {
		case kind:
			return c.SetReadDeadline(time.Time{})
		case "error":
			return fmt.Errorf("await %s: %s", kind, ReasonOf(message))
		}
	}
}

// configure updates the API session and waits until that was taken.
func (c *Conn) configure(sc Scenario) error {
	update, err := json.Marshal(map[string]any{"type": "session.update", "session": sc.config("")})
	if err != nil {
		return err
	}
	if err := c.Text(update); err != nil {
		return fmt.Errorf("send session.update: %w", err)
	}
	return c.await("session.updated")
}

// Text sends one text message.
func (c *Conn) Text(message []byte) error {
	return c.send(ws.NewTextFrame(bytes.Clone(message)))
}

func (c *Conn) send(f ws.Frame) error {
	_, err := c.Write(ws.MustCompileFrame(ws.MaskFrameInPlace(f)))
	return err
}

// HangUp says goodbye and drops the connection; a peer that does not take the goodbye
// does not hold it up.
func (c *Conn) HangUp() {
	_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_ = c.send(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))
	_ = c.Close()
}

// Closed is the peer's close frame.
type Closed struct {
	Code   int
	reason string
}

// Error gives the close code and the reason as the peer sent them.
func (c *Closed) Error() string { return fmt.Sprintf("closed by peer: %d %s", c.Code, c.reason) }

// ReasonOf is the text of an error event.
func ReasonOf(message []byte) string {
	found := gjson.GetManyBytes(message, "error.code", "error.message")
	return strings.TrimSpace(found[0].Str + " " + found[1].Str)
}
