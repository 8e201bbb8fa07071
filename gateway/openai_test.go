package gateway_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway"
)

func TestRealtimeOpensAndEndsWithItsClient(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	p := r.attach("/v1/realtime?model=gpt-realtime-2.1", app)
	p.until("session.created")
	p.say(`{"type":"session.update","session":{"type":"realtime","instructions":"Be brief."}}`)
	p.until("session.updated")
	p.say(`{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}}`)
	p.say(`{"type":"response.create"}`)
	p.until("response.done")

	list := r.must(200, "GET", "/realtime/sessions?status=active", app, "").field(t, "sessions").([]any)
	if len(list) != 1 {
		t.Fatalf("%d sessions run", len(list))
	}
	id := list[0].(map[string]any)["session_id"].(string)
	next, _ := r.follow(id, "")
	if err := p.Close(1000, ""); err != nil {
		t.Errorf("close: %v", err)
	}
	for next("").LastEventID != "" { // the stream ends with the session
	}
	if a := r.must(200, "GET", "/realtime/sessions?status=ended", app, ""); len(a.field(t, "sessions").([]any)) != 1 {
		t.Errorf("not ended: %s", a.body)
	}
}

func TestRealtimeSaysWhatTheLiveAPISays(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	bound := r.open("one")
	for name, row := range map[string]struct {
		path, secret, code string
		close              int
		reason             string
	}{
		"wrong key":        {"?model=gpt-realtime-2.1", "sk-wrong", "invalid_api_key", 3000, "invalid_request_error.invalid_api_key"},
		"no key":           {"?model=gpt-realtime-2.1", "", "", 3000, "invalid_request_error"},
		"unknown token":    {"?model=gpt-realtime-2.1", "ek_unknown", "invalid_api_key", 3000, "invalid_request_error.invalid_api_key"},
		"a session's own":  {"?model=gpt-realtime-2.1", bound, "invalid_api_key", 3000, "invalid_request_error.invalid_api_key"},
		"unknown model":    {"?model=gpt-none", app, "invalid_model", 4000, "invalid_request_error.invalid_model"},
		"no model":         {"", app, "missing_model", 4000, "invalid_request_error.missing_model"},
		"call of a client": {"?call_id=rtc_1", app, "invalid_value", 4000, "invalid_request_error.invalid_value"},
	} {
		t.Run(name, func(t *testing.T) {
			p := r.attach("/v1/realtime"+row.path, row.secret)
			e := p.until("error")["error"].(map[string]any)
			if got, _ := e["code"].(string); got != row.code || e["message"] == "" || e["type"] != "invalid_request_error" {
				t.Errorf("error %v, want %s", e, row.code)
			}
			if c := p.closed(); int(c.Code) != row.close || c.Reason != row.reason {
				t.Errorf("closed with %v, want %d %s", c, row.close, row.reason)
			}
		})
	}
	if n := r.hub.Stats().Sessions; n != 1 {
		t.Errorf("%d sessions run, want the first only", n)
	}
}

// Who asks for the beta's events would not understand a word.
func TestRealtimeRefusesTheBeta(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	for header, value := range map[string]string{"OpenAI-Beta": "realtime=v1", "Sec-WebSocket-Protocol": "openai-beta.realtime-v1"} {
		p, _, err := r.dial("/v1/realtime?model=gpt-realtime-2.1", app, header, value)
		if err != nil {
			t.Fatal(err)
		}
		if e := p.until("error")["error"].(map[string]any); e["code"] != "beta_api_shape_disabled" {
			t.Errorf("%s: %v", header, e)
		}
		if c := p.closed(); c.Code != 4000 || c.Reason != "invalid_request_error.beta_api_shape_disabled" {
			t.Errorf("%s: closed with %v", header, c)
		}
	}
}

func TestRealtimeRefusedByHTTP(t *testing.T) {
	const path = "/v1/realtime?model=gpt-realtime-2.1"
	for name, row := range map[string]struct {
		faults standin.Faults
		path   string
		header []string
		status int
	}{
		"upstream overloaded": {standin.Faults{HandshakeStatus: 503}, path, nil, 503},
		"upstream rate limit": {standin.Faults{HandshakeStatus: 429}, path, nil, 429},
		"foreign page":        {standin.Faults{}, path, []string{"Origin", "https://evil.example"}, 403},
		"key in the query":    {standin.Faults{}, path + "&api_key=" + app, nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, row.faults, nil)
			_, res, err := r.dial(row.path, app, row.header...)
			if err == nil || res.StatusCode != row.status {
				t.Fatalf("%v %v, want %d", res, err, row.status)
			}
			var body struct {
				Error struct{ Message, Type string }
			}
			if err := json.NewDecoder(res.Body).Decode(&body); err != nil || body.Error.Message == "" || body.Error.Type == "" {
				t.Errorf("not OpenAI's shape: %v %v", body, err)
			}
		})
	}
}

