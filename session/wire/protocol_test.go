package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"switchboard/session"
	"switchboard/session/wire"
)

const testLimit = 1000 // of the servers and clients below

// A protoCase is one exchange: what the peer sends, and what it must get for it.
type protoCase struct {
	name  string
	send  []byte // unmasked frames; the client's side masks them
	texts []string
	pongs []string
	code  int  // of the close frame that comes back; 0 for one without a code
	drop  bool // the connection ends without a close frame
}

func fr(op ws.OpCode, fin bool, payload string) []byte {
	return ws.MustCompileFrame(ws.NewFrame(op, fin, []byte(payload)))
}
func text(p string) []byte   { return fr(ws.OpText, true, p) }
func bin(p string) []byte    { return fr(ws.OpBinary, true, p) }
func first(p string) []byte  { return fr(ws.OpText, false, p) }
func middle(p string) []byte { return fr(ws.OpContinuation, false, p) }
func last(p string) []byte   { return fr(ws.OpContinuation, true, p) }
func ping(p string) []byte   { return fr(ws.OpPing, true, p) }
func pong(p string) []byte   { return fr(ws.OpPong, true, p) }
func closing(code int, reason string) []byte {
	return fr(ws.OpClose, true, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
}
func rsv(bits byte, frame []byte) []byte {
	frame[0] |= bits << 4
	return frame
}
func op(code byte, payload string) []byte {
	return fr(ws.OpCode(code), true, payload)
}
func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

// bye ends a case whose point lies before the close.
var bye = closing(1000, "")

const (
	tooBig  = "session: message over the read limit"
	notText = "session: binary message"
)

func long(n int) string { return strings.Repeat("*", n) }

func protoCases() []protoCase {
	cases := []protoCase{
		// Framing (Autobahn 1).
		{name: "1.1 empty", send: join(text(""), bye), texts: []string{""}, code: 1000},
		{name: "1.2 125", send: join(text(long(125)), bye), texts: []string{long(125)}, code: 1000},
		{name: "1.3 126", send: join(text(long(126)), bye), texts: []string{long(126)}, code: 1000},
		{name: "1.4 127", send: join(text(long(127)), bye), texts: []string{long(127)}, code: 1000},
		{name: "1.5 at the limit", send: join(text(long(testLimit)), bye), texts: []string{long(testLimit)}, code: 1000},
		{name: "1.6 three in a row", send: join(text("a"), text("b"), text("c"), bye), texts: []string{"a", "b", "c"}, code: 1000},
		{name: "1.7 64-bit length for a short payload", send: join([]byte{0x81, 127, 0, 0, 0, 0, 0, 0, 0, 2, 'o', 'k'}, bye), texts: []string{"ok"}, code: 1000},
		{name: "1.8 16-bit length for a short payload", send: join([]byte{0x81, 126, 0, 2, 'o', 'k'}, bye), texts: []string{"ok"}, code: 1000},
		{name: "1.9 negative length", send: []byte{0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 1, 'x'}, code: 1002},

		// Pings and pongs (2).
		{name: "2.1 ping without payload", send: join(ping(""), bye), pongs: []string{""}, code: 1000},
		{name: "2.2 ping with payload", send: join(ping("Hello, world!"), bye), pongs: []string{"Hello, world!"}, code: 1000},
		{name: "2.3 ping with bytes", send: join(ping("\x00\xff\xfe\xfd\xfc\xfb\x00\xff"), bye), pongs: []string{"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"}, code: 1000},
		{name: "2.4 ping of 125", send: join(ping(long(125)), bye), pongs: []string{long(125)}, code: 1000},
		{name: "2.5 ping of 126", send: ping(long(126)), code: 1002},
		{name: "2.7 pong unasked", send: join(pong(""), bye), code: 1000},
		{name: "2.8 pong with payload", send: join(pong("unasked"), text("a"), bye), texts: []string{"a"}, code: 1000},
		{name: "2.10 ten pings", send: join(bytes.Repeat(ping("p"), 10), bye), pongs: strings.Split(strings.Repeat("p", 10), ""), code: 1000},
		{name: "2.12 ping between messages", send: join(text("a"), ping("p"), text("b"), bye), texts: []string{"a", "b"}, pongs: []string{"p"}, code: 1000},
		{name: "2.13 pong of 126", send: pong(long(126)), code: 1002},

		// Reserved bits (3).
		{name: "3.1 rsv3", send: rsv(1, text("x")), code: 1002},
		{name: "3.2 rsv2 behind a message", send: join(text("a"), rsv(2, text("x"))), texts: []string{"a"}, code: 1002},
		{name: "3.4 rsv1, as with compression", send: rsv(4, text("x")), code: 1002},
		{name: "3.5 rsv1 on a continuation", send: join(first("a"), rsv(4, last("x"))), code: 1002},
		{name: "3.6 all rsv on a ping", send: rsv(7, ping("")), code: 1002},
		{name: "3.7 rsv on a close", send: rsv(7, closing(1000, "")), code: 1002},

		// Fragments (5).
		{name: "5.1 ping in two fragments", send: join(fr(ws.OpPing, false, "a"), last("b")), code: 1002},
		{name: "5.2 pong in two fragments", send: join(fr(ws.OpPong, false, "a"), last("b")), code: 1002},
		{name: "5.3 text in two", send: join(first("frag"), last("ment"), bye), texts: []string{"fragment"}, code: 1000},
		{name: "5.6 ping between two fragments", send: join(first("frag"), ping("p"), last("ment"), bye), texts: []string{"fragment"}, pongs: []string{"p"}, code: 1000},
		{name: "5.9 continuation of nothing, final", send: last("x"), code: 1002},
		{name: "5.10 continuation of nothing after a message", send: join(text("a"), last("x")), texts: []string{"a"}, code: 1002},
		{name: "5.12 continuation of nothing, not final", send: middle("x"), code: 1002},
		{name: "5.15 continuation after the last", send: join(first("a"), last("b"), middle("c")), texts: []string{"ab"}, code: 1002},
		{name: "5.16 two last ones", send: join(first("a"), last("b"), last("c")), texts: []string{"ab"}, code: 1002},
		{name: "5.18 new message inside one", send: join(first("a"), text("b")), code: 1002},
		{name: "5.18b binary inside one", send: join(first("a"), bin("b")), code: 1002},
		{name: "5.19 five with pings", send: join(first("1"), middle("2"), ping("p"), middle("3"), middle("4"), ping("q"), last("5"), bye), texts: []string{"12345"}, pongs: []string{"p", "q"}, code: 1000},
		{name: "5.20 empty fragments", send: join(first(""), middle(""), middle("x"), last(""), bye), texts: []string{"x"}, code: 1000},
		{name: "5.21 all fragments empty", send: join(first(""), last(""), bye), texts: []string{""}, code: 1000},
		{name: "5.22 byte by byte", send: join(first("a"), bytes.Repeat(middle("b"), 300), last("c"), bye), texts: []string{"a" + strings.Repeat("b", 300) + "c"}, code: 1000},
		{name: "5.23 close between fragments", send: join(first("a"), bye), code: 1000},
		{name: "5.24 fragmented, then whole", send: join(first("a"), last("b"), text("c"), bye), texts: []string{"ab", "c"}, code: 1000},

		// UTF-8 (6).
		{name: "6.1 kosme", send: join(text("κόσμε"), bye), texts: []string{"κόσμε"}, code: 1000},
		{name: "6.2 split inside a rune", send: join(first("\xce"), last("\xba"), bye), texts: []string{"κ"}, code: 1000},
		{name: "6.3 surrogate half", send: text("\xed\xa0\x80"), code: 1007},
		{name: "6.4 invalid across fragments", send: join(first("κόσμε\xf4"), middle("\x90\x80"), last("\x80")), code: 1007},
		{name: "6.5 cut rune", send: text("abc\xf0\x9f"), code: 1007},
		{name: "6.6 overlong", send: text("\xc0\xaf"), code: 1007},
		{name: "6.7 highest rune", send: join(text("\U0010FFFF"), bye), texts: []string{"\U0010FFFF"}, code: 1000},
		{name: "6.8 NUL", send: join(text("\x00"), bye), texts: []string{"\x00"}, code: 1000},
		{name: "6.9 behind 4 KB... of ASCII", send: text(long(900) + "\xff"), code: 1007},

		// Close (7).
		{name: "7.1 message, then close", send: join(text("a"), bye), texts: []string{"a"}, code: 1000},
		{name: "7.2 two closes", send: join(bye, bye), code: 1000},
		{name: "7.3 ping behind close", send: join(bye, ping("p")), code: 1000},
		{name: "7.4 text behind close", send: join(bye, text("p")), code: 1000},
		{name: "7.5 close without code", send: fr(ws.OpClose, true, ""), code: 0},
		{name: "7.6 close of one byte", send: fr(ws.OpClose, true, "\x03"), code: 1002},
		{name: "7.7 close with reason", send: closing(1001, "going away"), code: 1001},
		{name: "7.8 reason of 123", send: closing(1000, long(123)), code: 1000},
		{name: "7.9 reason of 124", send: closing(1000, long(124)), code: 1002},
		{name: "7.10 reason is not UTF-8", send: closing(1000, "\xce\xba\xff"), code: 1007},
		{name: "7.11 close not final", send: fr(ws.OpClose, false, "\x03\xe8"), code: 1002},

		// Limits and types (9, 10, ours).
		{name: "9.1 one byte over the limit", send: join(text(long(testLimit+1)), text("a"), bye), texts: []string{tooBig, "a"}, code: 1000},
		{name: "9.2 four times the limit", send: join(text(long(4*testLimit)), text("a"), bye), texts: []string{tooBig, "a"}, code: 1000},
		{name: "9.3 over four times the limit", send: text(long(4*testLimit + 1)), texts: nil, code: 1009},
		{name: "9.4 claims 2^62", send: []byte{0x81, 127, 0x40, 0, 0, 0, 0, 0, 0, 0, 'x'}, code: 1009},
		{name: "9.5 fragments over the limit", send: join(first(long(600)), middle(long(600)), ping("p"), last(long(600)), text("a"), bye), texts: []string{tooBig, "a"}, pongs: []string{"p"}, code: 1000},
		{name: "9.6 fragments over four times the limit", send: join(first(long(900)), bytes.Repeat(middle(long(900)), 4)), texts: []string{tooBig}, code: 1009},
		{name: "9.7 fragments up to the limit", send: join(first(long(600)), last(long(400)), bye), texts: []string{long(1000)}, code: 1000},
		{name: "9.8 second message counts from zero", send: join(first(long(600)), last(long(400)), first(long(600)), last(long(400)), bye), texts: []string{long(1000), long(1000)}, code: 1000},
		{name: "9.9 after a skipped one too", send: join(bin(long(900)), first(long(600)), last(long(400)), bye), texts: []string{notText, long(1000)}, code: 1000},
		{name: "10.1 binary", send: join(bin("\xff"), text("a"), bye), texts: []string{notText, "a"}, code: 1000},
		{name: "10.2 empty binary", send: join(bin(""), text("a"), bye), texts: []string{notText, "a"}, code: 1000},
		{name: "10.3 fragmented binary, once", send: join(fr(ws.OpBinary, false, "\xff"), middle("\xfe"), ping("p"), last("\xfd"), text("a"), bye), texts: []string{notText, "a"}, pongs: []string{"p"}, code: 1000},
		{name: "10.4 large binary is skipped", send: join(bin(long(4*testLimit)), text("a"), bye), texts: []string{notText, "a"}, code: 1000},
		{name: "11.1 garbage", send: []byte("GET / HTTP/1.1\r\n\r\n"), code: 1002},
	}
	for _, code := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} { // 4
		cases = append(cases, protoCase{name: fmt.Sprintf("4 opcode %d", code), send: join(text("a"), op(code, "x")), texts: []string{"a"}, code: 1002})
	}
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} { // 7.7
		cases = append(cases, protoCase{name: fmt.Sprintf("7.20 code %d", code), send: closing(code, "bye"), code: code})
	}
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} { // 7.9
		cases = append(cases, protoCase{name: fmt.Sprintf("7.21 code %d", code), send: closing(code, ""), code: 1002})
	}
	return cases
}

