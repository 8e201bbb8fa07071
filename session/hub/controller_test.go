package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

const created = `{"type":"session.created","event_id":"event_0","session":{"type":"realtime","id":"sess_1","expires_at":4102444800,"audio":{"output":{"format":{"type":"audio/pcm","rate":24000}}}}}`

// fixture is a hub over memory whose upstream is the test itself.
type fixture struct {
	t    testing.TB
	hub  *hub.Hub
	mem  *sessiontest.Memory
	ends chan *sessiontest.Conn // our end of each upstream that was dialled
	stop func()

	onTheWay func([]byte) []byte // changes a snapshot that another node is handed
}

// Dial implements session.Dialer.
func (fx *fixture) Dial(context.Context, session.DialRequest) (session.Conn, error) {
	ours, theirs := sessiontest.Pipe()
	fx.ends <- ours
	return theirs, nil
}

func start(t testing.TB, change ...func(*hub.Options)) *fixture {
	t.Helper()
	fx := &fixture{t: t, mem: sessiontest.NewMemory(), ends: make(chan *sessiontest.Conn, 16)}
	o := hub.Options{Node: "http://node", Dialer: fx, Store: fx.mem, Directory: fx.mem, Meter: fx.mem}
	for _, f := range change {
		f(&o)
	}
	fx.hub = hub.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { fx.hub.Run(ctx) })
	fx.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(fx.stop)
	return fx
}

// open creates a session; up is the test's end of its upstream.
func (fx *fixture) open(spec session.Spec) (c *hub.Controller, up *sessiontest.Conn) {
	fx.t.Helper()
	if spec.ID == "" {
		spec.ID = session.ID(session.NewID("s_"))
	}
	done := make(chan error, 1)
	go func() {
		var err error
		c, err = fx.hub.Create(context.Background(), spec)
		done <- err
	}()
	up = <-fx.ends
	send(fx.t, up, created)
	if err := <-done; err != nil {
		fx.t.Fatalf("create: %v", err)
	}
	return c, up
}

// attach joins a client and reads its session.created.
func (fx *fixture) attach(c *hub.Controller, p session.Policy) (cl *sessiontest.Conn, left chan error) {
	fx.t.Helper()
	return fx.attachAt(c, hub.Attachment{Policy: p})
}

func (fx *fixture) attachAt(c *hub.Controller, a hub.Attachment) (*sessiontest.Conn, chan error) {
	fx.t.Helper()
	ours, theirs := sessiontest.Pipe()
	left := make(chan error, 1)
	go func() { left <- c.Attach(theirs, &a) }()
	want(fx.t, ours, `"type":"session.created"`)
	return ours, left
}

func send(t testing.TB, c *sessiontest.Conn, text string) {
	t.Helper()
	if err := c.Send(text); err != nil {
		t.Fatalf("send: %v", err)
	}
}

// want reads the next event, which must hold every part, and returns it.
func want(t testing.TB, c *sessiontest.Conn, parts ...string) string {
	t.Helper()
	f, err := c.Read()
	if err != nil {
		t.Fatalf("read while waiting for %s: %v", parts, err)
	}
	got := string(f.Payload())
	for _, p := range parts {
		if !strings.Contains(got, p) {
			t.Fatalf("got %s, want it to hold %s", got, p)
		}
	}
	return got
}

func field(t testing.TB, event, path string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(event), &v); err != nil {
		t.Fatal(err)
	}
	for _, p := range strings.Split(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("no %s in %s", path, event)
		}
		v = m[p]
	}
	return fmt.Sprint(v)
}

func TestRelayIsByteForByteBothWays(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	cl, _ := fx.attach(c, session.Voice())
	for _, e := range []string{
		`{"type":"response.output_audio.delta","event_id":"e1","item_id":"i","response_id":"r","delta":"AAAA"}`,
		` { "event_id":"e2" , "type" : "some.new.event", "x":[1,2] } `,
	} {
		send(t, up, e)
		if got := want(t, cl); got != e {
			t.Errorf("client got %s, want %s", got, e)
		}
	}
	e := `{ "audio":"AAAA", "type":"input_audio_buffer.append" }`
	send(t, cl, e)
	if got := want(t, up); got != e {
		t.Errorf("upstream got %s, want %s", got, e)
	}
}

