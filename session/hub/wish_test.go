package hub_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// renewing has a session's upstream replaced; what became of it arrives.
func renewing(t *testing.T, c *hub.Controller) <-chan hub.Renewal {
	done := make(chan hub.Renewal, 1)
	go func() {
		r, err := c.Renew(context.Background())
		if err != nil {
			t.Error(err)
		}
		done <- r
	}()
	return done
}

func TestRenewIsAskedFor(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		send(t, up, item("i1", "user", "input_text", "hello"))
		want(t, cl, "i1")
		first, second := renewing(t, c), renewing(t, c)
		synctest.Wait()
		fx.next("sess_2", time.Hour, 1)
		want(t, cl, "renewed", `"reason":"requested"`, "sess_2")
		for _, done := range []<-chan hub.Renewal{first, second} {
			if r := <-done; r.Pending || r.Reason != "requested" || r.Items != 1 {
				t.Errorf("%+v", r)
			}
		}
		if up.Closed() == nil {
			t.Error("the old upstream is still open")
		}
	})
}

// An upstream that is stuck in a response has no quiet moment: it is replaced all the same, once
// another is there.
func TestRenewOfAStuckUpstream(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		send(t, up, item("i1", "user", "input_text", "hello"))
		send(t, up, `{"type":"response.created","event_id":"e","response":{"id":"r1","conversation_id":"c"}}`)
		want(t, cl)
		want(t, cl)
		began := time.Now()
		done := renewing(t, c)
		next := <-fx.ends
		if d := time.Since(began); d < 5*time.Second || d > 6*time.Second {
			t.Errorf("replaced after %v", d)
		}
		send(t, next, createdFor("sess_2", time.Hour))
		want(t, next, "session.update")
		send(t, up, `{"type":"marker","event_id":"m"}`)
		want(t, cl, "marker") // the old one is in use until the new one is ready
		send(t, next, strings.Replace(createdFor("sess_2", time.Hour), "created", "updated", 1))
		want(t, next, "conversation.item.create", "hello")
		send(t, next, `{"type":"conversation.item.added","event_id":"x","item":{"id":"i1","type":"message"}}`)
		want(t, cl, "response.done", "failed")
		want(t, cl, "renewed", `"reason":"requested"`)
		want(t, next, "response.create") // nothing of the answer was heard
		if r := <-done; r.Reason != "requested" {
			t.Errorf("%+v", r)
		}
	})
}

// If no other upstream can be had, the session goes on with the one that it has.
func TestRenewThatFails(t *testing.T) {
	for name, busy := range map[string]bool{"at a quiet moment": false, "at any": true} {
		t.Run(name, func(t *testing.T) {
			talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
				if busy {
					send(t, up, `{"type":"response.created","event_id":"e","response":{"id":"r1","conversation_id":"c"}}`)
					want(t, cl)
				}
				errs := make(chan error, 1)
				go func() {
					_, err := c.Renew(context.Background())
					errs <- err
				}()
				next := <-fx.ends
				send(t, next, `{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"model_not_found","message":"no"}}`)
				var refused *session.UpstreamError
				if err := <-errs; !errors.As(err, &refused) || refused.Code != "model_not_found" {
					t.Errorf("%v", err)
				}
				time.Sleep(time.Minute) // it is not tried again
				send(t, up, `{"type":"marker","event_id":"m"}`)
				want(t, cl, "marker")
			})
		})
	}
}

func TestRenewOfASessionThatEnds(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		errs := make(chan error, 1)
		go func() {
			_, err := c.Renew(context.Background())
			errs <- err
		}()
		<-fx.ends
		if err := c.End(t.Context(), hub.Ending{}); err != nil {
			t.Fatal(err)
		}
		if err := <-errs; !errors.Is(err, hub.ErrEnded) {
			t.Error(err)
		}
		if _, err := c.Renew(t.Context()); !errors.Is(err, hub.ErrEnded) {
			t.Error(err)
		}
	})
}

// A renewal that takes long is pending, and goes on.
func TestRenewThatTakesLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t, func(o *hub.Options) { o.OpenTimeout = time.Minute })
		defer fx.stop()
		c, _ := fx.openFor(time.Hour)
		cl, _ := fx.attach(c, session.Voice())
		done := renewing(t, c)
		next := <-fx.ends
		if r := <-done; !r.Pending {
			t.Errorf("%+v", r)
		}
		send(t, next, createdFor("sess_2", time.Hour))
		want(t, next, "session.update")
		send(t, next, strings.Replace(createdFor("sess_2", time.Hour), "created", "updated", 1))
		want(t, cl, "renewed", `"reason":"requested"`)
	})
}

func outcome(t *testing.T, up, cl *sessiontest.Conn, id, status, kind string) {
	t.Helper()
	details := "null"
	if kind != "" {
		details = `{"type":"failed","error":{"type":"` + kind + `","code":null,"message":"The server had an error."}}`
	}
	send(t, up, `{"type":"response.created","event_id":"e","response":{"id":"`+id+`","conversation_id":"c"}}`)
	want(t, cl, "response.created")
	send(t, up, `{"type":"response.done","event_id":"e","response":{"id":"`+id+`","conversation_id":"c","status":"`+status+`","status_details":`+details+`}}`)
	want(t, cl, "response.done")
}

// Three responses in a row that failed by the upstream's own fault have it replaced; if that does
// not help, less and less often.
func TestRenewAfterFailedResponses(t *testing.T) {
	talking(t, 10*time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		for i, r := range [][2]string{{"failed", "server_error"}, {"failed", "server_error"}, {"completed", ""}, {"failed", "server_error"},
			{"failed", "invalid_request_error"}, {"failed", "server_error"}} {
			outcome(t, up, cl, string(rune('a'+i)), r[0], r[1])
		}
		time.Sleep(time.Minute)
		if len(fx.ends) > 0 {
			t.Fatal("replaced too early")
		}
		outcome(t, up, cl, "x", "failed", "server_error")
		up, _ = fx.next("sess_2", 10*time.Hour, 0)
		want(t, cl, "renewed", `"reason":"failing"`)
		replaced, last := 0, time.Now()
		for n := 0; time.Since(last) < 3*time.Hour; n++ { // the model is broken
			outcome(t, up, cl, session.NewID("r"), "failed", "server_error")
			time.Sleep(time.Second)
			if len(fx.ends) > 0 {
				up, _ = fx.next("sess_n", 10*time.Hour, 0)
				want(t, cl, "renewed", `"reason":"failing"`)
				replaced++
			}
		}
		if replaced < 7 || replaced > 11 { // at 1, 3, 7, 15, 31, 63, 95, 127, 159 minutes
			t.Errorf("replaced %d times in 3 hours", replaced)
		}
	})
}
