package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway"
	"switchboard/session"
	"switchboard/session/broadcast"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
	"switchboard/session/upstream"
)

// member is one node of a fleet in this process.
type member struct {
	url     string
	hub     *hub.Hub
	gateway *gateway.Gateway
	drain   func() // as SIGTERM does
	vanish  func() // its address answers no more, and it reaches no other node
}

// fleet is some nodes over one memory and one stand-in.
type fleet struct {
	*rig  // of the node at its url
	mem   *sessiontest.Memory
	nodes []*member
}

const fleetSecret = "the nodes' own secret"

func newFleet(t *testing.T, n int) *fleet {
	t.Helper()
	t.Parallel() // one of them waits for as long as all others take
	mem := sessiontest.NewMemory()
	f := &fleet{rig: &rig{t: t}, mem: mem}
	openai := standin.New(standin.Options{Keys: []string{"sk-upstream"}, Speed: 50})
	behind := httptest.NewServer(openai)
	t.Cleanup(func() { behind.Close(); openai.Close() })
	dialer, err := upstream.New(upstream.Options{BaseURL: behind.URL + "/v1", Key: "sk-upstream"})
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		f.nodes = append(f.nodes, f.join(mem, dialer))
	}
	return f
}

func (f *fleet) join(mem *sessiontest.Memory, dialer session.Dialer) *member {
	t := f.t
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &member{url: "http://" + l.Addr().String()}
	secret := gateway.Secret(func(context.Context) ([]byte, error) { return []byte(fleetSecret), nil })
	client := &http.Client{Transport: gateway.NodeTransport(nil)}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	var vanished atomic.Bool
	handOver := func(ctx context.Context, to session.Node, s session.Snapshot) error {
		if vanished.Load() {
			return errors.New("cut off")
		}
		return gateway.HandOver(client, secret)(ctx, to, s)
	}
	m.hub = hub.New(hub.Options{
		Node: m.url, Dialer: dialer, Store: mem, Directory: mem, Meter: mem, Fleet: mem, Broadcasts: mem, Grants: mem,
		HandOver: handOver, Logger: log, Peers: gateway.Peers(gateway.NodeTransport(nil), secret),
	})
	keys, err := gateway.ParseKeys(strings.NewReader(keyList))
	if err != nil {
		t.Fatal(err)
	}
	m.gateway, err = gateway.New(gateway.Options{
		Hub: m.hub, Node: m.url, Directory: mem, Silence: 50 * time.Millisecond, Secret: secret, Broadcasts: mem,
		Store: mem, Grants: mem, Keys: keys, KeyRing: mem, Logger: log, Model: "gpt-realtime-2.1",
	})
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: m.gateway}}
	server.Start()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = m.hub.Run(ctx) }()
	watching := make(chan struct{})
	go func() { defer close(watching); m.gateway.WatchKeys(ctx) }()
	m.drain = sync.OnceFunc(func() { m.gateway.Drain(); cancel(); <-ended; <-watching; m.gateway.Wait() })
	m.vanish = sync.OnceFunc(func() { vanished.Store(true); server.CloseClientConnections(); server.Listener.Close() })
	t.Cleanup(func() { m.drain(); server.Close(); client.CloseIdleConnections(); gateway.CloseNodes(m.gateway) })
	return m
}

// on calls one node as the fleet's first app key.
func (f *fleet) on(m *member, want int, method, path, body string) answer {
	f.t.Helper()
	f.url = m.url
	return f.must(want, method, path, app, body)
}

func (f *fleet) attach(m *member, id, last string) *websocket.Conn {
	f.t.Helper()
	address := strings.Replace(m.url, "http", "ws", 1) + "/realtime/sessions/" + id + "/relay?last_event_id=" + last
	c, _, err := websocket.Dial(f.t.Context(), address, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + app}}})
	if err != nil {
		f.t.Fatalf("attach: %v", err)
	}
	c.SetReadLimit(1 << 24)
	return c
}

// until reads events up to one of this type, and returns its event_id.
func until(t *testing.T, c *websocket.Conn, typ string) string {
	t.Helper()
	return await(t, c, typ).Get("event_id").Str
}

// await is until for who wants all of the event.
func await(t *testing.T, c *websocket.Conn, typ string) gjson.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, raw, err := c.Read(ctx)
		if err != nil {
			t.Fatalf("waiting for %s: %v", typ, err)
		}
		if e := gjson.ParseBytes(raw); e.Get("type").Str == typ {
			return e
		}
	}
}

