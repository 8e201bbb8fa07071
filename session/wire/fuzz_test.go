package wire_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
	"unicode/utf8"

	"switchboard/session"
	"switchboard/session/wire"
)

// scripted is a connection that reads what a fuzzer made up, in pieces, and swallows
// what is written.
type scripted struct {
	net.Conn
	in   []byte
	step int
}

func (s *scripted) Read(b []byte) (int, error) {
	if len(s.in) == 0 {
		return 0, io.EOF
	}
	n := copy(b, s.in[:min(len(s.in), s.step)])
	s.in = s.in[n:]
	return n, nil
}
func (s *scripted) Write(b []byte) (int, error)      { return len(b), nil }
func (s *scripted) Close() error                     { return nil }
func (s *scripted) SetDeadline(time.Time) error      { return nil }
func (s *scripted) SetReadDeadline(time.Time) error  { return nil }
func (s *scripted) SetWriteDeadline(time.Time) error { return nil }

func FuzzRead(f *testing.F) {
	for _, tt := range protoCases() {
		f.Add(maskAll(tt.send), uint16(1), true)
		f.Add(tt.send, uint16(1000), false)
	}
	f.Fuzz(func(t *testing.T, in []byte, step uint16, server bool) {
		whole := readAll(t, in, len(in)+1, server)
		pieces := readAll(t, in, int(step)+1, server)
		if len(whole) != len(pieces) {
			t.Fatalf("%d messages at once, %d in pieces", len(whole), len(pieces))
		}
		for i := range whole {
			if whole[i] != pieces[i] {
				t.Fatalf("message %d is %q at once, %q in pieces", i, whole[i], pieces[i])
			}
		}
	})
}

// readAll reads until the end and holds each message to what Read promises.
func readAll(t *testing.T, in []byte, step int, server bool) (messages []string) {
	nc := &scripted{in: append([]byte(nil), in...), step: step}
	c := wire.Wrap(nc, server, wire.Options{ReadLimit: testLimit, PingEvery: -1})
	for {
		ready := c.Buffered()
		left := len(nc.in)
		frame, err := c.Read()
		switch {
		case errors.Is(err, session.ErrNotText), errors.Is(err, session.ErrTooBig), errors.Is(err, session.ErrNotUTF8):
			messages = append(messages, err.Error())
		case err != nil:
			var closed *session.CloseError
			if !errors.As(err, &closed) {
				t.Fatalf("ended with %v", err)
			}
			return append(messages, closed.Error())
		default:
			p := frame.Payload()
			if len(p) > testLimit || !utf8.Valid(p) {
				t.Fatalf("delivered %q", p)
			}
			messages = append(messages, string(p))
		}
		if ready && left != len(nc.in) {
			t.Fatal("read the socket for a message that was buffered")
		}
	}
}