// maskAll masks frames as a client must, with a different key each; b may end in a part of one.
func maskAll(b []byte) []byte {
	var out bytes.Buffer
	r := bytes.NewReader(b)
	for key := byte(1); r.Len() > 0; key++ {
		at := len(b) - r.Len()
		h, err := ws.ReadHeader(r)
		if err != nil || h.Length > int64(r.Len()) {
			// Not a frame in itself: set the mask bit by hand, with key 0.
			head := bytes.Clone(b[at:])
			head[1] |= 0x80
			n := 2
			switch head[1] & 0x7f {
			case 126:
				n = 4
			case 127:
				n = 10
			}
			out.Write(head[:n])
			out.Write([]byte{0, 0, 0, 0})
			out.Write(head[n:])
			return out.Bytes()
		}
		payload := make([]byte, h.Length)
		_, _ = io.ReadFull(r, payload)
		body := len(b) - r.Len() - len(payload)
		head := bytes.Clone(b[at:body]) // as it was: the length need not be the shortest
		head[1] |= 0x80
		mask := [4]byte{key, key ^ 0x5a, key + 7, ^key}
		ws.Cipher(payload, mask, 0)
		out.Write(head)
		out.Write(mask[:])
		out.Write(payload)
	}
	return out.Bytes()
}

