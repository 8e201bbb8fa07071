package wire_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"switchboard/session"
	"switchboard/session/wire"
)

var _ session.Conn = (*wire.Conn)(nil)

// patience ends a test that would hang; nothing depends on how long it is.
const patience = time.Minute

// serve starts a server that hands every connection to use, in the request's goroutine.
func serve(t testing.TB, o wire.Options, use func(*wire.Conn)) (url string) {
	t.Helper()
	s := httptest.NewServer(handler(t, o, use))
	t.Cleanup(s.Close)
	return s.URL
}

func handler(t testing.TB, o wire.Options, use func(*wire.Conn)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := wire.Accept(w, r, o)
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer c.Close(1000, "")
		use(c)
	})
}

func dial(t testing.TB, url string, o wire.DialOptions) *wire.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := wire.Dial(ctx, url, o)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { c.Close(1000, "") })
	return c
}

// echo sends every message back, and an error event for those that cannot be.
func echo(c *wire.Conn) error {
	for {
		f, err := c.Read()
		switch {
		case errors.Is(err, session.ErrNotUTF8):
			return c.Close(1007, "not UTF-8")
		case errors.Is(err, session.ErrNotText), errors.Is(err, session.ErrTooBig):
			f = session.NewFrame([]byte(err.Error()))
		case err != nil:
			return err
		}
		if err := send(c, f, timing(c)); err != nil {
			return err
		}
	}
}

// echoEach is echo with Each.
func echoEach(c *wire.Conn) error {
	return c.Each(func(f session.Frame, err error) error {
		switch {
		case errors.Is(err, session.ErrNotUTF8):
			c.Close(1007, "not UTF-8")
			return err
		case err != nil:
			f = session.NewFrame([]byte(err.Error()))
		}
		return send(c, f, timing(c))
	})
}

// timing is when what was just read from c is to be written.
func timing(c session.Conn) session.Timing {
	if c.Buffered() {
		return session.WithNext
	}
	return session.AtOnce
}

func send(c session.Conn, f session.Frame, when session.Timing) error {
	taken, err := c.Write(f, when)
	if err == nil && !taken {
		err = c.Flush()
	}
	return err
}

func sendText(t testing.TB, c session.Conn, text string) {
	t.Helper()
	if err := send(c, session.NewFrame([]byte(text)), session.AtOnce); err != nil {
		t.Fatalf("write: %v", err)
	}
}

func wantText(t testing.TB, c interface{ Read() (session.Frame, error) }, want string) {
	t.Helper()
	f, err := c.Read()
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	if got := string(f.Payload()); got != want {
		t.Fatalf("read %d bytes %.60q, want %d bytes %.60q", len(got), got, len(want), want)
	}
}

func wantClose(t testing.TB, err error, code int, reason string) {
	t.Helper()
	var closed *session.CloseError
	if !errors.As(err, &closed) || closed.Code != code || closed.Reason != reason {
		t.Fatalf("got %v, want code %d and reason %q", err, code, reason)
	}
}

// rawPeer speaks the protocol byte by byte, so that it can break it.
type rawPeer struct {
	t  testing.TB
	nc net.Conn
	br *bufio.Reader
}

// upgradeRequest has the key of RFC 6455 §1.3.
const upgradeRequest = "GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// dialRaw does the client's handshake by hand.
func dialRaw(t testing.TB, url string) *rawPeer {
	t.Helper()
	address, isTLS := strings.CutPrefix(url, "https://")
	var nc net.Conn
	var err error
	if isTLS {
		nc, err = tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	} else {
		nc, err = net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	p := &rawPeer{t: t, nc: nc, br: bufio.NewReader(nc)}
	p.write([]byte(upgradeRequest))
	answer, err := http.ReadResponse(p.br, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v, %v", answer, err)
	}
	if got := answer.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("Sec-WebSocket-Accept is %q", got)
	}
	return p
}

func (p *rawPeer) write(b []byte) {
	p.t.Helper()
	if _, err := p.nc.Write(b); err != nil {
		p.t.Fatalf("raw write: %v", err)
	}
}

// frame reads the next frame; ok is false when the other end closed the socket.
func (p *rawPeer) frame() (f ws.Frame, ok bool) {
	p.t.Helper()
	f.Header, f.Payload = ws.Header{}, nil
	h, err := ws.ReadHeader(p.br)
	if err != nil {
		if !errors.Is(err, io.EOF) {
			p.t.Fatalf("raw read: %v", err)
		}
		return f, false
	}
	f.Header, f.Payload = h, make([]byte, h.Length)
	if _, err := io.ReadFull(p.br, f.Payload); err != nil {
		p.t.Fatalf("raw read: %v", err)
	}
	if h.Masked {
		ws.Cipher(f.Payload, h.Mask, 0)
	}
	return f, true
}

// acceptRaw dials a server played by hand, which sends extra right behind its 101.
func acceptRaw(t testing.TB, o wire.DialOptions, extra []byte) (*rawPeer, *wire.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	accepted := make(chan *rawPeer, 1)
	go func() {
		defer close(accepted)
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		accepted <- answerRaw(t, nc, extra)
	}()
	c := dial(t, "ws://"+ln.Addr().String(), o)
	p := <-accepted
	t.Cleanup(func() { p.nc.Close() })
	return p, c
}

// answerRaw reads an upgrade request, accepts it and sends extra.
func answerRaw(t testing.TB, nc net.Conn, extra []byte) *rawPeer {
	p := &rawPeer{t: t, nc: nc, br: bufio.NewReader(nc)}
	_ = nc.SetDeadline(time.Now().Add(patience))
	r, err := http.ReadRequest(p.br)
	if err != nil {
		t.Errorf("raw server: %v", err)
		return p
	}
	_, _ = nc.Write(append(upgradeAnswer(r, ""), extra...))
	return p
}

// pipeDialer dials nc.
func pipeDialer(nc net.Conn) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) { return nc, nil }
}

// upgradeAnswer is a right 101 with more header lines.
func upgradeAnswer(r *http.Request, more string) []byte {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n" + more + "\r\n")
}

// tlsServer starts a server with TLS over plain TCP or over [wire.Listener].
func tlsServer(ours bool) func(http.Handler) *httptest.Server {
	return func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		if ours {
			s.Listener = wire.Listener(s.Listener)
		}
		s.StartTLS()
		return s
	}
}

// clientTLS trusts s; nil without TLS.
func clientTLS(s *httptest.Server) *tls.Config {
	if s.TLS == nil {
		return nil
	}
	return s.Client().Transport.(*http.Transport).TLSClientConfig
}
