package hub_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// One answer of the upstream's answers one event: that of a command is not taken for that of a
// client's event of the same kind, which would then be lost with its upstream.
func TestOneAnswerForOneEvent(t *testing.T) {
	const unnamed = `{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"and this"}]}}`
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		said := make(chan error, 1)
		go func() {
			_, err := c.Message(t.Context(), hub.Message{Text: "hello"})
			said <- err
		}()
		id := field(t, want(t, up, "conversation.item.create"), "item.id")
		send(t, cl, unnamed)
		want(t, up, unnamed)
		send(t, up, strings.Replace(item(id, "user", "input_text", "hello"), ".done", ".added", 1))
		want(t, cl, id)
		if err := <-said; err != nil {
			t.Error(err)
		}
		up.Drop()
		up, _ = fx.next("sess_2", time.Hour, 1)
		if got := told(t, up, 1); got != unnamed {
			t.Errorf("the next upstream was told %s", got)
		}
	})
}

// A client's update and a command's are answered in the order in which they were sent, also by an
// upstream that was told of both only after the one before was lost.
func TestUpdatesKeepTheirOrderOverALoss(t *testing.T) {
	const update = `{"type":"session.update","session":{"type":"realtime","tool_choice":"none"}}`
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		send(t, cl, update)
		want(t, up, update)
		up.Drop()
		synctest.Wait()
		updated := make(chan error, 1)
		go func() {
			_, err := c.Update(t.Context(), []byte(`{"tool_choice":"auto"}`))
			updated <- err
		}()
		synctest.Wait()
		up, _ = fx.next("sess_2", time.Hour, 0)
		want(t, up, `"none"`)
		want(t, up, `"auto"`)
		send(t, up, `{"type":"session.updated","event_id":"e1","session":{"type":"realtime","tool_choice":"none"}}`)
		synctest.Wait()
		select {
		case err := <-updated:
			t.Errorf("the command was answered by the client's update: %v", err)
		default:
		}
		send(t, up, `{"type":"session.updated","event_id":"e2","session":{"type":"realtime","tool_choice":"auto"}}`)
		if err := <-updated; err != nil {
			t.Error(err)
		}
	})
}