// gathered is what a raw peer got until the end.
type gathered struct {
	texts, pongs []string
	code         int
	closed       bool // by a close frame
	masked       int  // frames that were masked
	frames       int
}

func (p *rawPeer) gather() (g gathered) {
	p.t.Helper()
	for {
		f, ok := p.frame()
		if !ok {
			return g
		}
		if g.closed {
			p.t.Fatalf("frame behind the close frame: %v", f.Header)
		}
		g.frames++
		if f.Header.Masked {
			g.masked++
		}
		switch f.Header.OpCode {
		case ws.OpText:
			g.texts = append(g.texts, string(f.Payload))
		case ws.OpPong:
			g.pongs = append(g.pongs, string(f.Payload))
		case ws.OpClose:
			g.closed = true
			if len(f.Payload) >= 2 {
				g.code = int(binary.BigEndian.Uint16(f.Payload))
			}
		default:
			p.t.Fatalf("unexpected frame %v", f.Header)
		}
	}
}

func (g gathered) check(t *testing.T, want protoCase) {
	t.Helper()
	if fmt.Sprint(g.texts) != fmt.Sprint(want.texts) || len(g.texts) != len(want.texts) {
		t.Errorf("texts %.200q, want %.200q", g.texts, want.texts)
	}
	if fmt.Sprint(g.pongs) != fmt.Sprint(want.pongs) || len(g.pongs) != len(want.pongs) {
		t.Errorf("pongs %q, want %q", g.pongs, want.pongs)
	}
	if g.code != want.code || g.closed == want.drop {
		t.Errorf("close frame %v with code %d, want %v with %d", g.closed, g.code, !want.drop, want.code)
	}
}

