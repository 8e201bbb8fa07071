package gateway_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway"
)

func asClose(err error, c *websocket.CloseError) bool { return errors.As(err, c) }

func TestSessionFromCreationToEnd(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	created := r.must(201, "POST", "/realtime/sessions", app,
		`{"session_id":"one","config":{"instructions":"Be brief.","voice":"marin"},"labels":{"team":"support"},"limits":{"max_seconds":600}}`)
	if got := created.Header.Get("Location"); got != "/realtime/sessions/one" {
		t.Errorf("Location %q", got)
	}
	if got := created.field(t, "relay_url"); got != strings.Replace(r.url, "http", "ws", 1)+"/realtime/sessions/one/relay" {
		t.Errorf("relay_url %v", got)
	}
	if got := created.field(t, "session", "audio", "input", "transcription", "model"); got != "gpt-transcribe" {
		t.Errorf("transcription %v", got)
	}
	client := r.attach("/realtime/sessions/one/relay", created.field(t, "client_secret", "value").(string))
	if client.Subprotocol() != "realtime" {
		t.Errorf("subprotocol %q", client.Subprotocol())
	}
	client.until("session.created")

	sent := r.must(200, "POST", "/realtime/sessions/one/message", app, `{"text":"Say hello."}`)
	if sent.field(t, "status") != "sent" || sent.field(t, "item_id") == "" {
		t.Errorf("message: %s", sent.body)
	}
	client.until("response.done")
	r.must(200, "POST", "/realtime/sessions/one/message", app, `{"text":"A note.","role":"system","respond":false}`)
	updated := r.must(200, "PATCH", "/realtime/sessions/one", app, `{"instructions":"Speak Dutch."}`)
	if got := updated.field(t, "session", "instructions"); got != "Speak Dutch." {
		t.Errorf("instructions %v", got)
	}
	client.until("session.updated")
	r.must(200, "POST", "/realtime/sessions/one/audio/clear", app, "")
	client.until("input_audio_buffer.cleared")

	items := r.must(200, "GET", "/realtime/sessions/one/items", app, "").field(t, "items").([]any)
	if len(items) != 3 {
		t.Errorf("%d items, want user, assistant, system", len(items))
	}
	if got := r.must(200, "GET", "/realtime/sessions/one", app, "").field(t, "clients"); got != 1.0 {
		t.Errorf("clients %v", got)
	}
	ended := r.must(200, "DELETE", "/realtime/sessions/one", app, "")
	if ended.field(t, "status") != "ended" || ended.field(t, "usage", "responses") != 1.0 {
		t.Errorf("ended: %s", ended.body)
	}
	if c := client.closed(); c.Code != 1000 {
		t.Errorf("close %v", c)
	}
	r.must(200, "DELETE", "/realtime/sessions/one", app, "")
	r.must(200, "GET", "/realtime/sessions/one/items", app, "")
	gone := r.must(410, "POST", "/realtime/sessions/one/message", app, `{"text":"x"}`)
	if detail := gone.field(t, "detail").(string); !strings.Contains(detail, "ended by app app") {
		t.Errorf("detail %q does not say why", detail)
	}
	r.must(409, "POST", "/realtime/sessions", app, `{"session_id":"one"}`)
}

