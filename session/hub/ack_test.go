package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"switchboard/session"
	"switchboard/session/hub"
)

// update runs c.Update and gives what came of it.
func update(c *hub.Controller, instructions string) <-chan error {
	done := make(chan error, 1)
	go func() {
		s, err := c.Update(context.Background(), json.RawMessage(`{"instructions":"`+instructions+`"}`))
		if err == nil && !strings.Contains(string(s), instructions) {
			err = errors.New("settled with " + string(s))
		}
		done <- err
	}()
	return done
}

func updated(instructions string) string {
	return `{"type":"session.updated","event_id":"e","session":{"type":"realtime","instructions":"` + instructions + `"}}`
}

// TestRefusedUpdateOfAClient: what answers it has no event_id if its own had none, and
// often no param; the application's update after it must not wait for an answer in its place.
func TestRefusedUpdateOfAClient(t *testing.T) {
	for name, refusal := range map[string]string{
		"the voice is fixed":  `{"type":"invalid_request_error","code":"cannot_update_voice","param":null,"event_id":null}`,
		"a field is wrong":    `{"type":"invalid_request_error","code":"unknown_parameter","param":"session.x","event_id":null}`,
		"there is no session": `{"type":"invalid_request_error","code":"missing_required_parameter","param":"session"}`,
		"the server failed":   `{"type":"server_error","code":null,"param":null,"event_id":null}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fx := start(t)
				defer fx.stop()
				c, up := fx.open(session.Spec{})
				cl, _ := fx.attach(c, session.Open())
				send(t, cl, `{"type":"session.update","session":{}}`)
				want(t, up, "session.update")
				send(t, up, `{"type":"error","event_id":"e","error":`+refusal+`}`)
				want(t, cl, `"type":"error"`)
				done := update(c, "app")
				want(t, up, "app")
				send(t, up, updated("app"))
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestErrorsThatAnswerNoUpdate leave the order of updates as it is.
func TestErrorsThatAnswerNoUpdate(t *testing.T) {
	for name, other := range map[string]string{
		"a race":        `{"type":"invalid_request_error","code":"response_cancel_not_active","param":null,"event_id":null}`,
		"another field": `{"type":"invalid_request_error","code":"invalid_value","param":"item.role","event_id":null}`,
		"another event": `{"type":"invalid_request_error","code":"cannot_update_voice","param":null,"event_id":"x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fx := start(t)
				defer fx.stop()
				c, up := fx.open(session.Spec{})
				cl, _ := fx.attach(c, session.Open())
				send(t, cl, `{"type":"session.update","session":{"type":"realtime","instructions":"client"}}`)
				want(t, up, "client")
				send(t, up, `{"type":"error","event_id":"e","error":`+other+`}`)
				want(t, cl, `"type":"error"`)
				done := update(c, "app")
				want(t, up, "app")
				send(t, up, updated("client"))
				send(t, up, updated("app"))
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestUpdateAfterOneThatWasNotAnswered: one lost answer is one late update, and not all that follow.
func TestUpdateAfterOneThatWasNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		c, up := fx.open(session.Spec{})
		lost := update(c, "lost")
		want(t, up, "lost")
		if err := <-lost; !errors.Is(err, session.ErrTimeout) {
			t.Fatalf("%v, want ErrTimeout", err)
		}
		done := update(c, "next")
		want(t, up, "next")
		send(t, up, updated("next"))
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
