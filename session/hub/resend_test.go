package hub_test

import (
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

// told returns the next events that an upstream is sent, and fails if there are more.
func told(t *testing.T, up *sessiontest.Conn, n int) string {
	t.Helper()
	var all []string
	for range n {
		all = append(all, want(t, up))
	}
	untold(t, up)
	synctest.Wait()
	return strings.Join(all, "\n")
}

func create(n int) string {
	return fmt.Sprintf(`{"type":"conversation.item.create","event_id":"c%d","item":{"id":"i%d","type":"message","role":"user","content":[{"type":"input_text","text":"hello"}]}}`, n, n)
}

// What a client asked of an upstream that is lost before it has answered is asked of the next
// one, as it was, in its order and once; what was answered is not.
func TestRequestsOutliveTheUpstream(t *testing.T) {
	const (
		respond = `{"type":"response.create","response":{"instructions":"sing"}}`
		commit  = `{"type":"input_audio_buffer.commit"}`
		output  = `{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"c","output":"4"}}`
		update  = `{"type":"session.update","session":{"type":"realtime","tool_choice":"none"}}`
	)
	for name, tc := range map[string]struct {
		asked    []string
		answered []string // by the upstream, before it is lost
		again    string
	}{
		"an output and a response": {[]string{output, respond}, nil, output + "\n" + respond},
		"two of one kind":          {[]string{create(1), create(2)}, []string{strings.Replace(item("i1", "user", "input_text", "hello"), ".done", ".added", 1)}, create(2)},
		"the second answered":      {[]string{create(1), create(2)}, []string{strings.Replace(item("i2", "user", "input_text", "hello"), ".done", ".added", 1)}, create(1)},
		"a refused one":            {[]string{create(1), create(2)}, []string{`{"type":"error","event_id":"e","error":{"type":"invalid_request_error","message":"no","event_id":"c1"}}`}, create(2)},
		"refused without its ID":   {[]string{commit, respond}, []string{`{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"input_audio_buffer_commit_empty","message":"no","event_id":null}}`}, respond},
		"an update":                {[]string{update}, nil, update},
		"a cancellation":           {[]string{`{"type":"response.cancel"}`, create(1)}, nil, create(1)},
		"a begun response":         {[]string{respond}, []string{`{"type":"response.created","event_id":"e","response":{"id":"r1","conversation_id":"c"}}`, `{"type":"response.output_text.delta","event_id":"e","item_id":"i","response_id":"r1","delta":"la"}`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
				for _, e := range tc.asked {
					send(t, cl, e)
					want(t, up, e)
				}
				items := 0
				for _, e := range tc.answered {
					send(t, up, e)
					want(t, cl, e)
					items += strings.Count(e, "item.added")
				}
				up.Drop()
				up, _ = fx.next("sess_2", time.Hour, items)
				n := 0
				if tc.again != "" {
					n = strings.Count(tc.again, "\n") + 1
				}
				if got := told(t, up, n); got != tc.again {
					t.Errorf("the next upstream was told\n%s\nwant\n%s", got, tc.again)
				}
			})
		})
	}
}

// What was said behind a commit, or after the buffer was cleared, stays behind it: when the
// upstream has done what was asked, and when it is lost before it has.
func TestAudioKeepsItsPlace(t *testing.T) {
	for _, do := range []string{"commit", "clear"} {
		done := map[string]string{"commit": "committed", "clear": "cleared"}[do]
		for name, tc := range map[string]struct{ answer, again string }{
			"done":      {`{"type":"input_audio_buffer.` + done + `","event_id":"e","item_id":"u"}`, "BC"},
			"not known": {"", "A" + do + "BC"},
		} {
			t.Run(do+" "+name, func(t *testing.T) {
				talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
					say := func(what string) {
						e := `{"type":"input_audio_buffer.append","audio":"` + what + `"}`
						if what == do {
							e = `{"type":"input_audio_buffer.` + do + `"}`
						}
						send(t, cl, e)
						want(t, up, e)
					}
					for _, what := range []string{"A", do, "B"} {
						say(what)
					}
					if tc.answer != "" {
						send(t, up, tc.answer)
						want(t, cl, done)
					}
					say("C")
					for _, id := range []string{"sess_2", "sess_3"} {
						up.Drop()
						up, _ = fx.next(id, time.Hour, 0)
						synctest.Wait()
						got := ""
						for up.Buffered() {
							e := want(t, up)
							switch {
							case strings.Contains(e, "append"):
								got += field(t, e, "audio")
							case strings.Contains(e, "input_audio_buffer"):
								got += do
							}
						}
						if got != tc.again {
							t.Errorf("%s was told %s, want %s", id, got, tc.again)
						}
					}
				})
			})
		}
	}
}