func TestListIsTheCallersAndSelects(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.must(201, "POST", "/realtime/sessions", app, `{"session_id":"a1","labels":{"team":"red","tier":"1"}}`)
	r.must(201, "POST", "/realtime/sessions", app, `{"session_id":"a2","labels":{"team":"red"}}`)
	r.must(201, "POST", "/realtime/sessions", other, `{"session_id":"b1","labels":{"team":"red"}}`)
	r.must(200, "DELETE", "/realtime/sessions/a2", app, "")
	for query, want := range map[string][]string{
		app + " ":                                  {"a1", "a2"},
		app + " ?status=ended":                     {"a2"},
		app + " ?label=team:red&label=tier:1":      {"a1"},
		app + " ?label=team:blue":                  nil,
		operator + " ?label=team:red":              {"a1", "a2", "b1"},
		operator + " ?status=created":              {"a1", "b1"},
		other + " ?label=team:red":                 {"b1"},
		operator + " ?label=team:red&status=ended": {"a2"},
		operator + " ?key=app":                     {"a1", "a2"},
		operator + " ?key=other&status=created":    {"b1"},
		operator + " ?key=nobody":                  nil,
		app + " ?key=app&status=created":           {"a1"},
		app + " ?key=other":                        nil,
	} {
		key, query, _ := strings.Cut(query, " ")
		seen := map[string]bool{}
		for _, s := range r.must(200, "GET", "/realtime/sessions"+query, key, "").field(t, "sessions").([]any) {
			seen[s.(map[string]any)["session_id"].(string)] = true
		}
		if len(seen) != len(want) {
			t.Errorf("%q: %v, want %v", query, seen, want)
		}
		for _, id := range want {
			if !seen[id] {
				t.Errorf("%q: %s is missing", query, id)
			}
		}
	}
	page := r.must(200, "GET", "/realtime/sessions?limit=2", operator, "")
	next, _ := page.field(t, "next").(string)
	if rest := r.must(200, "GET", "/realtime/sessions?limit=2&after="+next, operator, "").field(t, "sessions").([]any); next == "" || len(rest) != 1 {
		t.Errorf("second page after %q has %d sessions, want 1", next, len(rest))
	}
	r.must(400, "GET", "/realtime/sessions?key="+url.QueryEscape(other), operator, "")
}

func TestListHasTotalsAndASummaryForm(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	secret := r.open("a1")
	r.must(201, "POST", "/realtime/sessions", app, `{"session_id":"a2","labels":{"team":"red"}}`)
	r.must(201, "POST", "/realtime/sessions", other, `{"session_id":"b1"}`)
	r.must(200, "DELETE", "/realtime/sessions/a2", app, "")
	r.attach("/realtime/sessions/a1/relay", secret).until("session.created")
	r.must(200, "GET", "/realtime/sessions/a1", app, "") // waits until the client has been counted
	list := r.must(200, "GET", "/realtime/sessions?fields=summary&limit=1&label=team:red", operator, "")
	var page struct {
		Total    int
		Sessions []map[string]any
		Totals   json.RawMessage
	}
	if err := json.Unmarshal(list.body, &page); err != nil || page.Total != 1 || len(page.Sessions) != 1 {
		t.Fatalf("%v: %s", err, list.body)
	}
	want := `{"status":{"active":1,"created":1,"ended":1},"nodes":{"http://node":2},"live":2,"unattended":1,"clients":1}`
	if string(page.Totals) != want {
		t.Errorf("totals are %s, want %s", page.Totals, want)
	}
	for _, name := range []string{"session", "limits", "policy"} {
		if _, there := page.Sessions[0][name]; there {
			t.Errorf("a summary has %s", name)
		}
	}
	for _, name := range []string{"session_id", "status", "reason", "key", "node", "labels", "model", "usage", "created_at", "ended_at"} {
		if _, there := page.Sessions[0][name]; !there {
			t.Errorf("a summary has no %s: %s", name, list.body)
		}
	}
	own := r.must(200, "GET", "/realtime/sessions?key=app", other, "")
	if live := own.field(t, "totals", "live"); live != 1.0 || own.field(t, "total") != 0.0 {
		t.Errorf("an app key is told of others' sessions: %s", own.body)
	}
}

