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

const notModelAudio = `{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":null,"message":"Only model output audio messages can be truncated","param":null,"event_id":null}}`

// interrupted is a session in which an answer is interrupted after so many of its 1000 ms: it
// was played on when the upstream that had made it was lost. Its next upstream refuses that.
func interrupted(t *testing.T, fx *fixture, ms string) (c *hub.Controller, up, cl *sessiontest.Conn) {
	t.Helper()
	c, up = fx.openFor(time.Hour)
	cl, _ = fx.attach(c, session.Voice())
	send(t, up, item("i1", "user", "input_text", "count"))
	send(t, up, `{"type":"response.created","event_id":"e","response":{"id":"r","conversation_id":"c"}}`)
	send(t, up, `{"type":"response.output_audio.delta","event_id":"e","item_id":"i2","response_id":"r","delta":"`+strings.Repeat("A", 64000)+`"}`)
	send(t, up, item("i2", "assistant", "output_text", "one two three four"))
	send(t, up, `{"type":"response.done","event_id":"e","response":{"id":"r","conversation_id":"c","status":"completed"}}`)
	send(t, up, item("i3", "user", "input_text", "and"))
	for range 6 {
		want(t, cl)
	}
	up.Drop()
	up, _ = fx.next("sess_2", time.Hour, 3)
	want(t, cl, "renewed")
	truncate := `{"type":"conversation.item.truncate","item_id":"i2","content_index":0,"audio_end_ms":` + ms + `}`
	send(t, cl, truncate)
	want(t, up, truncate)
	send(t, up, notModelAudio)
	want(t, cl, `"conversation.item.truncated"`, `"item_id":"i2"`, `"audio_end_ms":`+ms, `"content_index":0`, `"event_id"`)
	want(t, up, `"conversation.item.delete"`, `"item_id":"i2"`)
	return c, up, cl
}

// An upstream that knows an answer by its words is told what of them was heard, when somebody
// interrupts it who listens on; the client sees no difference.
func TestAnswerIsInterruptedAfterARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		c, up, cl := interrupted(t, fx, "500")
		want(t, up, `"conversation.item.create"`, `"previous_item_id":"i1"`, `"id":"i2"`, `"text":"one two"`)
		const told = `{"type":"conversation.item.added","event_id":"e","previous_item_id":"i1","item":{"id":"i2","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"one two"}]}}`
		send(t, up, `{"type":"conversation.item.deleted","event_id":"e","item_id":"i2"}`)
		send(t, up, told)
		send(t, up, strings.Replace(told, ".added", ".done", 1))
		send(t, up, `{"type":"marker","event_id":"m"}`)
		want(t, cl, "marker")
		if got := texts(c); got != "i1=count i2=one two i3=and" {
			t.Errorf("the conversation is %s", got)
		}
		if it := c.Items()[1]; it.HeardMS == nil || *it.HeardMS != 500 || it.AudioMS != 1000 {
			t.Errorf("item %+v", it)
		}
		send(t, up, `{"type":"conversation.item.deleted","event_id":"e","item_id":"i2"}`) // this time somebody asked
		want(t, cl, "conversation.item.deleted")
	})
}

// Of an answer that was not heard at all nothing is told again.
func TestAnswerIsNotHeardAfterARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		c, up, cl := interrupted(t, fx, "0")
		send(t, up, `{"type":"conversation.item.deleted","event_id":"e","item_id":"i2"}`)
		send(t, up, strings.Replace(item("i4", "user", "input_text", "five"), `"item"`, `"previous_item_id":"i3","item"`, 1))
		want(t, cl, "i4")
		if got := texts(c); got != "i1=count i2= i3=and i4=five" {
			t.Errorf("the conversation is %s", got)
		}
		untold(t, up)
		synctest.Wait()
	})
}

// An answer of the upstream's own is its own business.
func TestRefusedTruncationIsTold(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		send(t, up, item("i2", "assistant", "output_text", "one two three four"))
		want(t, cl, "i2")
		send(t, cl, `{"type":"conversation.item.truncate","item_id":"i2","content_index":0,"audio_end_ms":0}`)
		send(t, up, notModelAudio)
		want(t, cl, "Only model output")
	})
}
