package gateway_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway"
	"switchboard/session"
	"switchboard/session/access"
	"switchboard/session/sessiontest"
)

// makeKey makes an API key at run time and returns its ID and secret.
func (r *rig) makeKey(body string) (id, secret string) {
	r.t.Helper()
	a := r.must(201, "POST", "/keys", admin, body)
	if a.Header.Get("Cache-Control") != "no-store" {
		r.t.Errorf("a secret may be stored: %v", a.Header)
	}
	return a.field(r.t, "id").(string), a.field(r.t, "secret").(string)
}

func TestKeysAtRunTime(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	id, secret := r.makeKey(`{"name":"shop","role":"app","limits":{"sessions":1}}`)
	r.must(201, "POST", "/realtime/sessions", secret, `{"session_id":"one"}`)
	if key := r.must(200, "GET", "/realtime/sessions/one", operator, "").field(t, "key"); key != "shop" {
		t.Errorf("session of %v", key)
	}
	r.must(403, "GET", "/keys", secret, "")
	r.must(403, "POST", "/keys", operator, `{"name":"x","role":"admin"}`)
	r.must(404, "GET", "/keys/ops", secret, "")
	if self := r.must(200, "GET", "/keys/self", secret, ""); self.field(t, "name") != "shop" || self.field(t, "role") != "app" || self.field(t, "created_by") != "root" {
		t.Errorf("self %s", self.body)
	}
	list := r.must(200, "GET", "/keys", admin, "")
	if n := len(list.field(t, "keys").([]any)); n != 5 || strings.Contains(string(list.body), secret) || !strings.Contains(string(list.body), `"source":"environment"`) {
		t.Errorf("list %s", list.body)
	}
	r.must(409, "POST", "/keys", admin, `{"name":"shop","role":"app"}`)
	r.must(409, "POST", "/keys", admin, `{"name":"app","role":"app"}`)
	r.must(409, "DELETE", "/keys/app", admin, "")
	r.must(200, "DELETE", "/keys/"+id, admin, "")
	r.must(404, "DELETE", "/keys/"+id, admin, "")
	r.must(401, "GET", "/realtime/sessions", secret, "")
	again, _ := r.makeKey(`{"name":"shop","role":"app"}`)
	if again == id {
		t.Error("another key has the same ID")
	}
	r.stop()
	if log := r.log.String(); strings.Contains(log, secret) || !strings.Contains(log, "API key made") || !strings.Contains(log, "by=root") {
		t.Errorf("log %s", log)
	}
}

func TestKeysAreRefusedByField(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	for body, location := range map[string]string{
		`{"role":"app"}`:                                                   "body",
		`{"name":"a b","role":"app"}`:                                      "body.name",
		`{"name":"self","role":"app"}`:                                     "body.name",
		`{"name":"client","role":"app"}`:                                   "body.name",
		`{"name":"x","role":"root"}`:                                       "body.role",
		`{"name":"x","role":"app","limits":{"tokens":-1}}`:                 "body.limits.tokens",
		`{"name":"x","role":"app","limits":{"dollars":1}}`:                 "body.limits.dollars",
		`{"name":"x","role":"app","expires_at":"yesterday"}`:               "body.expires_at",
		`{"name":"x","role":"app","expires_at":"2020-01-01T00:00:00Z"}`:    "body.expires_at",
		`{"name":"x","role":"app","secret":"mine"}`:                        "body.secret",
		`{"name":"` + strings.Repeat("x", 65) + `","role":"app"}`:          "body.name",
		`{"name":"x","role":"app","limits":{"seconds":99999999999999999}}`: "body.limits.seconds",
	} {
		if no := r.must(422, "POST", "/keys", admin, body); !strings.Contains(string(no.body), `"location":"`+location+`"`) {
			t.Errorf("%s: %s", body, no.body)
		}
	}
}

// A key that is made on one node opens another within moments, and is refused there as soon.
func TestKeysReachEveryNode(t *testing.T) {
	f := newFleet(t, 2)
	f.url = f.nodes[0].url
	id, secret := f.makeKey(`{"name":"shop","role":"app"}`)
	status := func(want int) {
		f.url = f.nodes[1].url
		sessiontest.Eventually(t, http.StatusText(want), func() bool { return f.do("GET", "/realtime/sessions", secret, "").StatusCode == want })
	}
	status(200)
	f.must(201, "POST", "/realtime/sessions", secret, `{"session_id":"one"}`)
	p := f.rig.attach("/realtime/sessions/one/relay", secret)
	p.until("session.created")
	f.url = f.nodes[0].url
	f.must(200, "DELETE", "/keys/"+id, admin, "")
	status(401)
	if c := p.closed(); c.Code != session.CloseRevoked {
		t.Errorf("closed with %v", c)
	}
}