func TestBadRequests(t *testing.T) {
	r := newRig(t, standin.Faults{}, func(o *gateway.Options) { o.BodyBytes = 4096 })
	r.open("one")
	const create, message = "POST /realtime/sessions", "POST /realtime/sessions/one/message"
	for name, row := range map[string]struct {
		call, body string
		header     []string
		status     int
		kind, at   string // at: location of the first error
	}{
		"no JSON":              {create, `{`, nil, 400, "malformed-request", "body"},
		"not UTF-8":            {create, "{\"session_id\":\"\xff\"}", nil, 400, "malformed-request", ""},
		"no object":            {create, `[]`, nil, 422, "invalid-request", "body"},
		"unknown field":        {create, `{"labls":{}}`, nil, 422, "invalid-request", "body.labls"},
		"bad ID":               {create, `{"session_id":"a b"}`, nil, 422, "invalid-request", "body.session_id"},
		"bad label":            {create, `{"labels":{"a:b":"c"}}`, nil, 422, "invalid-request", "body.labels"},
		"unknown config field": {create, `{"config":{"voize":"marin"}}`, nil, 422, "invalid-request", "body.config.voize"},
		"config is no object":  {create, `{"config":"x"}`, nil, 422, "invalid-request", "body.config"},
		"unknown policy":       {create, `{"client":{"policy":"root"}}`, nil, 422, "invalid-request", "body.client.policy"},
		"bad policy":           {create, `{"client":{"policy":{"name":"p","evnts":[]}}}`, nil, 422, "invalid-request", "body.client.policy.evnts"},
		"policy is a number":   {create, `{"client":{"policy":1}}`, nil, 422, "invalid-request", "body.client.policy"},
		"policy's wrong type":  {create, `{"client":{"policy":{"events":"*"}}}`, nil, 422, "invalid-request", "body.client.policy.events"},
		"policy's bad role":    {create, `{"client":{"policy":{"roles":["root"]}}}`, nil, 422, "invalid-request", "body.client.policy.roles"},
		"policy's bad rate":    {create, `{"client":{"policy":{"events_per_second":-1}}}`, nil, 422, "invalid-request", "body.client.policy.events_per_second"},
		"TTL too long":         {create, `{"client":{"ttl":7201}}`, nil, 422, "invalid-request", "body.client.ttl"},
		"negative limit":       {create, `{"limits":{"max_seconds":-1}}`, nil, 422, "invalid-request", "body.limits.max_seconds"},
		"endless limit":        {create, `{"limits":{"max_seconds":9223372036854775807}}`, nil, 422, "invalid-request", "body.limits.max_seconds"},
		"limit over a year":    {create, `{"limits":{"idle_seconds":31536001}}`, nil, 422, "invalid-request", "body.limits.idle_seconds"},
		"limit beyond numbers": {create, `{"limits":{"max_tokens":1e30}}`, nil, 422, "invalid-request", "body.limits.max_tokens"},
		"another case":         {create, `{"Labels":{}}`, nil, 422, "invalid-request", "body.Labels"},
		"policy's case":        {create, `{"client":{"policy":{"Events":["*"]}}}`, nil, 422, "invalid-request", "body.client.policy.Events"},
		"a key twice":          {create, `{"labels":{"a":"1"},"labels":{}}`, nil, 422, "invalid-request", "body.labels"},
		"twice, deep inside":   {create, `{"config":{"tools":[{"name":"x"},{"name":"x","n":1e999,"name":"y"}]}}`, nil, 422, "invalid-request", "body.config.tools[1].name"},
		"twice, once escaped":  {message, `{"text":"x","t\u0065xt":"y"}`, nil, 422, "invalid-request", "body.text"},
		"audio is no object":   {create, `{"config":{"audio":"loud"}}`, nil, 422, "upstream-refused", ""},
		"no such model":        {create, `{"config":{"model":"gpt-none"}}`, nil, 422, "upstream-refused", ""},
		"refused config":       {create, `{"config":{"type":"realtime","bogus":1}}`, nil, 422, "upstream-refused", ""},
		"a form":               {create, `a=b`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 400, "malformed-request", "body"},
		"body too large":       {create, `{"config":{"instructions":"` + strings.Repeat("x", 5000) + `"}}`, nil, 413, "request-entity-too-large", ""},
		"empty body":           {message, ``, nil, 400, "malformed-request", ""},
		"no text":              {message, `{}`, nil, 422, "invalid-request", "body"},
		"bad role":             {message, `{"text":"x","role":"root"}`, nil, 422, "invalid-request", "body.role"},
		"unknown call":         {"POST /realtime/sessions/one/function-result", `{"call_id":"call_x","output":"1"}`, nil, 422, "invalid-request", "body.call_id"},
		"nothing to cancel":    {"POST /realtime/sessions/one/cancel", ``, nil, 409, "upstream-refused", ""},
		"nothing to commit":    {"POST /realtime/sessions/one/audio/commit", ``, nil, 409, "upstream-refused", ""},
		"model is fixed":       {"PATCH /realtime/sessions/one", `{"model":"gpt-realtime-2"}`, nil, 422, "invalid-request", "body.model"},
		"nothing to change":    {"PATCH /realtime/sessions/one", `{}`, nil, 422, "invalid-request", "body"},
		"only a type":          {"PATCH /realtime/sessions/one", `{"type":"realtime"}`, nil, 422, "invalid-request", "body"},
		"another type":         {"PATCH /realtime/sessions/one", `{"type":"transcription","instructions":"x"}`, nil, 422, "upstream-refused", ""},
		"patch is no object":   {"PATCH /realtime/sessions/one", `[]`, nil, 422, "invalid-request", "body"},
		"unknown patch field":  {"PATCH /realtime/sessions/one", `{"voize":"x"}`, nil, 422, "invalid-request", "body.voize"},
		"patch refused":        {"PATCH /realtime/sessions/one", `{"type":"realtime","bogus":1}`, nil, 422, "upstream-refused", ""},
		"unknown session":      {"GET /realtime/sessions/none", ``, nil, 404, "session-not-found", ""},
		"impossible ID":        {"GET /realtime/sessions/a%20b", ``, nil, 404, "session-not-found", ""},
		"bad label query":      {"GET /realtime/sessions?label=x", ``, nil, 422, "invalid-request", "query.label"},
		"label twice":          {"GET /realtime/sessions?label=x:1&label=x:2", ``, nil, 422, "invalid-request", "query.label"},
		"bad page":             {"GET /realtime/sessions?after=x", ``, nil, 422, "invalid-request", "query.after"},
		"bad status query":     {"GET /realtime/sessions?status=x", ``, nil, 422, "invalid-request", "query.status"},
		"bad event ID":         {"GET /realtime/sessions/one/events", ``, []string{"Last-Event-ID", "x"}, 422, "invalid-request", "header.Last-Event-ID"},
		"no WebSocket":         {"GET /realtime/sessions/one/relay", ``, nil, 426, "upgrade-required", ""},
		"no such method":       {"PUT /realtime/sessions/one", ``, nil, 405, "method-not-allowed", ""},
		"no such address":      {"GET /nothing", ``, nil, 404, "not-found", ""},
		"key in the query":     {"GET /realtime/sessions?api_key=" + app, ``, nil, 400, "credential-in-query", ""},
	} {
		t.Run(name, func(t *testing.T) {
			method, path, _ := strings.Cut(row.call, " ")
			a := r.do(method, path, app, row.body, row.header...)
			if a.StatusCode != row.status || a.Header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("%d %s: %s; want %d", a.StatusCode, a.Header.Get("Content-Type"), a.body, row.status)
			}
			if got := a.field(t, "type"); got != "urn:switchboard:problem:"+row.kind {
				t.Errorf("type %v, want %s", got, row.kind)
			}
			if a.field(t, "title") == "" || a.field(t, "status") != float64(row.status) {
				t.Errorf("incomplete: %s", a.body)
			}
			if row.at == "" {
				return
			}
			errs, _ := a.field(t, "errors").([]any)
			if len(errs) == 0 || errs[0].(map[string]any)["location"] != row.at {
				t.Errorf("errors %v, want the first at %s", errs, row.at)
			}
		})
	}
}

