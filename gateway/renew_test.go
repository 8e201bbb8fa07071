package gateway_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"switchboard/cmd/simulator/standin"
)

// An operator has a session's upstream replaced; its client stays, and sees why.
func TestRenewOnRequest(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	secret := r.open("one")
	cl := r.attach("/realtime/sessions/one/relay", secret)
	cl.until("session.created")
	r.must(200, "POST", "/realtime/sessions/one/message", app, `{"text":"hello","respond":false}`)
	before := r.must(200, "GET", "/realtime/sessions/one", app, "").field(t, "session", "id")
	r.must(403, "POST", "/realtime/sessions/one/renew", app, "")
	a := r.must(200, "POST", "/realtime/sessions/one/renew", operator, "")
	if a.field(t, "status") != "renewed" || a.field(t, "reason") != "requested" || a.field(t, "items") != 1.0 || a.field(t, "session", "id") == before || a.field(t, "expires_at") == nil {
		t.Errorf("%s", a.body)
	}
	if renewed := cl.until("switchboard.session.renewed"); renewed["reason"] != "requested" {
		t.Errorf("%v", renewed)
	}
	r.must(404, "POST", "/realtime/sessions/none/renew", operator, "")
	r.must(200, "DELETE", "/realtime/sessions/one", app, "")
	r.must(410, "POST", "/realtime/sessions/one/renew", operator, "")
}

// armed is a session whose tool carries secrets.
const armed = `{"type":"realtime","tools":[{"type":"mcp","server_label":"crm","server_url":"https://crm.example/mcp?key=s3cr3t-1","authorization":"s3cr3t-2","headers":{"X":"s3cr3t-3"}}]}`

// Whatever is answered, kept or streamed of a session with secrets has none of them.
func TestSecretsAreNotAnswered(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	clean := func(what, text string) {
		t.Helper()
		if strings.Contains(text, "s3cr3t") {
			t.Errorf("%s: %s", what, text)
		}
	}
	created := r.must(201, "POST", "/realtime/sessions", app, `{"session_id":"one","config":`+armed+`}`)
	clean("POST", string(created.body))
	secret := created.field(t, "client_secret", "value").(string)
	cl := r.attach("/realtime/sessions/one/relay", secret)
	clean("session.created", marshalled(t, cl.until("session.created")))
	clean("PATCH", string(r.must(200, "PATCH", "/realtime/sessions/one", app, `{"instructions":"x","tools":[{"type":"mcp","server_label":"crm","server_url":"https://crm.example/<redacted>"}]}`).body))
	clean("session.updated", marshalled(t, cl.until("session.updated")))
	clean("GET", string(r.must(200, "GET", "/realtime/sessions/one", operator, "").body))
	clean("list", string(r.must(200, "GET", "/realtime/sessions", operator, "").body))
	clean("renew", string(r.must(200, "POST", "/realtime/sessions/one/renew", operator, "").body))
	clean("renewed", marshalled(t, cl.until("switchboard.session.renewed")))

	a := r.must(200, "POST", "/v1/realtime/client_secrets", app, `{"session":`+armed+`}`)
	clean("client_secrets", string(a.body))
	grant, err := r.store.Grant(t.Context(), a.field(t, "value").(string))
	if err != nil {
		t.Fatal(err)
	}
	clean("the grant", string(grant.Config))
	sdk := r.attach("/v1/realtime?model=gpt-realtime-2.1", a.field(t, "value").(string))
	if text := marshalled(t, sdk.until("session.created")); strings.Contains(text, "s3cr3t") || !strings.Contains(text, "https://crm.example/") {
		t.Errorf("session.created at /v1/realtime: %s", text)
	}
	r.must(200, "DELETE", "/realtime/sessions/one", app, "")
	events, err := r.store.Events(t.Context(), "one", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		clean("the log", string(e.Raw))
	}
	record, err := r.store.Record(t.Context(), "one")
	if err != nil || record.Secrets == "" {
		t.Errorf("%q, %v", record.Secrets, err)
	}
	clean("the record", marshalled(t, record))
	r.stop()
	clean("the gateway's log", r.log.String())
}

// A stream that is asked for what never was says so, and goes on; so does one of an ended session.
func TestStreamOfTheFuture(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.open("one")
	const future = "9999999999999-0"
	next, stop := r.follow("one", future)
	first := next("")
	if first.Type != "resync" || first.Data != "{}" || first.LastEventID == future {
		t.Errorf("%+v", first)
	}
	r.must(200, "POST", "/realtime/sessions/one/message", app, `{"text":"hello","respond":false}`)
	next("conversation.item.done")
	stop()
	r.must(200, "DELETE", "/realtime/sessions/one", app, "")
	next, stop = r.follow("one", future)
	last := next("resync")
	stop()
	r.must(204, "GET", "/realtime/sessions/one/events?last_event_id="+last.LastEventID, app, "")
}

// A HEAD of an event stream is answered as a GET, and ends.
func TestHeadsOfStreams(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.open("one")
	id := r.must(202, "POST", "/realtime/broadcasts", operator, `{"instructions":"x","mode":"append"}`).field(t, "id").(string)
	for path, key := range map[string]string{"/realtime/sessions/one/events": app, "/realtime/broadcasts/" + id + "/events": operator} {
		head := r.must(http.StatusOK, "HEAD", path, key, "")
		if head.Header.Get("Content-Type") != "text/event-stream" || len(head.body) > 0 {
			t.Errorf("%s: %v", path, head.Header)
		}
		r.must(401, "HEAD", path, "sk-wrong", "")
	}
	r.must(404, "HEAD", "/realtime/sessions/none/events", app, "")
}

// Callers are told what an upstream says of its account in plain words; the log has its own.
func TestAccountErrorsAreToldPlainly(t *testing.T) {
	r := newRigWithKey(t, "sk-up-is-wrong-stream", standin.Faults{}, nil)
	a := r.do("POST", "/realtime/sessions", app, `{}`)
	if a.StatusCode != 502 || a.field(t, "code") != "invalid_api_key" || strings.Contains(string(a.body), "sk-") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	cl := r.attach("/v1/realtime?model=gpt-realtime-2.1", app)
	if text := marshalled(t, cl.until("error")); strings.Contains(text, "sk-up") || !strings.Contains(text, "invalid_api_key") {
		t.Error(text)
	}
	r.stop()
	if !strings.Contains(r.log.String(), "sk-up-is***ream") {
		t.Error("the log does not say which key it was")
	}
}

func marshalled(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