func TestClientSecretOpensItsSession(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	a := r.must(200, "POST", "/v1/realtime/client_secrets", app,
		`{"expires_after":{"anchor":"created_at","seconds":60},"session":{"type":"realtime","model":"gpt-realtime-2.1","instructions":"Bound."}}`)
	if until := time.Unix(int64(a.field(t, "expires_at").(float64)), 0); time.Until(until) > time.Minute {
		t.Errorf("expires at %v", until)
	}
	for path, want := range map[string]string{"type": "realtime", "object": "realtime.session", "model": "gpt-realtime-2.1", "instructions": "Bound."} {
		if got := a.field(t, "session", path); got != want {
			t.Errorf("session.%s %v, want %s", path, got, want)
		}
	}
	token := a.field(t, "value").(string)
	p := r.attach("/v1/realtime?model=gpt-realtime-2.1", token)
	if got := p.until("session.created")["session"].(map[string]any)["instructions"]; got != "Bound." {
		t.Errorf("instructions %v", got)
	}
	p.say(`{"type":"session.update","session":{"type":"realtime","instructions":"Changed."}}`) // policy open
	p.until("session.updated")

	transcription := r.must(200, "POST", "/v1/realtime/client_secrets", app, `{"session":{"type":"transcription"}}`)
	if got := transcription.field(t, "session", "object"); got != "realtime.transcription_session" {
		t.Errorf("object %v", got)
	}
	q := r.attach("/v1/realtime?model=ignored", transcription.field(t, "value").(string))
	if got := q.until("session.created")["session"].(map[string]any)["type"]; got != "transcription" {
		t.Errorf("type %v", got)
	}
	_, res, err := r.dial("/realtime/sessions/one/relay", token)
	if err == nil || res.StatusCode != 403 {
		t.Errorf("attach elsewhere: %v %v", res, err)
	}
}

func TestBadClientSecretRequests(t *testing.T) {
	r := newRig(t, standin.Faults{}, func(o *gateway.Options) { o.BodyBytes = 1024 })
	for name, row := range map[string]struct {
		key, body   string
		status      int
		code, param string
	}{
		"no key":         {"", `{}`, 401, "credential_missing", ""},
		"not JSON":       {app, `{`, 400, "malformed_request", ""},
		"two values":     {app, `{}{}`, 400, "malformed_request", ""},
		"unknown field":  {app, `{"sesion":{}}`, 400, "invalid_value", "sesion"},
		"another case":   {app, `{"Session":{}}`, 400, "invalid_value", "Session"},
		"case, inside":   {app, `{"expires_after":{"Seconds":60}}`, 400, "invalid_value", "expires_after.Seconds"},
		"a key twice":    {app, `{"session":{"type":"realtime","type":"transcription"}}`, 400, "invalid_value", "session.type"},
		"wrong type":     {app, `{"expires_after":{"seconds":"60"}}`, 400, "invalid_value", "expires_after.seconds"},
		"too short":      {app, `{"expires_after":{"seconds":9}}`, 400, "invalid_value", "expires_after.seconds"},
		"bad anchor":     {app, `{"expires_after":{"anchor":"now"}}`, 400, "invalid_value", "expires_after.anchor"},
		"bad session":    {app, `{"session":{"voize":"x"}}`, 400, "invalid_value", "session.voize"},
		"no object":      {app, `{"session":[]}`, 400, "invalid_value", "session"},
		"bad kind":       {app, `{"session":{"type":"translation"}}`, 400, "invalid_value", "session.type"},
		"body too large": {app, `{"session":{"instructions":"` + strings.Repeat("x", 2000) + `"}}`, 413, "request_entity_too_large", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := r.must(row.status, "POST", "/v1/realtime/client_secrets", row.key, row.body)
			code, _ := a.field(t, "error", "code").(string)
			param, _ := a.field(t, "error", "param").(string)
			if code != row.code || param != row.param {
				t.Errorf("code %q param %q in %s", code, param, a.body)
			}
		})
	}
	if a := r.must(404, "GET", "/v1/models", app, ""); a.field(t, "error", "type") != "invalid_request_error" {
		t.Errorf("unknown address: %s", a.body)
	}
}
