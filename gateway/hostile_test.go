package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway"
)

const (
	relayPath = "/realtime/sessions/one/relay"
	openPath  = "/v1/realtime?model=gpt-realtime-2.1"
)

// hostile is a rig with a session that others use meanwhile.
type hostile struct {
	*rig
	bystander *peer
}

func newHostile(t *testing.T) *hostile {
	r := newRig(t, standin.Faults{}, func(o *gateway.Options) { o.FrameBytes = frameLimit })
	h := &hostile{r, r.attach(relayPath, r.open("one"))}
	h.bystander.sees(sight{"session.created", "", ""})
	return h
}

// in gives the rig to a subtest.
func (h *hostile) in(t *testing.T) *rig {
	r := *h.rig
	r.t = t
	return &r
}

// unharmed makes sure that the session goes on, for the application and for its other client.
func (h *hostile) unharmed(t *testing.T) {
	t.Helper()
	said := "after " + t.Name()
	h.in(t).must(200, "POST", "/realtime/sessions/one/message", app, fmt.Sprintf(`{"text":%q,"respond":false}`, said))
	(&peer{t, h.bystander.Conn}).sees(sight{"conversation.item.done", "item.content.0.text", said})
}

// alone waits until no session but "one" runs, and no client but the bystander is there.
func (h *hostile) alone(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		s := h.hub.Stats()
		if s.Sessions == 1 && s.Clients == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d sessions and %d clients are left", s.Sessions, s.Clients)
		}
		h.in(t).must(200, "GET", "/realtime/sessions?status=active", app, "")
	}
}

func TestRawWebSocket(t *testing.T) {
	h := newHostile(t)
	for _, path := range []string{relayPath, openPath} {
		for name, c := range rawCases() {
			t.Run(strings.TrimSuffix(path, "?model=gpt-realtime-2.1")+"/"+name, func(t *testing.T) {
				p, res := h.in(t).knock(handshake(path)...)
				if res.StatusCode != 101 {
					t.Fatalf("handshake: %d", res.StatusCode)
				}
				c.run(t, p)
				h.unharmed(t)
			})
		}
	}
	h.alone(t)
}