// TestHeads: a HEAD is answered as a GET, without the body and whatever the status.
func TestHeads(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.open("one")
	for _, row := range []struct{ path, key string }{
		{"/realtime/sessions", app},
		{"/realtime/sessions", "sk-wrong"},
		{"/realtime/sessions/one", app},
		{"/realtime/sessions/none", app},
		{"/realtime/sessions/one/items", app},
		{"/realtime/broadcasts", operator},
		{"/realtime/broadcasts", app},
		{"/openapi.yaml", ""},
	} {
		get, head := r.do("GET", row.path, row.key, ""), r.do("HEAD", row.path, row.key, "")
		if head.StatusCode != get.StatusCode || head.Header.Get("Content-Type") != get.Header.Get("Content-Type") || len(head.body) > 0 {
			t.Errorf("%s: HEAD %d %s with %d bytes, GET %d %s", row.path, head.StatusCode, head.Header.Get("Content-Type"), len(head.body),
				get.StatusCode, get.Header.Get("Content-Type"))
		}
	}
	for _, path := range []string{"/realtime/sessions/one/relay", "/v1/realtime"} {
		r.must(405, "HEAD", path, app, "")
	}
}

func TestBodiesAreJSONWhateverTheirType(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.open("one")
	for _, kind := range []string{"application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8", "multipart/form-data", "nonsense", ""} {
		for path, body := range map[string]string{
			"/realtime/sessions/one/message": `{"text":"hi","respond":false}`,
			"/v1/realtime/client_secrets":    `{"session":{"type":"realtime"}}`,
		} {
			if a := r.do("POST", path, app, body, "Content-Type", kind); a.StatusCode != 200 {
				t.Errorf("%s as %q: %d %s", path, kind, a.StatusCode, a.body)
			}
		}
	}
}