func TestClientEventsAreJudged(t *testing.T) {
	for _, c := range []struct{ name, event, code, param string }{
		{"not JSON", `{"type":`, "invalid_json", ""},
		{"type twice", `{"type":"response.create","type":"session.update"}`, "invalid_json", ""},
		{"no type", `{"event_id":"x"}`, "missing_required_parameter", "type"},
		{"update", `{"type":"session.update","event_id":"x","session":{}}`, "event_not_allowed", "type"},
		{"system item", `{"type":"conversation.item.create","event_id":"x","item":{"type":"message","role":"system"}}`, "event_not_allowed", "item.role"},
		{"call output", `{"type":"conversation.item.create","event_id":"x","item":{"type":"function_call_output"}}`, "event_not_allowed", "item.type"},
		{"instructions", `{"type":"response.create","event_id":"x","response":{"instructions":"be rude"}}`, "event_not_allowed", "response.instructions"},
		{"input", `{"type":"response.create","event_id":"x","response":{"input":[{"type":"message","role":"user"}]}}`, "event_not_allowed", "response.input"},
		{"too large", `{"type":"input_audio_buffer.append","event_id":"x","audio":"` + strings.Repeat("A", 1<<20) + `"}`, "event_too_large", ""},
		{"the gateway's event_id", `{"type":"response.cancel","event_id":"event\u005fgw_x"}`, "invalid_value", "event_id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fx := start(t)
			ctl, up := fx.open(session.Spec{})
			cl, _ := fx.attach(ctl, session.Voice())
			send(t, cl, c.event)
			got := want(t, cl, `"type":"error"`)
			if code := field(t, got, "error.code"); code != c.code {
				t.Errorf("code %s, want %s: %s", code, c.code, got)
			}
			if c.param != "" && field(t, got, "error.param") != c.param {
				t.Errorf("param of %s, want %s", got, c.param)
			}
			if strings.Contains(c.event, `"event_id":"x"`) && field(t, got, "error.event_id") != "x" {
				t.Errorf("event_id of %s, want x", got)
			}
			send(t, cl, `{"type":"response.cancel"}`)
			want(t, up, "response.cancel") // the session goes on, and nothing else came through
		})
	}
}

func TestOpenPolicyAllowsAll(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	cl, _ := fx.attach(c, session.Open())
	for _, e := range []string{
		`{"type":"session.update","session":{"type":"realtime","instructions":"x"}}`,
		`{"type":"response.create","response":{"instructions":"x","input":[]}}`,
		`{"type":"no.such.event"}`,
	} {
		send(t, cl, e)
		want(t, up, e)
	}
}

func TestBinaryAndBadUTF8(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	cl, left := fx.attach(c, session.Voice())
	cl.SendError(session.ErrNotText)
	want(t, cl, "invalid_event")
	send(t, cl, `{"type":"response.cancel"}`)
	want(t, up, "response.cancel")
	cl.SendError(session.ErrNotUTF8)
	want(t, cl, "invalid_utf8")
	var closed *session.CloseError
	if _, err := cl.Read(); !errors.As(err, &closed) || closed.Code != session.CloseNotUTF8 {
		t.Errorf("read after bad UTF-8: %v", err)
	}
	<-left
	fx.attach(c, session.Voice()) // the session is still there
}

func TestOneSpeaks(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	one, left := fx.attach(c, session.Voice())
	two, _ := fx.attach(c, session.Voice())
	appendEvent := `{"type":"input_audio_buffer.append","audio":"AAAA"}`
	send(t, one, appendEvent)
	want(t, up, "append")
	send(t, two, appendEvent)
	want(t, two, "not_the_speaker")
	send(t, two, `{"type":"response.create"}`)
	want(t, up, "response.create")
	one.Close(session.CloseNormal, "")
	<-left
	send(t, two, appendEvent)
	want(t, up, "append")
}