func TestAnyRequestToAnyNode(t *testing.T) {
	f := newFleet(t, 2)
	a, b := f.nodes[0], f.nodes[1]
	f.on(a, 201, "POST", "/realtime/sessions", `{"session_id":"one","config":{"output_modalities":["text"]}}`)
	c := f.attach(b, "one", "")
	until(t, c, "session.created")
	path := "/realtime/sessions/one"
	sse, stop := f.follow(b, path+"/events")
	f.on(b, 200, "POST", path+"/message", `{"text":"hello"}`)
	until(t, c, "response.done")
	if line := <-sse; !strings.Contains(line, "conversation.item.added") {
		t.Errorf("the stream began with %q", line)
	}
	stop()
	pageA, _ := f.follow(a, path+"/events?viewer=true")
	pageB, _ := f.follow(b, path+"/events?viewer=true")
	for line := range pageA {
		if strings.Contains(line, `"pages":2`) {
			break // the page on the other node
		}
	}
	if line := <-pageB; !strings.Contains(line, "switchboard.session.viewers") {
		t.Errorf("the page on the other node is told %q", line)
	}
	f.on(b, 200, "PATCH", path, `{"instructions":"be brief"}`)
	until(t, c, "session.updated")
	if problem := f.on(b, 422, "PATCH", path, `{"speed":99}`); !strings.Contains(string(problem.body), "upstream-refused") {
		t.Errorf("problem %s", problem.body)
	}
	f.on(b, 409, "POST", path+"/cancel", "")
	f.on(b, 200, "POST", path+"/audio/clear", "")
	f.on(b, 422, "POST", path+"/function-result", `{"call_id":"none","output":"x"}`)
	if items := f.on(b, 200, "GET", path+"/items", ""); !strings.Contains(string(items.body), "hello") {
		t.Errorf("items %s", items.body)
	}
	f.on(b, 200, "HEAD", path+"/items", "")
	f.on(b, 201, "POST", path+"/client-secret", "")
	f.on(b, 200, "DELETE", path, "")
	var err error
	for err == nil {
		_, _, err = c.Read(t.Context())
	}
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != 1000 {
		t.Errorf("the client saw %v", err)
	}
	f.on(b, 410, "POST", path+"/cancel", "")
	f.on(b, 404, "GET", "/realtime/sessions/unknown", "")
}

// A node that is lost with a request in hand may have done what it was asked: it is not
// done again on another one, unless that changes nothing.
func TestNodeLostInARequest(t *testing.T) {
	f := newFleet(t, 1)
	var asked atomic.Int64
	var lease session.Lease
	lost := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if asked.Add(1) == 3 {
			f.release(lease)
		}
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}))
	defer lost.Close()
	lease = f.acquire("one", lost.URL)
	problem := f.on(f.nodes[0], 502, "POST", "/realtime/sessions/one/message", `{"text":"hello"}`)
	if !strings.Contains(string(problem.body), "node-lost") || asked.Load() != 1 {
		t.Errorf("asked %d times, answered %s", asked.Load(), problem.body)
	}
	f.on(f.nodes[0], 404, "GET", "/realtime/sessions/one", "") // once the lease is over
	if asked.Load() != 3 {
		t.Errorf("what can be asked again was asked %d times", asked.Load()-1)
	}
}

// acquire gives a node that is not of the fleet the lease of a session, for as long as a test lasts.
func (f *fleet) acquire(id session.ID, node string) session.Lease {
	f.t.Helper()
	lease, err := f.mem.Acquire(f.t.Context(), id, session.Holder{Node: node, Incarnation: node})
	if err != nil {
		f.t.Fatal(err)
	}
	return lease
}

// release ends a lease, as its time would.
func (f *fleet) release(l session.Lease) {
	if err := f.mem.Release(context.Background(), l); err != nil {
		f.t.Error(err)
	}
}

// follow reads the data lines of an event stream.
func (f *fleet) follow(m *member, path string) (lines <-chan string, stop func()) {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", m.url+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+app)
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != 200 {
		f.t.Fatalf("follow: %v %v", res, err)
	}
	out, done := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(done)
		for in := bufio.NewScanner(res.Body); in.Scan(); {
			if data, ok := strings.CutPrefix(in.Text(), "data: "); ok {
				out <- data
			}
		}
	}()
	return out, func() { cancel(); res.Body.Close(); <-done }
}

