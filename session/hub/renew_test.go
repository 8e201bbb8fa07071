package hub_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// createdFor is a session.created that expires after life.
func createdFor(id string, life time.Duration) string {
	return fmt.Sprintf(`{"type":"session.created","event_id":"event_0","session":{"type":"realtime","object":"realtime.session","id":"%s","model":"m","instructions":"be kind","expires_at":%d,"tools":[],"prompt":null,"audio":{"input":{"format":{"type":"audio/pcm","rate":24000},"turn_detection":{"type":"server_vad"},"transcription":null},"output":{"format":{"type":"audio/pcm","rate":24000},"voice":"alloy"}}}}`, id, time.Now().Add(life).Unix())
}

// openFor opens a session whose upstream lives for so long.
func (fx *fixture) openFor(life time.Duration) (*hub.Controller, *sessiontest.Conn) {
	fx.t.Helper()
	return fx.openNamed("s", life)
}

func (fx *fixture) openNamed(id session.ID, life time.Duration) (*hub.Controller, *sessiontest.Conn) {
	fx.t.Helper()
	var c *hub.Controller
	done := make(chan error, 1)
	go func() {
		var err error
		c, err = fx.hub.Create(fx.t.Context(), session.Spec{ID: id})
		done <- err
	}()
	up := <-fx.ends
	send(fx.t, up, createdFor("sess_1", life))
	if err := <-done; err != nil {
		fx.t.Fatal(err)
	}
	return c, up
}

// talking runs a test, in a time of its own, on a session with a client whose upstream lives for so long.
func talking(t *testing.T, life time.Duration, test func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		c, up := fx.openFor(life)
		cl, _ := fx.attach(c, session.Open())
		test(t, fx, c, up, cl)
	})
}

// next is the upstream that takes another's place: it answers until it was told items
// items, and returns their texts or call IDs in order.
func (fx *fixture) next(id string, life time.Duration, items int) (*sessiontest.Conn, []string) {
	fx.t.Helper()
	up := <-fx.ends
	send(fx.t, up, createdFor(id, life))
	update := want(fx.t, up, `"type":"session.update"`, "be kind")
	for _, readOnly := range []string{`"expires_at"`, `"object"`, `"model"`, `"prompt"`, `"id"`} {
		if strings.Contains(update, readOnly) {
			fx.t.Errorf("the new upstream is told %s: %s", readOnly, update)
		}
	}
	send(fx.t, up, strings.Replace(createdFor(id, life), "session.created", "session.updated", 1))
	var told []string
	for range items {
		var ev struct {
			Item struct {
				ID, CallID string
				Content    []struct{ Text, Type string }
			}
		}
		if err := json.Unmarshal([]byte(want(fx.t, up, "conversation.item.create")), &ev); err != nil {
			fx.t.Fatal(err)
		}
		text := ev.Item.ID
		for _, p := range ev.Item.Content {
			text += " " + p.Type + ":" + p.Text
		}
		told = append(told, text)
		send(fx.t, up, `{"type":"conversation.item.added","event_id":"x","item":{"id":"`+ev.Item.ID+`","type":"message"}}`)
	}
	return up, told
}

func item(id, role, kind, text string) string {
	return `{"type":"conversation.item.done","event_id":"e_` + id + `","item":{"id":"` + id + `","type":"message","role":"` + role + `","status":"completed","content":[{"type":"` + kind + `","text":"` + text + `"}]}}`
}

