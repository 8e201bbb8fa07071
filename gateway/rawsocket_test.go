package gateway_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/tidwall/gjson"
)

// raw is a client that writes its WebSocket byte by byte.
type raw struct {
	t *testing.T
	*net.TCPConn
	in *bufio.Reader
}

// knock sends a request's head, lines joined by CRLF, and returns the answer.
func (r *rig) knock(lines ...string) (*raw, *http.Response) {
	r.t.Helper()
	nc, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	p := &raw{r.t, nc.(*net.TCPConn), bufio.NewReader(nc)}
	p.write([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n"))
	res, err := http.ReadResponse(p.in, nil)
	if err != nil {
		r.t.Fatalf("no answer: %v", err)
	}
	return p, res
}

// handshake is the head of a good one, with a key of RFC 6455.
func handshake(path string, more ...string) []string {
	return append([]string{
		"GET " + path + " HTTP/1.1", "Host: gateway", "Authorization: Bearer " + app, "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	}, more...)
}

// write sends b. The other end may have seen enough: what it says will tell.
func (p *raw) write(b []byte) { _, _ = p.Write(b) }

// heard is what a raw client got.
type heard struct {
	errors []string // codes of error events
	pongs  []string
	items  []string // texts of items
	closed int      // code of the close frame; -1: one without, 0: none
}

// until reads up to an item with this text, or to the end.
func (p *raw) until(item string) (h heard, found bool) {
	p.t.Helper()
	for {
		head, err := ws.ReadHeader(p.in)
		if err != nil {
			return h, false
		}
		payload := make([]byte, head.Length)
		if _, err := io.ReadFull(p.in, payload); err != nil {
			p.t.Errorf("frame %+v is cut short: %v", head, err)
			return h, false
		}
		if head.Masked || head.Rsv != 0 || !head.Fin {
			p.t.Errorf("frame %+v", head)
		}
		switch head.OpCode {
		case ws.OpPong:
			h.pongs = append(h.pongs, string(payload))
		case ws.OpClose:
			if h.closed = -1; len(payload) >= 2 {
				h.closed = int(binary.BigEndian.Uint16(payload))
			}
		case ws.OpText:
			if h.closed != 0 {
				p.t.Error("an event behind the close frame")
			}
			switch e := gjson.ParseBytes(payload); e.Get("type").Str {
			case "error":
				h.errors = append(h.errors, e.Get("error.code").Str)
				if e.Get("event_id").Str == "" || e.Get("error.type").Str == "" || e.Get("error.message").Str == "" {
					p.t.Errorf("incomplete: %s", payload)
				}
			case "conversation.item.done":
				text := e.Get("item.content.0.text").Str
				if text == item {
					return h, true
				}
				h.items = append(h.items, text)
			}
		}
	}
}

// frame builds a client's frame: first is FIN, reserved bits and opcode.
func frame(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	body := []byte(payload)
	ws.Cipher(body, mask, 0)
	return append(append(b, mask[:]...), body...)
}

const (
	fin          = 0x80
	continuation = 0x0
	text         = 0x1
	binaryFrame  = 0x2
	closeFrame   = 0x8
	ping         = 0x9
	pong         = 0xa
)

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }
func whole(event string) []byte    { return frame(fin|text, event) }
func closing(code int, reason string) []byte {
	return frame(fin|closeFrame, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
}

// saying is an event that makes an item of a text; it is padded to size.
func saying(what string, size int) string {
	e := `{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"` + what + `"}]}}`
	return e + strings.Repeat(" ", max(0, size-len(e)))
}

// A rawCase is what a client sends behind a good handshake, and what comes of it.
type rawCase struct {
	send  []byte
	step  int      // bytes at a time; 0: all at once
	items int      // of the text m that are made
	errs  []string // codes of error events
	pongs []string
	code  int // of the close frame that ends it; 0: the session goes on
}

// frameLimit is the largest message of the gateway under test.
const frameLimit = 128 << 10

// m is an event as most cases send it.
var m = saying("m", 0)

func rawCases() map[string]rawCase {
	cases := map[string]rawCase{
		"one event":                     {send: whole(m), items: 1},
		"a byte at a time":              {send: whole(m), step: 1, items: 1},
		"16-bit length":                 {send: whole(saying("m", 300)), items: 1},
		"64-bit length":                 {send: whole(saying("m", 70_000)), items: 1},
		"at the limit":                  {send: whole(saying("m", frameLimit)), items: 1},
		"200 in one segment":            {send: bytes.Repeat(whole(m), 200), items: 200},
		"64-bit length of a short one":  {send: join([]byte{0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, byte(len(m)), 0, 0, 0, 0}, []byte(m)), items: 1},
		"negative length":               {send: []byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 'x'}, code: 1002},
		"unmasked":                      {send: append([]byte{0x81, byte(len(m))}, m...), code: 1002},
		"unmasked ping":                 {send: []byte{0x89, 0}, code: 1002},
		"garbage":                       {send: []byte("GET / HTTP/1.1\r\n\r\n"), code: 1002},
		"in two fragments":              {send: join(frame(text, m[:9]), frame(fin, m[9:])), items: 1},
		"in fragments of one byte":      {send: fragments(m, 1), items: 1},
		"with empty fragments":          {send: join(frame(text, ""), frame(0, m), frame(0, ""), frame(fin, "")), items: 1},
		"a ping between fragments":      {send: join(frame(text, m[:9]), frame(fin|ping, "p"), frame(fin, m[9:])), items: 1, pongs: []string{"p"}},
		"a ping inside each":            {send: join(frame(text, m[:9]), frame(fin|ping, "p"), frame(0, m[9:20]), frame(fin|pong, ""), frame(fin|ping, "q"), frame(fin, m[20:])), step: 3, items: 1, pongs: []string{"p", "q"}},
		"a rune over two fragments":     {send: join(frame(text, `{"type":"`+"\xce"), frame(fin, "\xba\"}")), errs: []string{"invalid_value"}},
		"a continuation of nothing":     {send: frame(fin|continuation, m), code: 1002},
		"a continuation after the last": {send: join(whole(m), frame(continuation, m)), code: 1002},
		"an event inside another":       {send: join(frame(text, m[:9]), whole(m)), code: 1002},
		"binary inside an event":        {send: join(frame(text, m[:9]), frame(fin|binaryFrame, "x")), code: 1002},
		"a close between fragments":     {send: join(frame(text, m[:9]), closing(1000, "")), code: 1000},
		"reserved bit 1":                {send: frame(fin|0x40|text, m), code: 1002},
		"reserved bit 2":                {send: frame(fin|0x20|text, m), code: 1002},
		"reserved bit 3":                {send: frame(fin|0x10|text, m), code: 1002},
		"reserved bits of a ping":       {send: frame(fin|0x70|ping, ""), code: 1002},

		"a ping":                  {send: frame(fin|ping, ""), pongs: []string{""}},
		"a ping with bytes":       {send: frame(fin|ping, "\x00\xff\xfe"), pongs: []string{"\x00\xff\xfe"}},
		"a ping of 125":           {send: frame(fin|ping, strings.Repeat("x", 125)), pongs: []string{strings.Repeat("x", 125)}},
		"a ping of 126":           {send: frame(fin|ping, strings.Repeat("x", 126)), code: 1002},
		"a ping in two fragments": {send: join(frame(ping, "a"), frame(fin, "b")), code: 1002},
		"pings around events":     {send: join(frame(fin|ping, "1"), whole(m), frame(fin|ping, "2"), whole(m)), items: 2, pongs: []string{"1", "2"}},
		"a pong unasked":          {send: frame(fin|pong, "unasked")},

		"a close without code":      {send: frame(fin|closeFrame, ""), code: -1},
		"a close of one byte":       {send: frame(fin|closeFrame, "\x03"), code: 1002},
		"a close with a reason":     {send: closing(1001, "going away"), code: 1001},
		"a reason of 123":           {send: closing(1000, strings.Repeat("x", 123)), code: 1000},
		"a reason of 124":           {send: closing(1000, strings.Repeat("x", 124)), code: 1002},
		"a reason that is no UTF-8": {send: closing(1000, "\xff"), code: 1007},
		"a close that is not final": {send: frame(closeFrame, "\x03\xe8"), code: 1002},
		"an event, then a close":    {send: join(whole(m), closing(1000, "")), code: 1000},
		"events behind a close":     {send: join(closing(1000, ""), whole(m), frame(fin|ping, "")), code: 1000},

		"not UTF-8":              {send: whole("{\"type\":\"\xff\"}"), errs: []string{"invalid_utf8"}, code: 1007},
		"a surrogate in UTF-8":   {send: whole("{\"type\":\"\xed\xa0\x80\"}"), errs: []string{"invalid_utf8"}, code: 1007},
		"overlong UTF-8":         {send: whole("\xc0\xaf"), errs: []string{"invalid_utf8"}, code: 1007},
		"a rune cut off":         {send: whole("{\"type\":\"\xf0\x9f"), errs: []string{"invalid_utf8"}, code: 1007},
		"not UTF-8 in fragments": {send: join(frame(text, "{\"\xf4"), frame(0, "\x90\x80"), frame(fin, "\x80\"}")), errs: []string{"invalid_utf8"}, code: 1007},

		"binary":              {send: frame(fin|binaryFrame, "\xff\x00"), errs: []string{"invalid_event"}},
		"an event as binary":  {send: frame(fin|binaryFrame, m), errs: []string{"invalid_event"}},
		"empty binary":        {send: frame(fin|binaryFrame, ""), errs: []string{"invalid_event"}},
		"binary in fragments": {send: join(frame(binaryFrame, "a"), frame(fin|ping, "p"), frame(fin, "b")), errs: []string{"invalid_event"}, pongs: []string{"p"}},
		"binary, then events": {send: join(frame(fin|binaryFrame, strings.Repeat("x", 70_000)), whole(m), whole(m)), errs: []string{"invalid_event"}, items: 2},

		"one byte over the limit":       {send: join(whole(saying("m", frameLimit+1)), whole(m)), errs: []string{"event_too_large"}, items: 1},
		"four times the limit":          {send: join(whole(saying("m", 4*frameLimit)), whole(m)), errs: []string{"event_too_large"}, items: 1},
		"over the limit in fragments":   {send: join(fragments(saying("m", 2*frameLimit), 50_000), whole(m)), errs: []string{"event_too_large"}, items: 1},
		"over four times the limit":     {send: whole(saying("m", 4*frameLimit+1)), code: 1009},
		"a length of 2^62":              {send: []byte{0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'x'}, code: 1009},
		"much too long, in 16 segments": {send: join(whole(saying("m", 3*frameLimit)), whole(saying("m", 3*frameLimit))), step: frameLimit / 3, errs: []string{"event_too_large", "event_too_large"}},
	}
	for name, event := range map[string]string{
		"no text": "", "white space": " \t\r\n", "no JSON": "hello", "cut off": `{"type":"response.create"`, "two values": `{"type":"x"} {}`,
		"null": "null", "an array": "[]", "a string": `"response.create"`, "a number": "1e9", "a comma too many": `{"type":"x",}`,
		"single quotes": `{'type':'x'}`, "a control character": "{\"type\":\"a\nb\"}", "a bad escape": `{"type":"\x41"}`, "NaN": `{"type":NaN}`,
		"a byte order mark": "\ufeff{}", "two types": `{"type":"response.cancel","type":"response.create"}`,
		"two types, one escaped": `{"type":"a","\u0074ype":"b"}`, "two keys inside": `{"type":"x","item":{"a":1,"a":2}}`,
		"very deep": strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500), "very deep lists": `{"type":` + strings.Repeat("[", 20_000),
	} {
		cases["event: "+name] = rawCase{send: join(whole(event), whole(m)), errs: []string{"invalid_json"}, items: 1}
	}
	for name, event := range map[string]string{
		"an empty type": `{"type":""}`, "an unknown type": `{"type":"response.burst"}`, "half a surrogate": `{"type":"\ud800"}`, "NUL in the type": `{"type":"\u0000"}`,
	} {
		cases["event: "+name] = rawCase{send: join(whole(event), whole(m)), errs: []string{"invalid_value"}, items: 1}
	}
	for name, event := range map[string]string{"no type": `{}`, "type null": `{"type":null}`, "type is a list": `{"type":["x"]}`} {
		cases["event: "+name] = rawCase{send: join(whole(event), whole(m)), errs: []string{"missing_required_parameter"}, items: 1}
	}
	cases["event: half a surrogate in its ID"] = rawCase{send: whole(strings.Replace(m, "{", `{"event_id":"\udc00",`, 1)), items: 1}
	cases["event: NUL in its text"] = rawCase{send: join(whole(saying(`\u0000`, 0)), whole(m)), items: 1}
	for _, code := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		cases[fmt.Sprintf("opcode %d", code)] = rawCase{send: join(whole(m), frame(fin|code, "x")), code: 1002}
	}
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		cases[fmt.Sprintf("close code %d", code)] = rawCase{send: closing(code, "bye"), code: code}
	}
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535} {
		cases[fmt.Sprintf("close code %d is none", code)] = rawCase{send: closing(code, ""), code: 1002}
	}
	return cases
}

