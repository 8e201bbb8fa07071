package hub_test

import (
	"context"
	"testing"

	"switchboard/session"
	"switchboard/session/hub"
)

func TestNotices(t *testing.T) {
	told := make(chan hub.Notice, 16)
	fx := start(t, func(o *hub.Options) {
		o.Notify = func(_ context.Context, n hub.Notice) { told <- n }
	})
	expect := func(typ string) hub.Notice {
		t.Helper()
		n := <-told
		if n.Type != typ || n.Session == "" || n.Key != "k" || n.At.IsZero() {
			t.Errorf("told %+v, want %s", n, typ)
		}
		return n
	}
	c, up := fx.open(session.Spec{Key: "k"})
	expect(hub.NoticeStarted)
	send(t, up, `{"type":"conversation.item.done","event_id":"e","item":{"id":"i","type":"function_call","status":"completed","name":"weather","call_id":"call_1","arguments":"{\"city\":\"Bonn\"}"}}`)
	if n := expect(hub.NoticeToolCall); n.Call == nil || n.Call.ID != "call_1" || n.Call.Name != "weather" || n.Call.Arguments != `{"city":"Bonn"}` || n.ID == "" {
		t.Errorf("call %+v", n.Call)
	}
	if err := c.End(t.Context(), hub.Ending{Reason: "done"}); err != nil {
		t.Fatal(err)
	}
	if n := expect(hub.NoticeEnded); n.Reason != "done" || n.Usage == nil {
		t.Errorf("end %+v", n)
	}
	_, up = fx.open(session.Spec{Key: "k"})
	expect(hub.NoticeStarted)
	up.Close(3000, "invalid_request_error.invalid_api_key")
	if n := expect(hub.NoticeFailed); n.Reason == "" {
		t.Errorf("failure %+v", n)
	}
}
