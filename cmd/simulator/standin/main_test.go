package standin_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"
	"go.uber.org/goleak"

	"switchboard/cmd/simulator/standin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testKey = "sk-test-0123456789"

// patience bounds every wait of a test; nothing is decided by it but failure.
const patience = time.Minute

// start serves a stand-in, all of whose events and answers are held against OpenAI's schemas.
func start(t *testing.T, opts standin.Options) (*standin.Server, string) {
	t.Helper()
	if opts.Keys == nil {
		opts.Keys = []string{testKey}
	}
	if opts.Speed == 0 {
		opts.Speed = 50
	}
	opts.Record = watchEvents(t)
	stand := standin.New(opts)
	server := httptest.NewServer(watchAnswers(t, stand))
	t.Cleanup(func() { stand.Close(); server.Close() })
	return stand, server.URL
}

// client is one WebSocket to a stand-in.
type client struct {
	t  *testing.T
	ws *websocket.Conn
}

func dial(t *testing.T, url string) *client {
	t.Helper()
	return dialWith(t, url+"/v1/realtime?model=gpt-realtime", testKey, nil)
}

func dialWith(t *testing.T, url, key string, opts *websocket.DialOptions) *client {
	t.Helper()
	if opts == nil {
		opts = &websocket.DialOptions{}
	}
	if key != "" {
		if opts.HTTPHeader == nil {
			opts.HTTPHeader = map[string][]string{}
		}
		opts.HTTPHeader.Set("Authorization", "Bearer "+key)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, strings.Replace(url, "http", "ws", 1), opts)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	ws.SetReadLimit(-1)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return &client{t, ws}
}

func (c *client) send(event string) {
	c.t.Helper()
	if err := c.ws.Write(c.t.Context(), websocket.MessageText, []byte(event)); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

func (c *client) read() (gjson.Result, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	_, raw, err := c.ws.Read(ctx)
	return gjson.ParseBytes(raw), err
}

// next is the next event; it must be of this type.
func (c *client) next(eventType string) gjson.Result {
	c.t.Helper()
	event, err := c.read()
	if err != nil {
		c.t.Fatalf("want %s, got %v", eventType, err)
	}
	if got := event.Get("type").Str; got != eventType {
		c.t.Fatalf("want %s, got %s", eventType, event.Raw)
	}
	checkShape(c.t, event)
	return event
}

// until reads up to an event of this type and returns all that came, it included.
func (c *client) until(eventType string) []gjson.Result {
	c.t.Helper()
	var events []gjson.Result
	for {
		event, err := c.read()
		if err != nil {
			c.t.Fatalf("want %s, got %v behind %v", eventType, err, types(events))
		}
		checkShape(c.t, event)
		events = append(events, event)
		if event.Get("type").Str == eventType {
			return events
		}
	}
}

// upTo is the last event of until.
func (c *client) upTo(eventType string) gjson.Result {
	c.t.Helper()
	events := c.until(eventType)
	return events[len(events)-1]
}

// closed is how the socket ends, after whatever else comes.
func (c *client) closed() websocket.CloseError {
	c.t.Helper()
	for {
		if _, err := c.read(); err != nil {
			var ended websocket.CloseError
			if !asClose(err, &ended) {
				c.t.Fatalf("want a close frame, got %v", err)
			}
			return ended
		}
	}
}

func asClose(err error, to *websocket.CloseError) bool {
	to.Code = websocket.CloseStatus(err)
	if to.Code == -1 {
		return false
	}
	_, quoted, _ := strings.Cut(err.Error(), "reason = ")
	quoted, _, _ = strings.Cut(quoted+"\n", "\n")
	to.Reason, _ = strconv.Unquote(quoted)
	return true
}

// update applies a session.update; patch is what stands beside type.
func (c *client) update(patch string) gjson.Result {
	c.t.Helper()
	c.send(`{"type":"session.update","session":{"type":"realtime",` + patch + `}}`)
	return c.upTo("session.updated")
}

func (c *client) say(text string) {
	c.t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		c.t.Fatal(err)
	}
	c.send(`{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":` + string(quoted) + `}]}}`)
	c.until("conversation.item.done")
}

// ask has the model answer text in text.
func (c *client) ask(text string) string {
	c.t.Helper()
	c.say(text)
	c.send(`{"type":"response.create","response":{"output_modalities":["text"]}}`)
	done := c.upTo("response.done")
	c.next("rate_limits.updated")
	return done.Get("response.output.0.content.0.text").Str
}

func types(events []gjson.Result) []string {
	var names []string
	for _, event := range events {
		name := event.Get("type").Str
		if strings.HasSuffix(name, ".delta") && len(names) > 0 && names[len(names)-1] == name+" *" {
			continue
		}
		if strings.HasSuffix(name, ".delta") {
			name += " *"
		}
		names = append(names, name)
	}
	return names
}

// checkShape is what holds for every event beside the schemas: what the live API was seen to do.
func checkShape(t *testing.T, event gjson.Result) {
	t.Helper()
	if !strings.HasPrefix(event.Get("event_id").Str, "event_") || event.Get("type").Str == "" {
		t.Errorf("event without type or event_id: %s", event.Raw)
	}
	if event.Get("item.object").Exists() {
		t.Errorf("items have no object on the wire: %s", event.Raw)
	}
	switch event.Get("type").Str {
	case "response.output_text.delta", "response.output_audio_transcript.delta", "response.function_call_arguments.delta":
		if event.Get("obfuscation").Str == "" {
			t.Errorf("text delta without obfuscation: %s", event.Raw)
		}
	case "error":
		for _, name := range []string{"type", "code", "message", "param", "event_id"} {
			if !event.Get("error." + name).Exists() {
				t.Errorf("error without %s: %s", name, event.Raw)
			}
		}
	}
}
