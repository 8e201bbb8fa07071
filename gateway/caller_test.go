package gateway_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway"
	"switchboard/session"
)

func TestParseKeys(t *testing.T) {
	keys, err := gateway.ParseKeys(strings.NewReader("# ours\na:app:secret-1, b:operator:s:ecret-2\n\nc:admin:secret-3"))
	if err != nil {
		t.Fatal(err)
	}
	for secret, want := range map[string]gateway.Key{"secret-1": {Name: "a", Role: "app"}, "s:ecret-2": {Name: "b", Role: "operator"}, "secret-3": {Name: "c", Role: "admin"}, "secret-4": {}, "": {}} {
		if got, ok := keys.Lookup(secret); got.Name != want.Name || got.Role != want.Role || ok != (want.Name != "") {
			t.Errorf("%q: %v %v, want %v", secret, got, ok, want)
		}
	}
	for _, bad := range []string{"topsecret", "a:topsecret", "a:root:topsecret", "a b:app:topsecret", "a:app:", "a:app:ek_topsecret", "a:app:short", "a:app:x", "a:app:topsecret,a:app:topsecret2", "a:app:topsecret,b:app:topsecret"} {
		_, err := gateway.ParseKeys(strings.NewReader(bad))
		if err == nil || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%q: error %v must be there and not tell the secret", bad, err)
		}
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	token := r.open("one")
	const get = "GET /realtime/sessions/one"
	for name, row := range map[string]struct {
		call, secret string
		status       int
	}{
		"owner":                {get, app, 200},
		"operator":             {get, operator, 200},
		"another app":          {get, other, 404},
		"another app controls": {"POST /realtime/sessions/one/cancel", other, 404},
		"another app ends":     {"DELETE /realtime/sessions/one", other, 404},
		"another app follows":  {"GET /realtime/sessions/one/events", other, 404},
		"nobody":               {get, "", 401},
		"wrong key":            {get, "sk-wrong", 401},
		"wrong token":          {get, "ek_wrong", 401},
		"token on REST":        {get, token, 403},
		"token ends":           {"DELETE /realtime/sessions/one", token, 403},
		"token creates":        {"POST /realtime/sessions", token, 403},
		"health needs no key":  {"GET /healthz", "", 200},
		"metrics need no key":  {"GET /metrics", "", 200},
		"docs need no key":     {"GET /docs", "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			method, path, _ := strings.Cut(row.call, " ")
			a := r.must(row.status, method, path, row.secret, "")
			if row.status == 401 && a.Header.Get("WWW-Authenticate") != "Bearer" {
				t.Error("no WWW-Authenticate")
			}
		})
	}
	r.stop()
	if log := r.log.String(); strings.Contains(log, app) || strings.Contains(log, token) || strings.Contains(log, "sk-wrong") {
		t.Error("a secret is in the log")
	}
}

func TestWhoMayAttach(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	token, foreign := r.open("one"), r.open("two")
	grant, err := r.store.Grant(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	grant.ExpiresAt = time.Now().Add(-time.Minute)
	if err := r.store.PutGrant(t.Context(), "ek_expired", grant, time.Hour); err != nil {
		t.Fatal(err)
	}
	const one = "/realtime/sessions/one/relay"
	for name, row := range map[string]struct {
		path, secret string
		header       []string
		status       int
	}{
		"token":                    {one, token, nil, 101},
		"token as Bearer":          {one, "", []string{"Authorization", "Bearer " + token}, 101},
		"owner":                    {one, app, nil, 101},
		"operator":                 {one, operator, nil, 101},
		"nobody":                   {one, "", nil, 401},
		"unknown token":            {one, "ek_unknown", nil, 401},
		"expired token":            {one, "ek_expired", nil, 401},
		"token of another session": {one, foreign, nil, 403},
		"token of no session":      {"/realtime/sessions/none/relay", token, nil, 403},
		"another app":              {one, other, nil, 404},
		"unknown session":          {"/realtime/sessions/none/relay", app, nil, 404},
		"token in the query":       {one + "?token=" + token, "", nil, 400},
		"own page":                 {one, token, []string{"Origin", r.url}, 101},
		"foreign page":             {one, token, []string{"Origin", "https://evil.example"}, 403},
		"opaque page":              {one, token, []string{"Origin", "null"}, 403},
		"old WebSocket":            {one, token, []string{"Sec-WebSocket-Version", "8"}, 101}, // the library overwrites it
	} {
		t.Run(name, func(t *testing.T) {
			p, res, err := r.dial(row.path, row.secret, row.header...)
			if res == nil || res.StatusCode != row.status {
				t.Fatalf("%v %v, want %d", res, err, row.status)
			}
			if p != nil {
				p.until("session.created")
			} else if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("content type %q", got)
			}
		})
	}
	r.must(200, "DELETE", "/realtime/sessions/one", app, "")
	if _, res, err := r.dial(one, token); err == nil || res.StatusCode != http.StatusGone {
		t.Errorf("ended session: %v %v", res, err)
	}
}

