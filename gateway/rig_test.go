package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway"
	"switchboard/session/hub"
	"switchboard/session/price"
	"switchboard/session/sessiontest"
	"switchboard/session/upstream"
	"switchboard/webhooks/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a wait may last that only a broken test waits for.
const patience = time.Minute

// The keys that a rig knows.
const (
	app      = "sk-app-secret"
	other    = "sk-other-secret"
	operator = "sk-operator-secret"
	admin    = "sk-admin-secret"
	keyList  = "app:app:" + app + ",other:app:" + other + ",ops:operator:" + operator + ",root:admin:" + admin
)

// rig is a gateway with a real hub, a stand-in for OpenAI and a store in memory.
type rig struct {
	t       *testing.T
	url     string
	store   *sessiontest.Memory
	hub     *hub.Hub
	gateway *gateway.Gateway
	log     *logBuffer // whole after stop, but for what sockets still log
	stop    func()
}

func newRig(t *testing.T, faults standin.Faults, change func(*gateway.Options)) *rig {
	t.Helper()
	return newRigWithKey(t, "sk-upstream", faults, change)
}

// newRigWithKey is newRig with the key that the gateway has for the upstream, which knows sk-upstream only.
func newRigWithKey(t *testing.T, key string, faults standin.Faults, change func(*gateway.Options)) *rig {
	t.Helper()
	openai := standin.New(standin.Options{Keys: []string{"sk-upstream"}, Faults: faults, Speed: 50})
	behind := httptest.NewServer(openai)
	dialer, err := upstream.New(upstream.Options{BaseURL: behind.URL + "/v1", Key: key})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, store: sessiontest.NewMemory(), log: &logBuffer{}}
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	box, err := seal.ForSessions("k")
	if err != nil {
		t.Fatal(err)
	}
	hub := hub.New(hub.Options{Node: "http://node", Dialer: dialer, Store: r.store, Directory: r.store, Meter: r.store, Grants: r.store, Prices: price.Default(), CostLabels: []string{"team"}, Logger: log, Sealer: box})
	r.hub = hub
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = hub.Run(ctx) }()
	keys, err := gateway.ParseKeys(strings.NewReader(keyList))
	if err != nil {
		t.Fatal(err)
	}
	o := gateway.Options{Hub: hub, Sealer: box, Store: r.store, Grants: r.store, Keys: keys, Logger: log, Model: "gpt-realtime-2.1", TranscriptionModel: "gpt-transcribe", Broadcasts: r.store, KeyRing: r.store, Spending: r.store, CostLabels: []string{"team"}}
	if change != nil {
		change(&o)
	}
	if r.gateway, err = gateway.New(o); err != nil {
		t.Fatal(err)
	}
	watching := make(chan struct{})
	go func() { defer close(watching); r.gateway.WatchKeys(ctx) }()
	sessiontest.Eventually(t, "the keys are read", func() bool { return gateway.KeysRead(r.gateway) })
	front := httptest.NewServer(r.gateway)
	r.url = front.URL
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		r.gateway.Drain()
		cancel()
		<-ended
		<-watching
		r.gateway.Wait()
		front.Close()
		behind.Close()
		openai.Close()
		http.DefaultClient.CloseIdleConnections()
	}
	t.Cleanup(r.stop)
	return r
}

// answer is what came back, with the body read.
type answer struct {
	*http.Response
	body []byte
}

func (a answer) field(t *testing.T, path ...string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("not JSON: %q", a.body)
	}
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("no %v in %s", path, a.body)
		}
		v = m[name]
	}
	return v
}

// do sends one request; headers are pairs.
func (r *rig) do(method, path, key, body string, header ...string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{res, raw}
}

// must is do for a request that has to work.
func (r *rig) must(status int, method, path, key, body string) answer {
	r.t.Helper()
	a := r.do(method, path, key, body)
	if a.StatusCode != status {
		r.t.Fatalf("%s %s: %d, want %d: %s", method, path, a.StatusCode, status, a.body)
	}
	return a
}

// open makes a session and returns its client token.
func (r *rig) open(id string) string {
	r.t.Helper()
	a := r.must(201, "POST", "/realtime/sessions", app, `{"session_id":"`+id+`"}`)
	return a.field(r.t, "client_secret", "value").(string)
}

// peer is a client on a WebSocket, by a library that is not ours.
type peer struct {
	t *testing.T
	*websocket.Conn
}

// dial opens a WebSocket; the key goes into a header, a token into a subprotocol.
func (r *rig) dial(path, secret string, header ...string) (*peer, *http.Response, error) {
	r.t.Helper()
	o := &websocket.DialOptions{HTTPHeader: http.Header{}}
	switch {
	case strings.HasPrefix(secret, "ek_"):
		o.Subprotocols = []string{"realtime", "openai-insecure-api-key." + secret}
	case secret != "":
		o.HTTPHeader.Set("Authorization", "Bearer "+secret)
	}
	for i := 0; i < len(header); i += 2 {
		o.HTTPHeader.Set(header[i], header[i+1])
	}
	c, res, err := websocket.Dial(r.t.Context(), r.url+path, o)
	if err != nil {
		return nil, res, err
	}
	c.SetReadLimit(-1)
	r.t.Cleanup(func() { _ = c.CloseNow() })
	return &peer{r.t, c}, res, nil
}

// attach is dial for a connection that has to come about.
func (r *rig) attach(path, secret string) *peer {
	r.t.Helper()
	p, _, err := r.dial(path, secret)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// until reads events up to one of this type and returns it.
func (p *peer) until(typ string) map[string]any {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for {
		_, raw, err := p.Read(ctx)
		if err != nil {
			p.t.Fatalf("waiting for %s: %v", typ, err)
		}
		var e map[string]any
		if err := json.Unmarshal(raw, &e); err != nil {
			p.t.Fatalf("not JSON: %q", raw)
		}
		if e["type"] == typ {
			return e
		}
	}
}

// closed reads to the end and returns how it came.
func (p *peer) closed() websocket.CloseError {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for {
		if _, _, err := p.Read(ctx); err != nil {
			var c websocket.CloseError
			if !asClose(err, &c) {
				p.t.Fatalf("ended without a close frame: %v", err)
			}
			return c
		}
	}
}

func (p *peer) say(event string) {
	p.t.Helper()
	if err := p.Write(p.t.Context(), websocket.MessageText, []byte(event)); err != nil {
		p.t.Fatal(err)
	}
}

// logBuffer keeps what is logged. Handlers may write while a test reads.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