// A node that is gone: the next request for its session claims it, after its lease.
func TestRequestClaimsWhatALostNodeRan(t *testing.T) {
	f := newFleet(t, 2)
	a, b := f.nodes[0], f.nodes[1]
	f.on(a, 201, "POST", "/realtime/sessions", `{"session_id":"one","config":{"output_modalities":["text"]}}`)
	f.on(a, 200, "POST", "/realtime/sessions/one/message", `{"text":"remember me","respond":false}`)
	if status := f.status(b, "/realtime/sessions/one/items"); status != 200 {
		t.Fatalf("before: %d", status)
	}
	a.vanish()
	if status := f.status(b, "/realtime/sessions/one/items"); status != 503 {
		t.Errorf("while its lease lasts: %d", status)
	}
	a.drain()
	items := f.on(b, 200, "GET", "/realtime/sessions/one/items", "")
	if len(items.field(t, "items").([]any)) != 1 || !strings.Contains(string(items.body), "remember me") {
		t.Errorf("items %s", items.body)
	}
	if _, ok := b.hub.Controller("one"); !ok {
		t.Error("the other node does not run it")
	}
}

func (f *fleet) status(m *member, path string) int {
	f.t.Helper()
	f.url = m.url
	r, err := http.NewRequestWithContext(f.t.Context(), "GET", m.url+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+app)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// A node that stops hands its sessions over; a client comes back through the node it was
// on before or another, and misses nothing.
func TestNodeStopsAndItsClientsGoOn(t *testing.T) {
	f := newFleet(t, 2)
	a, b := f.nodes[0], f.nodes[1]
	f.on(a, 201, "POST", "/realtime/sessions", `{"session_id":"one","config":{"output_modalities":["text"],"instructions":"keep me"}}`)
	c := f.attach(a, "one", "")
	f.on(a, 200, "POST", "/realtime/sessions/one/message", `{"text":"hello"}`)
	until(t, c, "response.created")
	created := until(t, c, "conversation.item.added")
	last := until(t, c, "response.done")
	a.drain()
	c = f.attach(b, "one", created)
	if got := until(t, c, "response.done"); got != last {
		t.Errorf("missed event %s, want %s", got, last)
	}
	until(t, c, "switchboard.session.renewed")
	f.on(b, 200, "POST", "/realtime/sessions/one/message", `{"text":"again"}`)
	until(t, c, "response.done")
	view := f.on(b, 200, "GET", "/realtime/sessions/one", "")
	if view.field(t, "node") != b.url || !strings.Contains(string(view.body), "keep me") {
		t.Errorf("session %s", view.body)
	}
	c.CloseNow()
}

// What the user said goes along with a session that moves, also if nobody has transcribed it.
func TestSpeechMovesWithItsSession(t *testing.T) {
	f := newFleet(t, 2)
	a, b := f.nodes[0], f.nodes[1]
	f.on(a, 201, "POST", "/realtime/sessions", `{"session_id":"one","config":{"type":"realtime","audio":{"input":{"turn_detection":null,"transcription":null}}}}`)
	c := f.attach(a, "one", "")
	send := func(event string) {
		if err := c.Write(t.Context(), websocket.MessageText, []byte(event)); err != nil {
			t.Fatal(err)
		}
	}
	spoken := make(map[string]string) // by item
	var last string
	for _, loud := range []byte{16, 32} {
		speech := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0, loud}, 24000/5)) // 200 ms
		send(`{"type":"input_audio_buffer.append","audio":"` + speech + `"}`)
		send(`{"type":"input_audio_buffer.commit"}`)
		done := await(t, c, "conversation.item.done")
		last = done.Get("event_id").Str
		spoken[done.Get("item.id").Str] = speech
	}
	a.drain()
	c = f.attach(b, "one", last)
	defer c.CloseNow()
	until(t, c, "switchboard.session.renewed")
	for id, speech := range spoken {
		send(`{"type":"conversation.item.retrieve","item_id":"` + id + `"}`)
		if got := await(t, c, "conversation.item.retrieved").Get("item.content.0.audio").Str; got != speech {
			t.Errorf("the next upstream has %d characters of audio, %d were spoken", len(got), len(speech))
		}
	}
}

// Whoever was told that a session is open finds it in the list of any node.
func TestSessionIsListedAtOnce(t *testing.T) {
	f := newFleet(t, 2)
	for i := range 5 {
		f.on(f.nodes[i%2], 201, "POST", "/realtime/sessions", fmt.Sprintf(`{"session_id":"s%d"}`, i))
		list := f.on(f.nodes[1-i%2], 200, "GET", "/realtime/sessions", "")
		if n := len(list.field(t, "sessions").([]any)); n != i+1 {
			t.Errorf("%d sessions listed of %d", n, i+1)
		}
	}
}