func TestLostUpstreamIsReplaced(t *testing.T) {
	for name, lose := range map[string]func(up *sessiontest.Conn){
		"dropped": func(up *sessiontest.Conn) { up.Drop() },
		"1011":    func(up *sessiontest.Conn) { up.Close(1011, "") },
		"1012":    func(up *sessiontest.Conn) { up.Close(1012, "") },
		"expired": func(up *sessiontest.Conn) { up.Close(1001, "") },
	} {
		t.Run(name, func(t *testing.T) {
			talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
				send(t, up, item("i1", "user", "input_text", "my name is Ada"))
				send(t, up, item("i2", "assistant", "output_text", "hello Ada"))
				send(t, up, item("i3", "user", "input_audio", ""))
				send(t, up, `{"type":"response.created","event_id":"e","response":{"id":"r1","conversation_id":"c"}}`)
				for range 4 {
					want(t, cl)
				}
				lose(up)
				want(t, cl, `"response.done"`, `"failed"`, "r1")
				send(t, cl, `{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[]}}`)
				synctest.Wait()
				up, told := fx.next("sess_2", time.Hour, 2)
				if got := strings.Join(told, "|"); got != "i1 input_text:my name is Ada|i2 output_text:hello Ada" {
					t.Errorf("told %s", got)
				}
				want(t, cl, "switchboard.session.renewed", "upstream_lost", "sess_2")
				want(t, up, "conversation.item.create")                          // it was sent meanwhile
				want(t, up, "response.create")                                   // the response of which nothing was heard
				send(t, up, item("i2", "assistant", "output_text", "hello Ada")) // of what it was told: no news
				// The upstream, which was not told of i3, puts i4 behind i2: it was said behind i3.
				send(t, up, strings.Replace(item("i4", "user", "input_text", "more"), `"item"`, `"previous_item_id":"i2","item"`, 1))
				want(t, cl, "i4")
				if got := texts(c); got != "i1=my name is Ada i2=hello Ada i3= i4=more" {
					t.Errorf("the conversation is %s", got)
				}
				if c.Record().Responding {
					t.Error("still responding")
				}
			})
		})
	}
}

func TestRecoveryIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		c, up := fx.openFor(time.Hour)
		cl, left := fx.attach(c, session.Voice())
		up.Drop()
		go func() { // every other attempt is refused for the moment
			for up := range fx.ends {
				up.Close(1013, "try later")
			}
		}()
		defer close(fx.ends)
		begun := time.Now()
		var closed *session.CloseError
		want(t, cl, `"type":"error"`, "upstream_closed", "try later")
		if _, err := cl.Read(); !errors.As(err, &closed) || closed.Code != session.CloseUpstream {
			t.Errorf("client saw %v", err)
		}
		if d := time.Since(begun); d < 20*time.Second || d > time.Minute {
			t.Errorf("given up after %v", d)
		}
		<-left
	})
}

func TestRecoveryEndsWhereNoneWouldDoBetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		c, up := fx.openFor(time.Hour)
		cl, left := fx.attach(c, session.Voice())
		begun := time.Now()
		up.Drop()
		up = <-fx.ends
		up.Send(`{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"model_not_found","message":"The model does not exist or you do not have access to it.","event_id":null}}`)
		up.Close(1011, "") // as after any trouble: only the code says that it is for good
		want(t, cl, `"type":"error"`, "upstream_lost", "The model does not exist")
		if _, err := cl.Read(); err == nil {
			t.Error("the client is still told something")
		}
		if d := time.Since(begun); d > time.Second {
			t.Errorf("given up after %v", d)
		}
		<-left
	})
}

func TestUpstreamThatClosesAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		c, up := fx.openFor(time.Hour)
		cl, left := fx.attach(c, session.Voice())
		began := time.Now()
		legs := 0
		for ; time.Since(began) <= 30*time.Second; legs++ {
			up.Drop()
			up, _ = fx.next("sess", time.Hour, 0)
			want(t, cl, "switchboard.session.renewed")
		}
		if legs > 20 {
			t.Errorf("%d legs in 30 s", legs)
		}
		up.Drop()
		want(t, cl, `"type":"error"`, "upstream_lost")
		if _, err := cl.Read(); err == nil {
			t.Error("the client is still told something")
		}
		<-left
	})
}

func TestRenewalAtAQuietMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		begun := time.Now()
		c, up := fx.openFor(time.Hour)
		cl, _ := fx.attach(c, session.Voice())
		send(t, up, item("i1", "user", "input_text", "hi"))
		want(t, cl, "i1")
		second, told := fx.next("sess_2", time.Hour, 1)
		if at := time.Since(begun); at < 44*time.Minute || at > 51*time.Minute {
			t.Errorf("renewed after %v of an hour", at)
		}
		if len(told) != 1 {
			t.Errorf("told %v", told)
		}
		want(t, cl, "switchboard.session.renewed", "expiring")
		var closed *session.CloseError
		if _, err := up.Read(); !errors.As(err, &closed) || closed.Code != 1000 {
			t.Errorf("the first upstream saw %v", err)
		}
		send(t, cl, `{"type":"response.create"}`)
		want(t, second, "response.create")
		if n := fx.hub.Stats().Renewals; n != 1 {
			t.Errorf("%d renewals", n)
		}
	})
}

// During a response nothing is moved; when there is no time left it is, and what the user
// says meanwhile waits for the new upstream.
func TestRenewalIsForcedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		begun := time.Now()
		c, up := fx.openFor(20 * time.Second)
		cl, _ := fx.attach(c, session.Voice())
		send(t, up, `{"type":"response.created","event_id":"e","response":{"id":"r1","conversation_id":"c"}}`)
		send(t, up, `{"type":"response.output_audio.delta","event_id":"e","item_id":"i","response_id":"r1","delta":"AAAA"}`)
		send(t, up, `{"type":"input_audio_buffer.speech_started","event_id":"e","item_id":"u"}`)
		for range 3 {
			want(t, cl)
		}
		for i := range 3 {
			send(t, cl, fmt.Sprintf(`{"type":"input_audio_buffer.append","n":%d,"audio":"AAAA"}`, i))
			want(t, up, "append")
		}
		want(t, cl, "response.done", "failed")
		if at := time.Since(begun); at < 18*time.Second || at > 20*time.Second {
			t.Errorf("forced after %v of 20 s", at)
		}
		send(t, cl, `{"type":"input_audio_buffer.append","n":3,"audio":"AAAA"}`)
		second, _ := fx.next("sess_2", time.Hour, 0)
		for i := range 4 { // what was not yet an item, then what came meanwhile
			want(t, second, fmt.Sprintf(`"n":%d`, i))
		}
		want(t, cl, "renewed", `"reason":"expiring"`)
	})
}

// A turn that begins while the next upstream is made ready is not disturbed.
func TestRenewalIsPutOff(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		second := <-fx.ends
		send(t, up, `{"type":"input_audio_buffer.speech_started","event_id":"e","item_id":"u"}`)
		want(t, cl, "speech_started")
		send(t, second, createdFor("sess_2", time.Hour))
		want(t, second, "session.update")
		send(t, second, strings.Replace(createdFor("sess_2", time.Hour), "created", "updated", 1))
		if _, err := second.Read(); err == nil {
			t.Error("the second upstream is used")
		}
		send(t, up, `{"type":"input_audio_buffer.committed","event_id":"e","item_id":"u"}`)
		want(t, cl, "committed")
		third, _ := fx.next("sess_3", time.Hour, 0)
		want(t, cl, "renewed", "sess_3")
		send(t, third, `{"type":"marker"}`)
		want(t, cl, "marker")
	})
}

// What is said while there is no upstream is not lost with the next one.
func TestAudioOutlivesTwoUpstreams(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		send(t, up, `{"type":"input_audio_buffer.speech_started","event_id":"e","item_id":"u"}`)
		want(t, cl, "speech_started")
		say := func(n int) string {
			send(t, cl, fmt.Sprintf(`{"type":"input_audio_buffer.append","n":%d,"audio":"AAAA"}`, n))
			synctest.Wait()
			return fmt.Sprintf(`"n":%d`, n)
		}
		first := say(0)
		want(t, up, first)
		up.Drop()
		time.Sleep(3 * time.Second)
		second := say(1)
		up, _ = fx.next("sess_2", time.Hour, 0)
		want(t, up, first)
		want(t, up, second)
		third := say(2)
		want(t, up, third)
		up.Drop()
		up, _ = fx.next("sess_3", time.Hour, 0)
		for _, said := range []string{first, second, third} {
			want(t, up, said)
		}
	})
}