func TestProtocolOnTheServersSide(t *testing.T) {
	for how, serveEcho := range map[string]func(*wire.Conn) error{"Read": echo, "Each": echoEach} {
		url := serve(t, wire.Options{ReadLimit: testLimit}, func(c *wire.Conn) { serveEcho(c) })
		for _, step := range []int{0, 1} {
			for _, tt := range protoCases() {
				t.Run(fmt.Sprintf("%s/%d/%s", how, step, tt.name), func(t *testing.T) {
					t.Parallel()
					p := dialRaw(t, url)
					p.chop(maskAll(tt.send), step)
					g := p.gather()
					g.check(t, tt)
					if g.masked > 0 {
						t.Error("server masked a frame")
					}
				})
			}
		}
	}
}

// chop writes b in pieces of step bytes; whole if 0. An error means that the other end has
// seen enough, which the answer will tell.
func (p *rawPeer) chop(b []byte, step int) {
	if step == 0 {
		step = len(b)
	}
	for len(b) > 0 {
		n := min(step, len(b))
		if _, err := p.nc.Write(b[:n]); err != nil {
			return
		}
		b = b[n:]
	}
}

func TestServerRefusesUnmasked(t *testing.T) {
	url := serve(t, wire.Options{}, func(c *wire.Conn) { echo(c) })
	for _, frame := range [][]byte{text("x"), ping("x"), bye} {
		p := dialRaw(t, url)
		p.write(frame)
		p.gather().check(t, protoCase{code: 1002})
	}
}