func TestRawHandshakes(t *testing.T) {
	h := newHostile(t)
	without := func(name string) []string {
		var lines []string
		for _, line := range handshake(relayPath) {
			if !strings.HasPrefix(line, name) {
				lines = append(lines, line)
			}
		}
		return lines
	}
	with := func(name, line string) []string { return append(without(name), line) }
	for name, row := range map[string]struct {
		lines  []string
		status int
		header string // Name: value that the answer has; Name: that it has not
	}{
		"as it should be":         {handshake(relayPath), 101, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
		"lists and cases":         {append(without("Upgrade"), "upgrade: WebSocket", "connection: keep-alive, upgrade"), 101, "Upgrade: websocket"},
		"deflate is offered":      {handshake(relayPath, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"), 101, "Sec-WebSocket-Extensions:"},
		"no subprotocol":          {handshake(relayPath), 101, "Sec-WebSocket-Protocol:"},
		"subprotocol realtime":    {handshake(relayPath, "Sec-WebSocket-Protocol: realtime"), 101, "Sec-WebSocket-Protocol: realtime"},
		"ours is not the first":   {handshake(relayPath, "Sec-WebSocket-Protocol: chat, realtime"), 101, "Sec-WebSocket-Protocol: realtime"},
		"a foreign subprotocol":   {handshake(relayPath, "Sec-WebSocket-Protocol: chat"), 101, "Sec-WebSocket-Protocol:"},
		"the key as subprotocol":  {with("Authorization", "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key."+app), 101, "Sec-WebSocket-Protocol: realtime"},
		"subprotocols of a token": {handshake(relayPath, "Sec-WebSocket-Protocol: realtime, openai-beta.realtime-v1"), 101, "Sec-WebSocket-Protocol: realtime"},
		"no Upgrade":              {without("Upgrade"), 426, "Upgrade: websocket"},
		"another Upgrade":         {with("Upgrade", "Upgrade: h2c"), 426, "Upgrade: websocket"},
		"no Connection":           {without("Connection"), 426, "Connection: Upgrade"},
		"no version":              {without("Sec-WebSocket-Version"), 426, "Sec-WebSocket-Version: 13"},
		"version 8":               {with("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"), 426, "Sec-WebSocket-Version: 13"},
		"no key":                  {without("Sec-WebSocket-Key"), 400, ""},
		"Connection on two lines": {append(without("Connection"), "Connection: keep-alive", "Connection: Upgrade"), 101, "Upgrade: websocket"},
		"a short key":             {with("Sec-WebSocket-Key", "Sec-WebSocket-Key: c2hvcnQ="), 400, ""},
		"a key that is none":      {with("Sec-WebSocket-Key", "Sec-WebSocket-Key: %%%"), 400, ""},
		"two keys":                {handshake(relayPath, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400, ""},
		"HTTP/1.0":                {append([]string{"GET " + relayPath + " HTTP/1.0"}, handshake(relayPath)[1:]...), 426, "Upgrade: websocket"},
		"POST":                    {append([]string{"POST " + relayPath + " HTTP/1.1", "Content-Length: 0"}, handshake(relayPath)[1:]...), 405, ""},
		"no Host":                 {without("Host"), 400, ""},
		"no credential":           {without("Authorization"), 401, "WWW-Authenticate: Bearer"},
		"a wrong credential":      {with("Authorization", "Authorization: Bearer sk-wrong"), 401, "WWW-Authenticate: Bearer"},
		"another scheme":          {with("Authorization", "Authorization: Basic c2s6"), 401, "WWW-Authenticate: Bearer"},
		"the key in the address":  {handshake(relayPath + "?api_key=" + app), 400, ""},
		"a foreign page":          {handshake(relayPath, "Origin: https://evil.example"), 403, ""},
		"an opaque page":          {handshake(relayPath, "Origin: null"), 403, ""},
		"a file":                  {handshake(relayPath, "Origin: file://"), 403, ""},
		"the gateway's own page":  {handshake(relayPath, "Origin: https://gateway"), 101, ""},
		"no such session":         {handshake("/realtime/sessions/none/relay"), 404, ""},
		"a path that climbs":      {handshake("/realtime/sessions/../sessions/one/relay"), 404, ""},
		"a header of 2 MiB":       {handshake(relayPath, "X-Large: "+strings.Repeat("x", 2<<20)), 431, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, res := h.in(t).knock(row.lines...)
			if res.StatusCode != row.status {
				t.Fatalf("status %d, want %d", res.StatusCode, row.status)
			}
			if name, value, _ := strings.Cut(row.header, ":"); strings.TrimSpace(value) != res.Header.Get(name) {
				t.Errorf("%s is %q, want %q", name, res.Header.Get(name), value)
			}
			if res.StatusCode == 101 {
				rawCase{send: whole(m), items: 1}.run(t, p)
			}
			h.unharmed(t)
		})
	}
	h.alone(t)
}

// TestClientsThatVanish end without a word, in the middle of anything.
func TestClientsThatVanish(t *testing.T) {
	h := newHostile(t)
	half := whole(saying("half", 5000))[:1000]
	for name, leave := range map[string]func(*raw){
		"closed":         func(p *raw) { p.Close() },
		"reset":          func(p *raw) { _ = p.SetLinger(0); p.Close() },
		"half-closed":    func(p *raw) { _ = p.CloseWrite() },
		"inside a frame": func(p *raw) { p.write(half); p.Close() },
		"reset inside a frame": func(p *raw) {
			p.write(join(whole(saying("here", 0)), half))
			p.until("here") // a reset that comes together with data is noticed at the next write only
			_ = p.SetLinger(0)
			p.Close()
		},
		"half-closed in a frame": func(p *raw) { p.write(half); _ = p.CloseWrite() },
		"between fragments":      func(p *raw) { p.write(frame(text, m[:9])); p.Close() },
		"during a response": func(p *raw) {
			p.write(join(whole(`{"type":"response.create","response":{"instructions":"simulator:stream"}}`), whole(saying("begun", 0))))
			p.until("begun")
			p.Close()
		},
		"closing during a response": func(p *raw) {
			p.write(join(whole(`{"type":"response.create","response":{"instructions":"simulator:stream"}}`), whole(saying("begun", 0)), closing(1000, "")))
			p.until("")
		},
	} {
		for _, path := range []string{relayPath, openPath} {
			t.Run(name+path[:4], func(t *testing.T) {
				p, _ := h.in(t).knock(handshake(path)...)
				leave(p)
				h.in(t).do("POST", "/realtime/sessions/one/cancel", app, "") // what was begun does not end by itself
				h.alone(t)
				h.unharmed(t)
			})
		}
	}
}

// TestReconnectStorm attaches and drops many clients at once.
func TestReconnectStorm(t *testing.T) {
	h := newHostile(t)
	for _, path := range []string{relayPath, openPath} {
		var storm sync.WaitGroup
		for i := range 40 {
			storm.Go(func() {
				for range 5 {
					p, res := h.knock(handshake(path)...)
					for res.StatusCode == http.StatusTooManyRequests { // the session has 64 that have not been missed yet
						p, res = h.knock(handshake(path)...)
					}
					if res.StatusCode != http.StatusSwitchingProtocols {
						t.Errorf("status %d", res.StatusCode)
					}
					if i%2 == 0 {
						p.write(join(whole(m), closing(1001, "")))
					}
					p.Close()
				}
			})
		}
		storm.Wait()
		h.alone(t)
		h.unharmed(t)
	}
}

// TestBodiesThatStop are given up, whoever would have read them: no connection is held by
// one that has begun a body and goes no further.
func TestBodiesThatStop(t *testing.T) {
	r := newRig(t, standin.Faults{}, func(o *gateway.Options) { o.BodyTime = 20 * time.Millisecond })
	for name, row := range map[string]struct {
		path, secret string
		status       int
	}{
		"read":               {"/realtime/sessions", app, 408},
		"of OpenAI's own":    {"/v1/realtime/client_secrets", app, 408},
		"without credential": {"/realtime/sessions", "sk-wrong", 401},
		"to nowhere":         {"/nothing", app, 404},
		"on the wrong call":  {"/healthz", app, 405},
	} {
		t.Run(name, func(t *testing.T) {
			again := *r
			again.t = t
			p, res := again.knock("POST "+row.path+" HTTP/1.1", "Host: gateway", "Authorization: Bearer "+row.secret, "Content-Length: 100")
			if res.StatusCode != row.status {
				t.Errorf("status %d, want %d", res.StatusCode, row.status)
			}
			if _, err := io.Copy(io.Discard, p.in); err != nil {
				t.Errorf("connection is not closed: %v", err)
			}
		})
	}
}