// What an upstream that does not read has not even been sent is sent to the next one once, and
// what the gateway's own callers were told was lost is not sent at all.
func TestWhatWaitedIsSentOnce(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		up.Stall()
		for n := range 3 { // the first of them is on its way
			send(t, cl, create(n))
		}
		synctest.Wait()
		asked := make(chan error, 1)
		go func() {
			_, err := c.Message(t.Context(), hub.Message{Text: "of the application"})
			asked <- err
		}()
		synctest.Wait()
		up.Drop()
		if err := <-asked; !errors.Is(err, hub.ErrUpstreamLost) {
			t.Errorf("message: %v", err)
		}
		up, _ = fx.next("sess_2", time.Hour, 0)
		if got := told(t, up, 3); got != create(0)+"\n"+create(1)+"\n"+create(2) {
			t.Errorf("told %s", got)
		}
	})
}

// An upstream that takes its time to answer is not replaced meanwhile.
func TestRenewalWaitsForAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		begun := time.Now()
		c, up := fx.openFor(20 * time.Second)
		cl, _ := fx.attach(c, session.Open())
		time.Sleep(14 * time.Second)
		send(t, cl, create(1))
		want(t, up, create(1))
		go func() {
			time.Sleep(3 * time.Second)
			_ = up.Send(item("i1", "user", "input_text", "hello"))
			_ = up.Send(strings.Replace(item("i1", "user", "input_text", "hello"), ".done", ".added", 1))
		}()
		fx.next("sess_2", time.Hour, 1)
		if at := time.Since(begun); at < 17*time.Second || at > 18*time.Second {
			t.Errorf("replaced after %v", at)
		}
	})
}

// An event that each upstream is lost over does not take the session with it.
func TestAnEventThatNoUpstreamBears(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		send(t, cl, create(1))
		for range 3 {
			want(t, up, create(1))
			up.Close(1009, "too big")
			up, _ = fx.next("sess", time.Hour, 0)
			want(t, cl, "renewed")
		}
		send(t, cl, create(2))
		want(t, up, create(2))
	})
}

// An application's message is answered by the next upstream if the one that was told of it is
// lost; one that it may not have been told of is refused, to be sent again.
func TestMessageOutlivesTheUpstream(t *testing.T) {
	for name, taken := range map[string]bool{"taken": true, "not taken": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fx := start(t)
				defer fx.stop()
				c, up := fx.openFor(time.Hour)
				said := make(chan error, 1)
				go func() {
					_, err := c.Message(t.Context(), hub.Message{Text: "hello", Respond: true})
					said <- err
				}()
				id := field(t, want(t, up, "conversation.item.create"), "item.id")
				items := 0
				if taken {
					send(t, up, strings.Replace(item(id, "user", "input_text", "hello"), ".done", ".added", 1))
					want(t, up, "response.create")
					items = 1
				}
				up.Drop()
				if err := <-said; taken && err != nil || !taken && !errors.Is(err, hub.ErrUpstreamLost) {
					t.Errorf("message: %v", err)
				}
				up, _ = fx.next("sess_2", time.Hour, items)
				if got := told(t, up, items); taken != strings.Contains(got, "response.create") {
					t.Errorf("the next upstream was told %s", got)
				}
			})
		})
	}
}

// An item that a client puts in front of all others is the first one here, too.
func TestItemAtTheRoot(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		send(t, up, item("i1", "user", "input_text", "hello"))
		send(t, cl, `{"type":"conversation.item.create","previous_item_id":"root","item":{"type":"message","role":"system","content":[{"type":"input_text","text":"be brief"}]}}`)
		want(t, up, "root")
		added := strings.NewReplacer(".done", ".added", `"item":`, `"previous_item_id":null,"item":`).Replace(item("i0", "system", "input_text", "be brief"))
		send(t, up, added)
		send(t, up, strings.Replace(added, ".added", ".done", 1))
		for range 3 {
			want(t, cl)
		}
		if got := texts(c); got != "i0=be brief i1=hello" {
			t.Errorf("the conversation is %s", got)
		}
	})
}

// A command that nobody waits for any more, and that no upstream was sent, is not sent: who
// asks again would have it done twice.
func TestCommandThatWaitedForTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		c, up := fx.openFor(time.Hour)
		up.Drop()
		up = <-fx.ends // it says nothing for long
		if _, err := c.Message(t.Context(), hub.Message{Text: "hello"}); !errors.Is(err, session.ErrTimeout) {
			t.Errorf("message: %v", err)
		}
		send(t, up, createdFor("sess_2", time.Hour))
		want(t, up, "session.update")
		send(t, up, strings.Replace(createdFor("sess_2", time.Hour), "created", "updated", 1))
		untold(t, up)
		synctest.Wait()
	})
}