func TestMessageWaitsForTheItemAndTheResponse(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	cl, _ := fx.attach(c, session.Voice())
	type result struct {
		id  string
		err error
	}
	done := make(chan result, 1)
	go func() {
		id, err := c.Message(context.Background(), hub.Message{Text: "hello", Respond: true})
		done <- result{id, err}
	}()
	item := field(t, want(t, up, "conversation.item.create", `"text":"hello"`), "item.id")
	send(t, up, `{"type":"conversation.item.added","event_id":"e","previous_item_id":null,"item":{"id":"`+item+`","type":"message","role":"user","status":"completed","content":[{"type":"input_text","text":"hello"}]}}`)
	want(t, cl, "conversation.item.added")
	want(t, up, "response.create")
	send(t, up, `{"type":"response.created","event_id":"e","response":{"id":"resp_1","conversation_id":"conv"}}`)
	want(t, cl, "response.created")
	if r := <-done; r.err != nil || r.id != item {
		t.Fatalf("message: %q %v", r.id, r.err)
	}
	if items := c.Items(); len(items) != 1 || items[0].Text != "hello" {
		t.Errorf("items %+v", items)
	}
	// A second one during the response asks for its own when that has ended.
	go func() {
		id, err := c.Message(context.Background(), hub.Message{Text: "more", Respond: true})
		done <- result{id, err}
	}()
	item = field(t, want(t, up, "conversation.item.create"), "item.id")
	send(t, up, `{"type":"conversation.item.added","event_id":"e","item":{"id":"`+item+`","type":"message","role":"user","content":[]}}`)
	if r := <-done; r.err != nil {
		t.Fatal(r.err)
	}
	send(t, up, `{"type":"response.done","event_id":"e","response":{"id":"resp_1","status":"completed","usage":{"total_tokens":7,"input_tokens":3,"output_tokens":4}}}`)
	want(t, up, "response.create")
	if u := c.Record().Usage; u.TotalTokens != 7 || u.Responses != 1 {
		t.Errorf("usage %+v", u)
	}
}

func TestRefusalsReachOnlyTheirCaller(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	cl, _ := fx.attach(c, session.Voice())
	done := make(chan error, 1)
	go func() {
		_, err := c.Update(context.Background(), json.RawMessage(`{"bogus":1}`))
		done <- err
	}()
	id := field(t, want(t, up, "session.update", `"type":"realtime"`), "event_id")
	send(t, up, `{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"unknown_parameter","message":"no","param":"session.bogus","event_id":"`+id+`"}}`)
	var refused *session.UpstreamError
	if err := <-done; !errors.As(err, &refused) || refused.Param != "session.bogus" {
		t.Fatalf("update: %v", err)
	}
	go func() { done <- c.Cancel(context.Background()) }()
	id = field(t, want(t, up, "response.cancel"), "event_id")
	send(t, up, `{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"response_cancel_not_active","message":"none","event_id":"`+id+`"}}`)
	if err := <-done; !errors.As(err, &refused) || refused.Class() != session.Benign {
		t.Fatalf("cancel: %v", err)
	}
	send(t, up, `{"type":"marker"}`)
	want(t, cl, "marker") // none of the errors was for the client
}

func TestUpdatesAreSettledInTheirOrder(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	cl, _ := fx.attach(c, session.Open())
	send(t, cl, `{"type":"session.update","session":{"type":"realtime","instructions":"client"}}`)
	want(t, up, "client")
	done := make(chan json.RawMessage, 1)
	go func() {
		s, err := c.Update(context.Background(), json.RawMessage(`{"instructions":"app"}`))
		if err != nil {
			t.Error(err)
		}
		done <- s
	}()
	want(t, up, `"instructions":"app"`)
	send(t, up, `{"type":"session.updated","event_id":"e","session":{"type":"realtime","instructions":"client"}}`)
	want(t, cl, "client")
	select {
	case s := <-done:
		t.Fatalf("the application's update was settled by the client's: %s", s)
	default:
	}
	send(t, up, `{"type":"session.updated","event_id":"e","session":{"type":"realtime","instructions":"app"}}`)
	if s := <-done; !strings.Contains(string(s), "app") {
		t.Errorf("effective %s", s)
	}
}

