package hub_test

import (
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// heard is a turn of the user's that nobody transcribes.
func heard(t *testing.T, up, cl *sessiontest.Conn, id string) {
	t.Helper()
	send(t, up, `{"type":"conversation.item.done","event_id":"e_`+id+`","item":{"id":"`+id+`","type":"message","role":"user","status":"completed","content":[{"type":"input_audio","transcript":null}]}}`)
	want(t, cl, id)
}

// retrieval waits until an upstream is asked for an item, and returns the ID of that event.
func retrieval(t *testing.T, up *sessiontest.Conn, item string) string {
	t.Helper()
	asked := want(t, up, `"conversation.item.retrieve"`, `"item_id":"`+item+`"`)
	return regexp.MustCompile(`"event_id":"([^"]+)"`).FindStringSubmatch(asked)[1]
}

func retrieved(id, audio string) string {
	return `{"type":"conversation.item.retrieved","event_id":"e","item":{"id":"` + id + `","type":"message","role":"user","status":"completed","content":[{"type":"input_audio","audio":"` + audio + `","transcript":null}]}}`
}

// What was said and not transcribed is not forgotten with the upstream that heard it: that is
// asked for it, and the next one is told. The client sees nothing of it.
func TestRenewalTellsWhatNobodyTranscribed(t *testing.T) {
	talking(t, 20*time.Second, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		heard(t, up, cl, "u1")
		heard(t, up, cl, "u2")
		heard(t, up, cl, "u3")
		send(t, up, retrieved("u3", "AAAA")) // not asked for by the gateway
		want(t, cl, "retrieved")

		retrieval(t, up, "u3")
		send(t, up, retrieved("u3", "BBBB"))
		refused := retrieval(t, up, "u2")
		send(t, up, `{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"item_retrieve_invalid_item_id","message":"gone","event_id":"`+refused+`"}}`)
		retrieval(t, up, "u1")
		send(t, up, retrieved("u1", "CCCC"))

		up, told := fx.next("sess_2", time.Hour, 2)
		if got := strings.Join(told, ", "); got != "u1 input_audio:, u3 input_audio:" {
			t.Errorf("the next upstream is told %s", got)
		}
		want(t, cl, "renewed")
		send(t, up, `{"type":"marker","event_id":"m"}`)
		want(t, cl, "marker")
	})
}

// An upstream that tells nothing of its items is replaced without them, in time.
func TestRenewalByAnUpstreamThatTellsNothing(t *testing.T) {
	talking(t, 10*time.Minute, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		heard(t, up, cl, "u1")
		heard(t, up, cl, "u2")
		begun := time.Now()
		retrieval(t, up, "u2")
		fx.next("sess_2", time.Hour, 0)
		if at := time.Since(begun); at > 9*time.Minute {
			t.Errorf("replaced after %v", at)
		}
		want(t, cl, "renewed")
	})
}

// A session that is never quiet is asked, too, before its upstream is replaced all the same.
func TestRenewalInTheMiddleOfAnAnswer(t *testing.T) {
	talking(t, 20*time.Second, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		heard(t, up, cl, "u1")
		send(t, up, `{"type":"response.created","event_id":"e","response":{"id":"r1","conversation_id":"c"}}`)
		want(t, cl, "response.created")
		retrieval(t, up, "u1")
		send(t, up, retrieved("u1", "CCCC"))
		up, _ = fx.next("sess_2", time.Hour, 0)
		want(t, up, "conversation.item.create", `"id":"u1"`, `{"audio":"CCCC","type":"input_audio"}`)
	})
}

// What was recalled serves the next upstream also if this one is lost before it is replaced.
func TestLostAfterItWasAsked(t *testing.T) {
	talking(t, 20*time.Second, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		heard(t, up, cl, "u1")
		retrieval(t, up, "u1")
		send(t, up, retrieved("u1", "CCCC"))
		next := <-fx.ends // the renewal's
		up.Drop()
		next.Close(1013, "busy")
		up, _ = fx.next("sess_2", time.Hour, 0)
		want(t, up, "conversation.item.create", `"id":"u1"`, `{"audio":"CCCC","type":"input_audio"}`)
	})
}

// A session that is handed over takes along what nobody transcribed.
func TestHandOverTellsWhatNobodyTranscribed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t)
		defer b.stop()
		time.Sleep(6 * time.Second) // until both are announced
		c, up := a.openFor(time.Hour)
		cl, _ := a.attach(c, session.Voice())
		heard(t, up, cl, "u1")
		heard(t, up, cl, "u2")
		stopped := make(chan struct{})
		go func() { a.stop(); close(stopped) }()
		retrieval(t, up, "u2")
		send(t, up, retrieved("u2", "BBBB"))
		retrieval(t, up, "u1")
		<-stopped // which did not wait for this one
		up, _ = b.next("sess_2", time.Hour, 0)
		want(t, up, "conversation.item.create", `"id":"u2"`, `{"audio":"BBBB","type":"input_audio"}`)
	})
}

// One that ends with its client goes nowhere, and keeps no other waiting.
func TestNothingIsRecalledForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t)
		defer b.stop()
		time.Sleep(6 * time.Second)
		opened := make(chan *hub.Controller, 1)
		go func() {
			c, err := a.hub.Create(t.Context(), session.Spec{ID: "s", EndWithClient: true})
			if err != nil {
				t.Error(err)
			}
			opened <- c
		}()
		up := <-a.ends
		send(t, up, createdFor("sess_1", time.Hour))
		cl, _ := a.attach(<-opened, session.Open())
		heard(t, up, cl, "u1")
		untold(t, up)
		a.stop()
		synctest.Wait()
	})
}