func fragments(event string, size int) []byte {
	var b []byte
	for i := 0; i < len(event); i += size {
		first, end := byte(continuation), min(i+size, len(event))
		if i == 0 {
			first = text
		}
		if end == len(event) {
			first |= fin
		}
		b = append(b, frame(first, event[i:end])...)
	}
	return b
}

// run sends a case and checks what comes of it.
func (c rawCase) run(t *testing.T, p *raw) {
	t.Helper()
	step := c.step
	if step == 0 {
		step = len(c.send)
	}
	for b := range slices.Chunk(c.send, step) {
		p.write(b)
	}
	if c.code == 0 {
		p.write(whole(saying("end", 0)))
	}
	h, goesOn := p.until("end")
	if goesOn != (c.code == 0) || h.closed != c.code {
		t.Fatalf("goes on: %v, close code %d, errors %v; want close code %d", goesOn, h.closed, h.errors, c.code)
	}
	if !slices.Equal(h.errors, c.errs) {
		t.Errorf("errors %v, want %v", h.errors, c.errs)
	}
	if !slices.Equal(h.pongs, c.pongs) {
		t.Errorf("pongs %q, want %q", h.pongs, c.pongs)
	}
	made := 0
	for _, item := range h.items {
		if item == "m" {
			made++
		}
	}
	if goesOn && made != c.items {
		t.Errorf("%d items, want %d", made, c.items)
	}
	if goesOn {
		p.write(closing(1000, ""))
		if h, _ := p.until(""); h.closed != 1000 {
			t.Errorf("closed with %d, want 1000", h.closed)
		}
	}
}