// What an API key has let in goes when the key goes.
func TestRemovedKeyEndsItsTokens(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	id, secret := r.makeKey(`{"name":"shop","role":"app"}`)
	token := r.must(201, "POST", "/realtime/sessions", secret, `{"session_id":"one"}`).field(t, "client_secret", "value").(string)
	free := r.must(200, "POST", "/v1/realtime/client_secrets", secret, `{}`).field(t, "value").(string)
	var clients []*peer
	for path, credential := range map[string]string{"/realtime/sessions/one/relay": token, "/realtime/sessions/one/relay?": secret, "/v1/realtime?model=gpt-realtime-2.1": free} {
		p := r.attach(path, credential)
		p.until("session.created")
		clients = append(clients, p)
	}
	guest := r.attach("/realtime/sessions/one/relay", operator)
	guest.until("session.created")
	stream := make(chan error, 1)
	res := r.stream("/realtime/sessions/one/events", secret)
	go func() { _, err := io.Copy(io.Discard, res.Body); stream <- err; res.Body.Close() }()
	r.must(200, "DELETE", "/keys/"+id, admin, "")
	for _, p := range clients {
		if c := p.closed(); c.Code != session.CloseRevoked {
			t.Errorf("closed with %v", c)
		}
	}
	<-stream
	for _, credential := range []string{token, free} {
		r.must(401, "GET", "/realtime/sessions", credential, "")
	}
	guest.say(`{"type":"input_audio_buffer.clear"}`)
	guest.until("input_audio_buffer.cleared") // the session goes on
	r.must(200, "GET", "/realtime/sessions/one", operator, "")
}

// stream opens an event stream.
func (r *rig) stream(path, key string) *http.Response {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), "GET", r.url+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != 200 {
		r.t.Fatalf("%s: %v %v", path, res, err)
	}
	return res
}

func TestExpiredKeyIsGone(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	_, secret := r.makeKey(`{"name":"shop","role":"app","expires_at":"` + time.Now().Add(time.Second).Format(time.RFC3339Nano) + `"}`)
	r.must(201, "POST", "/realtime/sessions", secret, `{"session_id":"one"}`)
	p := r.attach("/realtime/sessions/one/relay", secret)
	if c := p.closed(); c.Code != session.CloseRevoked {
		t.Errorf("closed with %v", c)
	}
	r.must(401, "GET", "/realtime/sessions", secret, "")
	if list := r.must(200, "GET", "/keys", admin, ""); !strings.Contains(string(list.body), `"status":"expired"`) {
		t.Errorf("list %s", list.body)
	}
}

func TestRevokedTokens(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	relay := "/realtime/sessions/one/relay"
	r.open("one")
	other := r.open("two")
	make := func() (value, id string) {
		a := r.must(201, "POST", "/realtime/sessions/one/client-secret", app, "")
		return a.field(t, "value").(string), a.field(t, "id").(string)
	}
	gone := func(p *peer, token string) {
		t.Helper()
		if c := p.closed(); c.Code != session.CloseRevoked {
			t.Errorf("closed with %v", c)
		}
		if _, res, err := r.dial(relay, token); err == nil || res.StatusCode != 401 {
			t.Errorf("attached again: %v %v", res, err)
		}
	}
	revoke := "/realtime/sessions/one/client-secret/revoke"
	byValue, _ := make()
	byID, id := make()
	rest, _ := make()
	first, second, third := r.attach(relay, byValue), r.attach(relay, byID), r.attach(relay, rest)

	r.must(404, "POST", revoke, "sk-other-secret", "")
	r.must(403, "POST", revoke, byValue, "")
	r.must(404, "POST", revoke, app, `{"value":"`+other+`"}`)
	r.must(422, "POST", revoke, app, `{"token":"x"}`)
	r.must(200, "POST", revoke, app, `{"value":"`+byValue+`"}`)
	gone(first, byValue)
	r.must(404, "POST", revoke, app, `{"value":"`+byValue+`"}`)
	r.must(200, "POST", revoke, operator, `{"id":"`+id+`"}`)
	gone(second, byID)
	third.until("session.created")
	if n := len(r.must(200, "POST", revoke, app, "").field(t, "tokens").([]any)); n != 2 { // and that of the creation
		t.Errorf("%d tokens were good", n)
	}
	gone(third, rest)
	r.attach("/realtime/sessions/two/relay", other).until("session.created")
	fresh, _ := make()
	r.attach(relay, fresh).until("session.created")
}