func TestFunctionResult(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	ctx := context.Background()
	var invalid *session.InvalidError
	if _, err := c.FunctionResult(ctx, "call_1", "{}"); !errors.As(err, &invalid) {
		t.Fatalf("unknown call: %v", err)
	}
	cl, _ := fx.attach(c, session.Voice())
	for _, id := range []string{"call_1", "call_2"} {
		send(t, up, `{"type":"conversation.item.done","event_id":"e","item":{"id":"i_`+id+`","type":"function_call","status":"completed","name":"f","call_id":"`+id+`","arguments":"{}"}}`)
		want(t, cl, id)
	}
	done := make(chan error, 1)
	answer := func(call string) {
		go func() { _, err := c.FunctionResult(ctx, call, "42"); done <- err }()
		item := field(t, want(t, up, "function_call_output", call), "item.id")
		send(t, up, `{"type":"conversation.item.added","event_id":"e","item":{"id":"`+item+`","type":"function_call_output","call_id":"`+call+`","output":"42"}}`)
	}
	answer("call_1")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := c.FunctionResult(ctx, "call_1", "43"); !errors.Is(err, session.ErrExists) {
		t.Fatalf("second answer: %v", err)
	}
	answer("call_2")
	want(t, up, "response.create") // one, after all outputs
	send(t, up, `{"type":"response.created","event_id":"e","response":{"id":"r","conversation_id":"c"}}`)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestFunctionResultBeforeTheNextCall: an application that is quicker than the model gets
// one response, after all outputs.
func TestFunctionResultBeforeTheNextCall(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	done := make(chan error, 1)
	says := func(id string) {
		item := `"item":{"id":"i_` + id + `","type":"function_call","status":"completed","name":"f","call_id":"` + id + `","arguments":"{}"}`
		send(t, up, `{"type":"conversation.item.done","event_id":"e",`+item+`}`)
		if id == "call_1" {
			send(t, up, asked(t, c, up, id, done))
		}
		send(t, up, `{"type":"response.output_item.done","event_id":"e","response_id":"r",`+item+`}`)
	}
	cl, _ := fx.attach(c, session.Voice())
	send(t, up, `{"type":"response.created","event_id":"e","response":{"id":"r","conversation_id":"c"}}`)
	want(t, cl, "response.created")
	says("call_1")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	says("call_2")
	send(t, up, `{"type":"response.done","event_id":"e","response":{"id":"r","status":"completed","conversation_id":"c"}}`)
	send(t, up, asked(t, c, up, "call_2", done)) // the next thing that the upstream is sent: no response before it
	want(t, up, "response.create")
	send(t, up, `{"type":"response.created","event_id":"e","response":{"id":"r2","conversation_id":"c"}}`)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestFunctionResultsAtOnce: one response follows, however the answers fall.
func TestFunctionResultsAtOnce(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	done := make(chan error, 2)
	var added []string
	for _, id := range []string{"call_1", "call_2"} {
		send(t, up, `{"type":"conversation.item.done","event_id":"e","item":{"id":"i_`+id+`","type":"function_call","status":"completed","name":"f","call_id":"`+id+`","arguments":"{}"}}`)
		added = append(added, asked(t, c, up, id, done))
	}
	for _, e := range added { // both outputs are there before either caller knows
		send(t, up, e)
	}
	want(t, up, "response.create")
	send(t, up, `{"type":"response.created","event_id":"e","response":{"id":"r","conversation_id":"c"}}`)
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	send(t, up, `{"type":"response.done","event_id":"e","response":{"id":"r","status":"completed","conversation_id":"c"}}`)
	go func() { done <- c.ClearAudio(context.Background()) }()
	want(t, up, "input_audio_buffer.clear") // and no second response before it
	send(t, up, `{"type":"input_audio_buffer.cleared","event_id":"e"}`)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// asked gives a call's result, as soon as the session knows of the call, and returns what
// the upstream answers when it takes it.
func asked(t *testing.T, c *hub.Controller, up *sessiontest.Conn, call string, done chan<- error) string {
	t.Helper()
	knows := func(it session.Item) bool { return it.CallID == call }
	for !slices.ContainsFunc(c.Items(), knows) {
		runtime.Gosched()
	}
	go func() { _, err := c.FunctionResult(context.Background(), call, "42"); done <- err }()
	item := field(t, want(t, up, "function_call_output", call), "item.id")
	return `{"type":"conversation.item.added","event_id":"e","item":{"id":"` + item + `","type":"function_call_output","call_id":"` + call + `","output":"42"}}`
}

func TestEndTellsEverybody(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{ID: "s1"})
	cl, left := fx.attach(c, session.Voice())
	feed := c.Subscribe()
	if err := c.End(context.Background(), hub.Ending{By: "ops", Reason: "bye"}); err != nil {
		t.Fatal(err)
	}
	var closed *session.CloseError
	if _, err := cl.Read(); !errors.As(err, &closed) || closed.Code != 1000 || closed.Reason != "bye" {
		t.Errorf("client: %v", err)
	}
	<-left
	if _, err := up.Read(); !errors.As(err, &closed) || closed.Code != 1000 {
		t.Errorf("upstream: %v", err)
	}
	if e, err := feed.Next(context.Background()); err != nil || !strings.Contains(string(e.Raw), `"ended_by":"ops"`) {
		t.Errorf("feed: %s %v", e.Raw, err)
	}
	if _, err := feed.Next(context.Background()); !errors.Is(err, hub.ErrEnded) {
		t.Errorf("feed: %v", err)
	}
	r, err := fx.mem.Record(context.Background(), "s1")
	if err != nil || r.Status != session.StatusEnded || r.Reason != "bye" || r.EndedBy != "ops" {
		t.Errorf("record %+v, %v", r, err)
	}
	if _, ok := fx.hub.Controller("s1"); ok {
		t.Error("the hub still has it")
	}
	if _, err := fx.hub.Create(context.Background(), session.Spec{ID: "s1"}); !errors.Is(err, session.ErrExists) {
		t.Errorf("the same ID again: %v", err)
	}
}

func TestSessionEndsWithItsClient(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{EndWithClient: true})
	client, left := fx.attach(c, session.Open())
	client.Drop()
	<-left
	ended(t, up)

	c, up = fx.open(session.Spec{EndWithClient: true})
	gone, theirs := sessiontest.Pipe()
	gone.Drop() // before it was told of the session
	if err := c.Attach(theirs, &hub.Attachment{Policy: session.Open()}); err == nil {
		t.Error("a client that is gone was attached")
	}
	ended(t, up)
}

// ended waits until a session has let go of its upstream.
func ended(t testing.TB, up *sessiontest.Conn) {
	t.Helper()
	if f, err := up.Read(); err == nil {
		t.Errorf("got %s, want the end", f.Payload())
	}
}

func TestUpstreamEndsForGood(t *testing.T) {
	for _, c := range []struct {
		code, want int
		reason     string
	}{{1000, 1000, "because"}, {1008, 1011, "the upstream ended the session with code 1008: because"}, {3000, 3000, "because"}, {4000, 4000, "because"}} {
		fx := start(t)
		ctl, up := fx.open(session.Spec{})
		cl, left := fx.attach(ctl, session.Voice())
		up.Close(c.code, "because")
		var closed *session.CloseError
		if c.code != 1000 {
			want(t, cl, `"type":"error"`, `"code":"upstream_closed"`, `"event_id":"event_`, "because")
		}
		if _, err := cl.Read(); !errors.As(err, &closed) || closed.Code != c.want || closed.Reason != c.reason {
			t.Errorf("after %d the client saw %v, want code %d", c.code, err, c.want)
		}
		<-left
	}
}

func TestOpenFails(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(up *sessiontest.Conn)
		want func(err error) bool
	}{
		{"bad key", func(up *sessiontest.Conn) {
			up.Send(`{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"invalid_api_key","message":"Incorrect API key","event_id":null}}`)
			up.Close(3000, "invalid_request_error.invalid_api_key")
		}, func(err error) bool {
			var u *session.UpstreamError
			return errors.As(err, &u) && u.Class() == session.Account
		}},
		{"closed at once", func(up *sessiontest.Conn) { up.Close(1008, "no") }, func(err error) bool {
			var c *session.CloseError
			return errors.As(err, &c) && c.Code == 1008
		}},
		{"garbage first", func(up *sessiontest.Conn) {
			up.Send(`garbage`)
			up.SendError(session.ErrNotText)
			up.Send(`{"type":"some.event"}`)
			up.Close(1011, "")
		}, func(err error) bool { return err != nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			fx := start(t)
			done := make(chan error, 1)
			go func() {
				_, err := fx.hub.Create(context.Background(), session.Spec{ID: "x"})
				done <- err
			}()
			c.do(<-fx.ends)
			if err := <-done; !c.want(err) {
				t.Errorf("create: %v", err)
			}
			if _, err := fx.mem.Owner(context.Background(), "x"); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("the lease is still there: %v", err)
			}
		})
	}
}