// What waits for an upstream that takes nothing is told the next one once, whether that one is lost or
// replaced.
func TestAudioThatWaitedIsSentOnce(t *testing.T) {
	for name, speaking := range map[string]bool{"while the user speaks": true, "before anything was heard": false} {
		t.Run(name, func(t *testing.T) {
			talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
				if speaking {
					send(t, up, `{"type":"input_audio_buffer.speech_started","event_id":"e","item_id":"u"}`)
					want(t, cl, "speech_started")
				}
				up.Stall()
				for i := range 5 { // of which the first is under way when the upstream stalls
					send(t, cl, fmt.Sprintf(`{"type":"input_audio_buffer.append","n":%d,"audio":"AAAA"}`, i))
					synctest.Wait()
				}
				up.Drop()
				synctest.Wait()
				send(t, cl, `{"type":"input_audio_buffer.append","n":5,"audio":"AAAA"}`)
				second, _ := fx.next("sess_2", time.Hour, 0)
				for i := range 6 {
					want(t, second, fmt.Sprintf(`"n":%d`, i))
				}
				untold(t, second)
			})
		})
	}
}

// transcribing makes an upstream say that it transcribes.
func transcribing(t *testing.T, up, cl *sessiontest.Conn, life time.Duration) {
	t.Helper()
	send(t, up, strings.NewReplacer("session.created", "session.updated", `"transcription":null`, `"transcription":{"language":"en"}`).Replace(createdFor("sess_1", life)))
	want(t, cl, "session.updated")
}

// spoke is a turn of the user's whose words are yet to come.
func spoke(t *testing.T, up, cl *sessiontest.Conn) {
	t.Helper()
	send(t, up, `{"type":"input_audio_buffer.committed","event_id":"e","item_id":"u"}`)
	send(t, up, item("u", "user", "input_audio", ""))
	for range 2 {
		want(t, cl)
	}
}

// The upstream is not replaced while the words of what the user said last are on their way.
func TestRenewalWaitsForATranscript(t *testing.T) {
	talking(t, 20*time.Second, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		transcribing(t, up, cl, 20*time.Second)
		send(t, up, `{"type":"input_audio_buffer.speech_started","event_id":"e","item_id":"u"}`)
		want(t, cl, "speech_started")
		time.Sleep(17 * time.Second)
		spoke(t, up, cl)
		send(t, up, `{"type":"response.created","event_id":"e","response":{"id":"r1","conversation_id":"c"}}`)
		send(t, up, `{"type":"response.done","event_id":"e","response":{"id":"r1","conversation_id":"c","status":"completed"}}`)
		go func() {
			time.Sleep(1500 * time.Millisecond)
			_ = up.Send(`{"type":"conversation.item.input_audio_transcription.completed","event_id":"e","item_id":"u","transcript":"my name is Ada"}`)
		}()
		up = <-fx.ends
		send(t, up, createdFor("sess_2", time.Hour))
		want(t, up, "session.update")
		send(t, up, strings.Replace(createdFor("sess_2", time.Hour), "created", "updated", 1))
		want(t, up, "my name is Ada")
	})
}

// If it is lost before they have come, the next one is told what was said by its audio.
func TestLostBeforeTheTranscript(t *testing.T) {
	for _, comes := range []bool{true, false} {
		t.Run(fmt.Sprint(comes), func(t *testing.T) { lostBeforeTheTranscript(t, comes) })
	}
}

func lostBeforeTheTranscript(t *testing.T, comes bool) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		if comes {
			transcribing(t, up, cl, time.Hour)
		}
		for _, audio := range []string{"AAA=", "AQID"} {
			send(t, cl, `{"type":"input_audio_buffer.append","audio":"`+audio+`"}`)
			want(t, up, audio)
		}
		spoke(t, up, cl)
		up.Drop()
		up, _ = fx.next("sess_2", time.Hour, 0)
		want(t, up, "conversation.item.create", `"id":"u"`, `{"audio":"AAABAgM=","type":"input_audio"}`)
		send(t, up, `{"type":"conversation.item.added","event_id":"x","item":{"id":"u","type":"message"}}`)
		want(t, up, "response.create") // which the lost one would have answered by itself
	})
}