func TestUsedTokenComesBackAfterItsTimeToStart(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	token := r.open("one")
	before, err := r.store.Grant(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	r.attach("/realtime/sessions/one/relay", token).until("session.created")
	after, err := r.store.Grant(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if start := time.Until(before.ExpiresAt); start > 10*time.Minute {
		t.Errorf("good to start for %v", start)
	}
	if more := after.ExpiresAt.Sub(before.ExpiresAt); more < 23*time.Hour {
		t.Errorf("prolonged by %v only", more)
	}
	if after.Session != "one" || after.Policy.Name != "voice" {
		t.Errorf("changed: %+v", after)
	}
}

func TestTokenCarriesItsPolicy(t *testing.T) {
	r := newRig(t, standin.Faults{}, func(o *gateway.Options) {
		o.Policies = map[string]session.Policy{"listen": {}}
	})
	r.open("one")
	secret := func(body string) string {
		return r.must(201, "POST", "/realtime/sessions/one/client-secret", app, body).field(t, "value").(string)
	}
	for name, row := range map[string]struct {
		body, event, want string
	}{
		"voice may not update": {``, `{"type":"session.update","session":{"type":"realtime"}}`, "error"},
		"open may":             {`{"policy":"open"}`, `{"type":"session.update","session":{"type":"realtime"}}`, "session.updated"},
		"a named one":          {`{"policy":"listen"}`, `{"type":"input_audio_buffer.clear"}`, "error"},
		"one spelled out":      {`{"policy":{"name":"mine","events":["input_audio_buffer.clear"],"roles":[]},"ttl":60}`, `{"type":"input_audio_buffer.clear"}`, "input_audio_buffer.cleared"},
	} {
		t.Run(name, func(t *testing.T) {
			p := r.attach("/realtime/sessions/one/relay", secret(row.body))
			p.until("session.created")
			p.say(row.event)
			e := p.until(row.want)
			if row.want == "error" && e["error"].(map[string]any)["code"] != "event_not_allowed" {
				t.Errorf("got %v", e)
			}
		})
	}
}

func TestStoreAwayIsNotAWrongToken(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.store.Fail(errors.New("away"))
	r.must(503, "GET", "/realtime/sessions/one", "ek_whatever", "")
	r.must(401, "GET", "/realtime/sessions/one", "sk-wrong", "")
}

func TestCORS(t *testing.T) {
	r := newRig(t, standin.Faults{}, func(o *gateway.Options) { o.AllowedOrigins = []string{"https://app.example"} })
	preflight := func(origin string) answer {
		return r.do("OPTIONS", "/realtime/sessions", "", "", "Origin", origin, "Access-Control-Request-Method", "POST")
	}
	a := preflight("https://app.example")
	if a.StatusCode != 204 || a.Header.Get("Access-Control-Allow-Origin") != "https://app.example" || !strings.Contains(a.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("allowed: %d %v", a.StatusCode, a.Header)
	}
	if a := preflight("https://evil.example"); a.StatusCode != 403 || a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("foreign: %d %v", a.StatusCode, a.Header)
	}
	a = r.do("GET", "/realtime/sessions", app, "", "Origin", "https://evil.example")
	if a.StatusCode != 200 || a.Header.Get("Access-Control-Allow-Origin") != "" || a.Header.Get("Vary") != "Origin" {
		t.Errorf("simple request: %d %v", a.StatusCode, a.Header)
	}
}