func TestProtocolOnTheClientsSide(t *testing.T) {
	for how, serveEcho := range map[string]func(*wire.Conn) error{"Read": echo, "Each": echoEach} {
		for _, tt := range protoCases() {
			t.Run(how+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				p, c := acceptRaw(t, wire.DialOptions{Options: wire.Options{ReadLimit: testLimit}}, nil)
				done := make(chan error, 1)
				go func() { done <- serveEcho(c) }()
				p.write(tt.send)
				g := p.gather()
				g.check(t, tt)
				if g.masked != g.frames {
					t.Errorf("%d of %d frames masked", g.masked, g.frames)
				}
				if err := <-done; err == nil && tt.code != 1007 {
					t.Error("reader ended without an error")
				}
			})
		}
	}
}

func TestClientRefusesMasked(t *testing.T) {
	p, c := acceptRaw(t, wire.DialOptions{}, nil)
	p.write(maskAll(text("x")))
	_, err := c.Read()
	wantClose(t, err, 1002, "frames from server to client must be not masked")
	p.gather().check(t, protoCase{code: 1002})
}

func TestBytesBehindTheHandshakeAreKept(t *testing.T) {
	_, c := acceptRaw(t, wire.DialOptions{}, join(text("session.created"), text("second")))
	if !c.Buffered() {
		t.Log("the first message came in a segment of its own")
	}
	wantText(t, c, "session.created")
	wantText(t, c, "second")
}

func TestVanishedPeerIs1006(t *testing.T) {
	for _, sent := range [][]byte{nil, text("a")[:2], first("a")} {
		p, c := acceptRaw(t, wire.DialOptions{}, nil)
		p.write(sent)
		p.nc.Close()
		_, err := c.Read()
		wantClose(t, err, 1006, "")
	}
}

// A frame and the FIN that come together must not leave the reader asleep.
func TestPeerThatSendsAndLeaves(t *testing.T) {
	for range 200 {
		p, c := acceptRaw(t, wire.DialOptions{}, nil)
		p.write(text("last words"))
		p.nc.(*net.TCPConn).CloseWrite()
		var got []string
		err := c.Each(func(f session.Frame, err error) error {
			got = append(got, string(f.Payload()))
			return err
		})
		wantClose(t, err, 1006, "")
		if len(got) != 1 || got[0] != "last words" {
			t.Fatalf("got %q", got)
		}
		p.nc.Close()
	}
}

func TestResetPeerIs1006(t *testing.T) {
	p, c := acceptRaw(t, wire.DialOptions{}, nil)
	_ = p.nc.(*net.TCPConn).SetLinger(0)
	p.nc.Close()
	_, err := c.Read()
	wantClose(t, err, 1006, "")
	if _, again := c.Read(); !errors.Is(again, err) {
		t.Fatalf("second read: %v", again)
	}
}
