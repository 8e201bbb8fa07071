package hub_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"switchboard/session"
	"switchboard/session/hub"
)

// tell sends events and waits until a client has seen them.
func tell(t *testing.T, fx *fixture, c *hub.Controller, up interface{ Send(string) error }, events ...string) {
	t.Helper()
	feed := c.Subscribe()
	defer feed.Close()
	for _, e := range append(events, `{"type":"marker"}`) {
		if err := up.Send(e); err != nil {
			t.Fatal(err)
		}
	}
	for {
		e, err := feed.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if e.Type == "marker" {
			return
		}
	}
}

func texts(c *hub.Controller) string {
	var out []string
	for _, it := range c.Items() {
		out = append(out, it.ID+"="+it.Text)
	}
	return strings.Join(out, " ")
}

func TestConversationOrder(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	added := func(id, previous string) string {
		return `{"type":"conversation.item.added","event_id":"e","previous_item_id":` + previous + `,"item":{"id":"` + id + `","type":"message","role":"user","content":[{"type":"input_text","text":"` + strings.ToUpper(id) + `"}]}}`
	}
	tell(t, fx, c, up, added("a", `null`), added("b", `"a"`), added("d", `"b"`), added("c", `"b"`), added("e", `"d"`))
	if got := texts(c); got != "a=A b=B c=C d=D e=E" {
		t.Errorf("order %s", got)
	}
	tell(t, fx, c, up, `{"type":"conversation.item.deleted","event_id":"e","item_id":"b"}`,
		`{"type":"conversation.item.deleted","event_id":"e","item_id":"unknown"}`)
	if got := texts(c); got != "a=A c=C d=D e=E" {
		t.Errorf("after a deletion %s", got)
	}
	if err := fx.hub.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	kept, err := fx.mem.Items(context.Background(), c.Record().ID)
	if err != nil || len(kept) != 4 || kept[1].ID != "c" {
		t.Errorf("kept %+v, %v", kept, err)
	}
}

// The user's words come late, and what an interrupted answer keeps is what was heard.
func TestTranscripts(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	second := strings.Repeat("A", 64000) // one second of PCM16 at 24 kHz in base64
	tell(t, fx, c, up,
		`{"type":"conversation.item.added","event_id":"e","item":{"id":"u","type":"message","role":"user","content":[{"type":"input_audio","transcript":null}]}}`,
		`{"type":"response.created","event_id":"e","response":{"id":"r","conversation_id":"c"}}`,
		`{"type":"conversation.item.added","event_id":"e","item":{"id":"x","type":"message","role":"assistant","status":"in_progress","content":[]}}`,
		`{"type":"response.output_audio_transcript.delta","event_id":"e","response_id":"r","item_id":"x","delta":"one two "}`,
		`{"type":"response.output_audio.delta","event_id":"e","response_id":"r","item_id":"x","delta":"`+second+`"}`,
		`{"type":"conversation.item.input_audio_transcription.completed","event_id":"e","item_id":"u","transcript":"hello there"}`,
		`{"type":"response.output_audio_transcript.delta","event_id":"e","response_id":"r","item_id":"x","delta":"three \"four\""}`,
		`{"type":"response.output_audio.delta","event_id":"e","response_id":"r","item_id":"x","delta":"`+second+`"}`,
		`{"type":"response.done","event_id":"e","response":{"id":"r","status":"cancelled"}}`,
	)
	if got := texts(c); got != `u=hello there x=one two three "four"` {
		t.Errorf("before the truncation %s", got)
	}
	tell(t, fx, c, up, `{"type":"conversation.item.truncated","event_id":"e","item_id":"x","content_index":0,"audio_end_ms":1000}`)
	items := c.Items()
	if x := items[1]; x.Text != "one two" || x.AudioMS != 2000 || x.HeardMS == nil || *x.HeardMS != 1000 {
		t.Errorf("after it %+v", x)
	}
}

func TestAudioCommands(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	ctx := context.Background()
	type result struct {
		id  string
		err error
	}
	done := make(chan result, 1)
	go func() { id, err := c.CommitAudio(ctx); done <- result{id, err} }()
	want(t, up, "input_audio_buffer.commit")
	send(t, up, `{"type":"input_audio_buffer.committed","event_id":"e","item_id":"item_7"}`)
	if r := <-done; r.err != nil || r.id != "item_7" {
		t.Errorf("commit: %+v", r)
	}
	go func() { done <- result{err: c.ClearAudio(ctx)} }()
	want(t, up, "input_audio_buffer.clear")
	send(t, up, `{"type":"input_audio_buffer.cleared","event_id":"e"}`)
	if r := <-done; r.err != nil {
		t.Errorf("clear: %v", r.err)
	}
	short, cancel := context.WithCancel(ctx)
	go func() { done <- result{err: c.ClearAudio(short)} }()
	want(t, up, "input_audio_buffer.clear")
	cancel()
	if r := <-done; !errors.Is(r.err, context.Canceled) {
		t.Errorf("given up: %v", r.err)
	}
}

// Sessions that come and go leave nothing: the leak check of this package sees the rest.
func TestManySessions(t *testing.T) {
	fx := start(t)
	for i := range 300 {
		c, up := fx.open(session.Spec{ID: session.ID(fmt.Sprintf("s%d", i))})
		cl, left := fx.attach(c, session.Voice())
		send(t, cl, `{"type":"response.create"}`)
		want(t, up, "response.create")
		if i%2 == 0 {
			up.Close(1000, "")
		} else if err := c.End(context.Background(), hub.Ending{}); err != nil {
			t.Fatal(err)
		}
		<-left
	}
	fx.stop()
	if s := fx.hub.Stats(); s.Sessions != 0 || s.Clients != 0 {
		t.Errorf("left behind: %+v", s)
	}
}