func TestRefusalsCarryTheUpstreamsWords(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.open("one")
	a := r.must(422, "PATCH", "/realtime/sessions/one", app, `{"type":"realtime","bogus":1}`)
	for name, want := range map[string]string{"code": "unknown_parameter", "param": "session.bogus", "upstream_type": "invalid_request_error"} {
		if got := a.field(t, name); got != want {
			t.Errorf("%s %v, want %s", name, got, want)
		}
	}
	if got := r.must(200, "GET", "/realtime/sessions/one", app, "").field(t, "status"); got == "ended" {
		t.Error("a refused update ended the session")
	}
}

func TestUpstreamTroubles(t *testing.T) {
	for name, row := range map[string]struct {
		faults standin.Faults
		status int
	}{
		"overloaded":  {standin.Faults{HandshakeStatus: 503}, 503},
		"rate limit":  {standin.Faults{HandshakeStatus: 429}, 429},
		"broken":      {standin.Faults{HandshakeStatus: 500}, 502},
		"our key":     {standin.Faults{Reject: "invalid_api_key", RejectClose: 3000}, 502},
		"just closes": {standin.Faults{RejectClose: 1011}, 502},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, row.faults, nil)
			a := r.must(row.status, "POST", "/realtime/sessions", app, `{"session_id":"one"}`)
			if retry := a.Header.Get("Retry-After"); (retry != "") != (row.status == 503 || row.status == 429) {
				t.Errorf("Retry-After %q", retry)
			}
			r.must(404, "GET", "/realtime/sessions/one", app, "")
		})
	}
}

func TestStoreAway(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	token := r.open("one")
	r.must(200, "GET", "/readyz", "", "")
	r.store.Fail(errors.New("connection refused by 10.0.0.1"))
	for _, call := range []string{"GET /realtime/sessions", "GET /realtime/sessions/two"} {
		method, path, _ := strings.Cut(call, " ")
		if a := r.must(503, method, path, app, ""); strings.Contains(string(a.body), "10.0.0.1") {
			t.Errorf("%s tells about the store: %s", call, a.body)
		}
	}
	if a := r.must(503, "GET", "/readyz", "", ""); a.field(t, "status") != "degraded" || a.field(t, "store") != "away" {
		t.Errorf("readyz: %s", a.body)
	}
	r.must(200, "POST", "/realtime/sessions/one/message", app, `{"text":"Still here?","respond":false}`)
	r.attach("/realtime/sessions/one/relay", app).until("session.created")
	if _, res, err := r.dial("/realtime/sessions/one/relay", token); err == nil || res.StatusCode != 503 {
		t.Errorf("a token cannot be checked: %v %v", res, err)
	}
	r.store.Fail(nil)
	if err := r.hub.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.must(200, "GET", "/readyz", "", "")
}

func TestDrainTakesNoNewSessions(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.open("one")
	r.gateway.Drain()
	r.must(503, "POST", "/realtime/sessions", app, `{}`)
	if a := r.must(503, "GET", "/readyz", "", ""); a.field(t, "status") != "draining" {
		t.Errorf("readyz: %s", a.body)
	}
	r.must(200, "GET", "/healthz", "", "")
	r.must(200, "POST", "/realtime/sessions/one/message", app, `{"text":"x","respond":false}`)
}