// All tokens of a key go at once, on every node; the key stays.
func TestRevokedTokensOfAKey(t *testing.T) {
	f := newFleet(t, 2)
	f.url = f.nodes[0].url
	token := f.open("one")
	free := f.must(200, "POST", "/v1/realtime/client_secrets", app, `{}`).field(t, "value").(string)
	single := f.must(200, "POST", "/v1/realtime/client_secrets", app, `{}`).field(t, "value").(string)
	f.url = f.nodes[1].url
	at := f.rig.attach("/realtime/sessions/one/relay", token)
	one := f.rig.attach("/v1/realtime?model=gpt-realtime-2.1", single)
	two := f.rig.attach("/v1/realtime?model=gpt-realtime-2.1", free)
	f.url = f.nodes[0].url
	f.must(404, "POST", "/keys/app/revoke-tokens", "sk-other-secret", "")
	f.must(404, "POST", "/keys/self/revoke-tokens", "sk-other-secret", `{"value":"`+single+`"}`)
	f.must(200, "POST", "/keys/self/revoke-tokens", app, `{"value":"`+single+`"}`)
	if c := one.closed(); c.Code != session.CloseRevoked {
		t.Errorf("closed with %v", c)
	}
	two.until("session.created")
	f.must(200, "POST", "/keys/app/revoke-tokens", admin, "")
	for _, p := range []*peer{at, two} {
		if c := p.closed(); c.Code != session.CloseRevoked {
			t.Errorf("closed with %v", c)
		}
	}
	for _, m := range f.nodes {
		f.url = m.url
		for _, credential := range []string{token, free, single} {
			f.must(401, "GET", "/realtime/sessions", credential, "")
		}
	}
	f.must(201, "POST", "/realtime/sessions/one/client-secret", app, "")
	fresh := f.must(201, "POST", "/realtime/sessions/one/client-secret", app, "").field(t, "value").(string)
	f.rig.attach("/realtime/sessions/one/relay", fresh).until("session.created")
}

