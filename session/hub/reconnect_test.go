package hub_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

func speech(n string) string { return `{"type":"input_audio_buffer.append","audio":"` + n + `"}` }

// A client that comes back with its token while its old connection is half open speaks at once.
// What still arrives on the old one is older, and does not go in between.
func TestSpeakerComesBack(t *testing.T) {
	for name, last := range map[string]string{"with the last event": "e1", "without": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fx := start(t)
				defer fx.stop()
				c, up := fx.openFor(time.Hour)
				voice := hub.Attachment{Policy: session.Voice(), Token: "ada"}
				old, _ := fx.attachAt(c, voice)
				send(t, up, `{"type":"marker","event_id":"e1"}`)
				want(t, old, "marker")
				send(t, old, speech("AAAA"))
				want(t, up, "AAAA")
				voice.LastEventID = last
				back, _ := fx.attachAt(c, voice)
				for _, chunk := range []string{"BBBB", "CCCC"} {
					send(t, back, speech(chunk))
					want(t, up, chunk)
				}
				send(t, old, speech("DDDD"))
				want(t, old, "not_the_speaker")
				stranger, _ := fx.attachAt(c, hub.Attachment{Policy: session.Voice(), Token: "eve"})
				send(t, stranger, speech("EEEE"))
				want(t, stranger, "not_the_speaker")
				anonymous, _ := fx.attachAt(c, hub.Attachment{Policy: session.Voice()})
				send(t, anonymous, speech("FFFF"))
				want(t, anonymous, "not_the_speaker")
				send(t, back, speech("GGGG"))
				want(t, up, "GGGG")
			})
		})
	}
}

// What was interrupted while the connection was away is told first after it is back, also if
// another node runs the session by then, whose upstream is not there yet.
func TestInterruptionIsToldOnAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, cut := pair(t)
		defer b.stop()
		defer a.stop()
		c, up := a.openFor(time.Hour)
		cl, left := a.attach(c, session.Voice())
		send(t, up, item("i1", "user", "input_text", "count"))
		send(t, up, `{"type":"response.created","event_id":"e","response":{"id":"r","conversation_id":"c"}}`)
		send(t, up, `{"type":"response.output_audio.delta","event_id":"e","item_id":"i2","response_id":"r","delta":"`+strings.Repeat("A", 64000)+`"}`)
		send(t, up, item("i2", "assistant", "output_text", "one two three four"))
		send(t, up, `{"type":"response.done","event_id":"e_done","response":{"id":"r","conversation_id":"c","status":"completed"}}`)
		for range 5 {
			want(t, cl)
		}
		time.Sleep(time.Second)
		cut.set(true)
		for err := error(nil); err == nil; {
			_, err = cl.Receive()
		}
		<-left
		up = <-b.ends // it is being made
		again, ok := b.hub.Controller("s")
		if !ok {
			t.Fatal("not running on the second node")
		}
		back, _ := b.attachAt(again, hub.Attachment{Policy: session.Voice(), LastEventID: "e_done"})
		send(t, back, `{"type":"response.cancel","event_id":"cancel"}`)
		truncate := `{"type":"conversation.item.truncate","event_id":"cut","item_id":"i2","content_index":0,"audio_end_ms":500}`
		send(t, back, truncate)
		synctest.Wait()
		send(t, up, createdFor("sess_2", time.Hour))
		want(t, up, "session.update")
		send(t, up, strings.Replace(createdFor("sess_2", time.Hour), "created", "updated", 1))
		for _, id := range []string{"i1", "i2"} {
			want(t, up, "conversation.item.create", id)
			send(t, up, `{"type":"conversation.item.added","event_id":"x","item":{"id":"`+id+`","type":"message"}}`)
		}
		want(t, up, "response.cancel")
		want(t, up, truncate)
		want(t, back, "renewed", "moved")
		send(t, up, `{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"response_cancel_not_active","message":"no","event_id":"cancel"}}`)
		want(t, back, "response_cancel_not_active")
		send(t, up, strings.Replace(notModelAudio, `"event_id":null`, `"event_id":"cut"`, 1))
		want(t, back, "conversation.item.truncated", `"audio_end_ms":500`)
		want(t, up, "conversation.item.delete", "i2")
		want(t, up, "conversation.item.create", "one two")
		if it := again.Items()[1]; it.HeardMS == nil || *it.HeardMS != 500 || it.Text != "one two" {
			t.Errorf("%+v", it)
		}
	})
}

// The same after the upstream was replaced on the same node while the client was away.
func TestInterruptionIsToldAfterARenewal(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		send(t, up, `{"type":"response.created","event_id":"e","response":{"id":"r","conversation_id":"c"}}`)
		send(t, up, `{"type":"response.output_audio.delta","event_id":"e","item_id":"i2","response_id":"r","delta":"`+strings.Repeat("A", 64000)+`"}`)
		send(t, up, item("i2", "assistant", "output_text", "one two three four"))
		send(t, up, `{"type":"response.done","event_id":"e_done","response":{"id":"r","conversation_id":"c","status":"completed"}}`)
		for range 4 {
			want(t, cl)
		}
		cl.Drop()
		up.Drop()
		up, _ = fx.next("sess_2", time.Hour, 1)
		synctest.Wait()
		back, _ := fx.attachAt(c, hub.Attachment{Policy: session.Voice(), LastEventID: "e_done"})
		want(t, back, "renewed")
		send(t, back, `{"type":"conversation.item.truncate","event_id":"cut","item_id":"i2","content_index":0,"audio_end_ms":500}`)
		want(t, up, "truncate")
		send(t, up, strings.Replace(notModelAudio, `"event_id":null`, `"event_id":"cut"`, 1))
		want(t, back, "conversation.item.truncated")
		if it := c.Items()[0]; it.HeardMS == nil || *it.HeardMS != 500 || it.Text != "one two" {
			t.Errorf("%+v", it)
		}
	})
}

// An answer of which nothing is known but that it began, so that the next upstream was not told of
// it, can be cut off there, too.
func TestInterruptionOfWhatIsNotTold(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		send(t, up, item("i2", "assistant", "output_text", ""))
		want(t, cl, "i2")
		up.Drop()
		up, _ = fx.next("sess_2", time.Hour, 0)
		want(t, cl, "renewed")
		send(t, cl, `{"type":"conversation.item.truncate","event_id":"cut","item_id":"i2","content_index":0,"audio_end_ms":0}`)
		want(t, up, "truncate")
		send(t, up, `{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"item_truncate_invalid_item_id","message":"no such item","event_id":"cut"}}`)
		want(t, cl, "conversation.item.truncated", "i2")
		if it := c.Items()[0]; it.HeardMS == nil || *it.HeardMS != 0 {
			t.Errorf("%+v", it)
		}
	})
}
