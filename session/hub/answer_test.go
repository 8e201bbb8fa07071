package hub_test

import (
	"strings"
	"testing"
	"time"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// message sends one of the application's that is to be answered, up to its acknowledgement.
func message(t *testing.T, c *hub.Controller, up *sessiontest.Conn, before func()) (sent chan error) {
	t.Helper()
	sent = make(chan error, 1)
	go func() { _, err := c.Message(t.Context(), hub.Message{Text: "hi", Respond: true}); sent <- err }()
	id := field(t, want(t, up, "conversation.item.create"), "item.id")
	before()
	send(t, up, `{"type":"conversation.item.added","event_id":"e","item":{"id":"`+id+`","type":"message","role":"user"}}`)
	return sent
}

func begin(id string) string { return strings.Replace(responseCreated, `"r"`, `"`+id+`"`, 1) }

func over(id string) string { return strings.Replace(responseDone, `"r"`, `"`+id+`"`, 1) }

// refuseResponse answers a request for a response while one is active.
func refuseResponse(t *testing.T, up *sessiontest.Conn) {
	t.Helper()
	id := field(t, want(t, up, "response.create"), "event_id")
	send(t, up, `{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"conversation_already_has_active_response","message":"m","event_id":"`+id+`"}}`)
}

// nothingMore fails if an upstream is asked for anything behind what it was sent.
func nothingMore(t *testing.T, up, cl *sessiontest.Conn) {
	t.Helper()
	send(t, up, `{"type":"marker","event_id":"m"}`)
	for !strings.Contains(want(t, cl), "marker") {
	}
	send(t, cl, `{"type":"input_audio_buffer.clear"}`)
	want(t, up, "input_audio_buffer.clear")
}

// A response that began when the item was there is its answer; one that began before is not.
func TestOneAnswerEach(t *testing.T) {
	t.Run("begins behind the item", func(t *testing.T) {
		talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
			sent := message(t, c, up, func() {})
			want(t, up, "response.create") // which crosses
			send(t, up, begin("r"))
			send(t, up, over("r"))
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			nothingMore(t, up, cl)
		})
	})
	t.Run("is refused for one that began behind it", func(t *testing.T) {
		talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
			sent := message(t, c, up, func() {})
			id := field(t, want(t, up, "response.create"), "event_id")
			send(t, up, begin("by_voice"))
			send(t, up, `{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"conversation_already_has_active_response","message":"m","event_id":"`+id+`"}}`)
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			send(t, up, over("by_voice"))
			nothingMore(t, up, cl)
		})
	})
	t.Run("one is active that began before it", func(t *testing.T) {
		talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
			sent := message(t, c, up, func() { send(t, up, begin("before")) })
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			send(t, up, over("before"))
			want(t, up, "response.create")
			send(t, up, begin("r"))
			send(t, up, over("r"))
			nothingMore(t, up, cl)
		})
	})
	t.Run("another takes the place of the one that is asked for", func(t *testing.T) {
		talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
			sent := message(t, c, up, func() { send(t, up, begin("before")) })
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			send(t, up, over("before"))
			send(t, up, begin("by_voice"))
			refuseResponse(t, up)
			send(t, up, over("by_voice"))
			nothingMore(t, up, cl)
		})
	})
}

// What is refused for its form names the limit and the event.
func TestLimitsOfForm(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	cl, _ := fx.attach(c, session.Open())
	many := ""
	for i := range 1025 {
		many += `,"k` + strings.Repeat("x", i) + `":0`
	}
	for says, event := range map[string]string{
		"128 levels": `{"type":"session.update","session":{"tools":` + strings.Repeat(`[`, 130) + strings.Repeat(`]`, 130) + `},"event_id":"mine"}`,
		"1024 keys":  `{"type":"session.update","session":{` + many[1:] + `},"event_id":"mine"}`,
		"same key":   `{"type":"session.update","session":{"a":1,"a":2},"event_id":"mine"}`,
	} {
		send(t, cl, event)
		if got := want(t, cl, "invalid_json", says); field(t, got, "error.event_id") != "mine" {
			t.Errorf("told %s", got)
		}
	}
	deep := `{"type":"session.update","session":` + strings.Repeat(`{"a":`, 120) + `0` + strings.Repeat(`}`, 120) + `}`
	send(t, cl, deep)
	want(t, up, deep)
	updated := `{"type":"session.updated","event_id":"e","session":` + strings.Repeat(`{"a":`, 400) + `0` + strings.Repeat(`}`, 400) + `}`
	send(t, up, updated)
	want(t, cl, updated)
	if !strings.HasPrefix(string(c.Record().Session), `{"a":{"a":`) {
		t.Error("the session was not taken over")
	}
}