// A token is for the session that it was made for, not for a later one of its ID.
func TestTokenOfAnEarlierSession(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	token := r.open("one")
	grant, err := r.store.Grant(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	put := func(created time.Time) {
		g := grant
		g.Created = created
		if err := r.store.PutGrant(t.Context(), token, g, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	put(grant.Created.Add(-time.Hour))
	if _, res, err := r.dial("/realtime/sessions/one/relay", token); err == nil || res.StatusCode != 401 {
		t.Errorf("of an earlier session: %v %v", res, err)
	}
	put(time.Time{}) // of an earlier release
	r.attach("/realtime/sessions/one/relay", token).until("session.created")
	if now, err := r.store.Grant(t.Context(), token); err != nil || !now.Created.Equal(grant.Created) {
		t.Errorf("not bound by its use: %v %v", now.Created, err)
	}
	r.must(200, "DELETE", "/realtime/sessions/one", app, "")
	if _, res, err := r.dial("/realtime/sessions/one/relay", token); err == nil || res.StatusCode != 410 {
		t.Errorf("of an ended session: %v %v", res, err)
	}
}

// A key of the environment that comes back with another secret is another key.
func TestTokensOfAReplacedSecret(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	token := r.open("one")
	old, err := r.store.Grant(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	old.Issuer, old.Round = "", 0 // of an earlier release
	if err := r.store.PutGrant(t.Context(), "ek_old", old, time.Hour); err != nil {
		t.Fatal(err)
	}
	for list, want := range map[string]map[string]int{
		keyList:                {token: 403, "ek_old": 403}, // known
		"app:app:sk-new-key":   {token: 401, "ek_old": 403},
		"third:app:sk-new-key": {token: 401, "ek_old": 401},
	} {
		keys, err := gateway.ParseKeys(strings.NewReader(list))
		if err != nil {
			t.Fatal(err)
		}
		g, err := gateway.New(gateway.Options{Hub: r.hub, Store: r.store, Grants: r.store, Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		for credential, status := range want {
			w, req := httptest.NewRecorder(), httptest.NewRequest("GET", "/realtime/sessions", nil)
			req.Header.Set("Authorization", "Bearer "+credential)
			if g.ServeHTTP(w, req); w.Code != status {
				t.Errorf("with %s, %s: %d, want %d", list, credential, w.Code, status)
			}
		}
	}
}

// While the store is away, the keys are what they were; before it was read, nobody can tell.
func TestKeysWhileTheStoreIsAway(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	_, secret := r.makeKey(`{"name":"shop","role":"app"}`)
	r.must(201, "POST", "/realtime/sessions", secret, `{"session_id":"one"}`)
	r.store.Fail(errors.New("away"))
	r.must(200, "GET", "/realtime/sessions/one", secret, "")
	r.must(401, "GET", "/realtime/sessions/one", "sk-wrong", "")
	r.must(503, "POST", "/keys", admin, `{"name":"x","role":"app"}`)
	r.must(503, "GET", "/keys", admin, "")
	keys, err := gateway.ParseKeys(strings.NewReader(keyList))
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(gateway.Options{Hub: r.hub, Store: r.store, Grants: r.store, Keys: keys, KeyRing: r.store})
	if err != nil {
		t.Fatal(err)
	}
	for credential, want := range map[string]int{secret: 503, app: 404, operator: 200} {
		w, req := httptest.NewRecorder(), httptest.NewRequest("GET", "/realtime/sessions/one", nil)
		req.Header.Set("Authorization", "Bearer "+credential)
		if g.ServeHTTP(w, req); w.Code != want {
			t.Errorf("%s: %d, want %d", credential, w.Code, want)
		}
	}
	r.store.Fail(nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); g.WatchKeys(ctx) }()
	sessiontest.Eventually(t, "the keys are read", func() bool { return gateway.KeysRead(g) })
	cancel()
	<-done
}

// Limits of a key stand in the place of the gateway's.
func TestLimitsOfAKey(t *testing.T) {
	var keys *gateway.Keys
	r := newRig(t, standin.Faults{}, func(o *gateway.Options) { keys = o.Keys })
	r.makeKey(`{"name":"shop","role":"app","limits":{"sessions":1,"tokens":7}}`)
	got := keys.Limits("shop", access.KeyLimits{Sessions: 5, Seconds: 9})
	if want := (access.KeyLimits{Sessions: 1, Tokens: 7, Seconds: 9}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := keys.Limits("nobody", access.KeyLimits{Sessions: 5}); got.Sessions != 5 {
		t.Errorf("got %+v", got)
	}
}

// A key of the environment wins over one of its name that was made before; the other can still be removed.
func TestShadowedKey(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	id, secret := r.makeKey(`{"name":"shop","role":"admin"}`)
	keys, err := gateway.ParseKeys(strings.NewReader(keyList + ",shop:app:sk-shop-secret"))
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(gateway.Options{Hub: r.hub, Store: r.store, Grants: r.store, Keys: keys, KeyRing: r.store})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, key string) *httptest.ResponseRecorder {
		w, req := httptest.NewRecorder(), httptest.NewRequest(method, path, nil)
		req.Header.Set("Authorization", "Bearer "+key)
		g.ServeHTTP(w, req)
		return w
	}
	if list := ask("GET", "/keys", admin); !strings.Contains(list.Body.String(), `"status":"shadowed"`) {
		t.Errorf("list %s", list.Body)
	}
	for call, want := range map[[3]string]int{
		{"GET", "/keys/self", secret}:            401,
		{"GET", "/keys/self", "sk-shop-secret"}:  200,
		{"DELETE", "/keys/shop", admin}:          409,
		{"GET", "/keys", "sk-shop-secret"}:       403,
		{"GET", "/keys/" + id, "sk-shop-secret"}: 404,
	} {
		if w := ask(call[0], call[1], call[2]); w.Code != want {
			t.Errorf("%v: %d, want %d", call, w.Code, want)
		}
	}
	if w := ask("DELETE", "/keys/"+id, admin); w.Code != 200 {
		t.Errorf("remove: %d %s", w.Code, w.Body)
	}
}

// A session that moves, or is claimed from the store, is the same for its tokens.
func TestTokenOfASessionThatMoves(t *testing.T) {
	f := newFleet(t, 3)
	f.url = f.nodes[0].url
	token := f.open("one")
	attach := func(n int) {
		f.url = f.nodes[n].url
		f.rig.attach("/realtime/sessions/one/relay", token).until("session.created")
	}
	attach(0)
	f.nodes[0].drain() // hands it over
	attach(1)
	attach(2) // forwarded, or its own
	for _, m := range f.nodes[1:] {
		if _, ok := m.hub.Controller("one"); ok {
			m.vanish()
			m.drain() // it reaches no other node: the session is to be claimed
		} else {
			f.url = m.url
		}
	}
	f.rig.attach("/realtime/sessions/one/relay", token).until("session.created")
}

// A stream that comes from another node ends with the key, too.
func TestForwardedStreamEndsWithItsKey(t *testing.T) {
	f := newFleet(t, 2)
	f.url = f.nodes[0].url
	id, secret := f.makeKey(`{"name":"shop","role":"app"}`)
	f.must(201, "POST", "/realtime/sessions", secret, `{"session_id":"one"}`)
	f.url = f.nodes[1].url
	sessiontest.Eventually(t, "the other node knows the key", func() bool { return f.do("GET", "/keys/self", secret, "").StatusCode == 200 })
	res := f.stream("/realtime/sessions/one/events", secret)
	defer res.Body.Close()
	f.must(200, "DELETE", "/keys/"+id, admin, "")
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Logf("the stream ended with %v", err)
	}
}