func TestNodesProveThemselves(t *testing.T) {
	f := newFleet(t, 1)
	m := f.nodes[0]
	for _, header := range []string{"", "1.x", fmt.Sprintf("%d.AAAA", time.Now().Unix())} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", m.url+"/internal/sessions/one", strings.NewReader(`{"record":{"id":"one"}}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Switchboard-Node", header)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 401 {
			t.Errorf("header %q: %d", header, res.StatusCode)
		}
	}
}

func TestBroadcastRoutes(t *testing.T) {
	f := newFleet(t, 2)
	a, b := f.nodes[0], f.nodes[1]
	for i, m := range []*member{a, b, a} {
		f.on(m, 201, "POST", "/realtime/sessions", fmt.Sprintf(`{"session_id":"s%d","labels":{"team":"t%d"},"config":{"instructions":"own"}}`, i, i%2))
	}
	f.url = b.url
	f.must(403, "POST", "/realtime/broadcasts", app, `{"instructions":"x"}`)
	f.must(422, "POST", "/realtime/broadcasts", operator, `{"instructions":""}`)
	f.must(422, "POST", "/realtime/broadcasts", operator, `{"instructions":"x","mode":"shout"}`)
	if no := f.must(422, "POST", "/realtime/broadcasts", operator, `{"instructions":"x","select":{"a:b":"c"}}`); !strings.Contains(string(no.body), "body.select") {
		t.Errorf("problem %s", no.body)
	}
	made := f.must(202, "POST", "/realtime/broadcasts", operator, `{"instructions":"closing at 8","select":{"team":"t0"}}`)
	path := made.Header.Get("Location")
	now := f.settled(path, 2)
	if now.By == "" || now.Mode != "append" || now.Matched != 2 || now.Outcomes["applied"] != 2 {
		t.Errorf("broadcast %+v", now)
	}
	if got := f.must(200, "GET", "/realtime/sessions/s2", operator, ""); !strings.Contains(string(got.body), `own\n\nclosing at 8`) {
		t.Errorf("session %s", got.body)
	}
	told := func(id, own string, broadcasts int) {
		t.Helper()
		got := gjson.GetBytes(f.must(200, "GET", "/realtime/sessions/"+id, app, "").body, "instructions")
		if got.Get("own").Str != own || int(got.Get("broadcasts.#").Int()) != broadcasts {
			t.Errorf("%s is told %s", id, got.Raw)
		}
	}
	told("s1", "own", 0)
	told("s2", "own", 1)
	f.must(200, "PATCH", "/realtime/sessions/s2", app, `{"instructions":"mine"}`)
	told("s2", "mine", 1)
	sessiontest.Eventually(t, "the log says whose broadcast it was", func() bool { return f.logged("s2", `"command":"broadcast","by":"ops"`) })
	if page := f.must(200, "GET", path+"/outcomes?status=applied", operator, ""); len(page.field(t, "outcomes").([]any)) != 2 {
		t.Errorf("outcomes %s", page.body)
	}
	f.must(200, "DELETE", path, operator, "")
	sessiontest.Eventually(t, "the log says who withdrew it", func() bool { return f.logged("s2", `"command":"withdraw","by":"ops"`) })
	told("s2", "mine", 0)
	f.must(409, "DELETE", path, operator, "")
	f.must(404, "GET", "/realtime/broadcasts/1-1", operator, "")
	if list := f.must(200, "GET", "/realtime/broadcasts", operator, ""); len(list.field(t, "broadcasts").([]any)) != 1 {
		t.Errorf("list %s", list.body)
	}
}

// logged reports whether an event in a session's log has this in it.
func (f *fleet) logged(id session.ID, part string) bool {
	f.t.Helper()
	events, err := f.mem.Events(f.t.Context(), id, "", 1000)
	if err != nil {
		f.t.Fatal(err)
	}
	return slices.ContainsFunc(events, func(e session.LoggedEvent) bool { return strings.Contains(string(e.Raw), part) })
}

// settled waits until a broadcast has so many outcomes.
func (f *fleet) settled(path string, n int) (s broadcast.BroadcastStatus) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		if err := json.Unmarshal(f.must(200, "GET", path, operator, "").body, &s); err != nil {
			f.t.Fatal(err)
		}
		var sum int
		for _, c := range s.Outcomes {
			sum += c
		}
		if sum >= n {
			return s
		}
	}
	f.t.Fatalf("not settled: %+v", s)
	return s
}
