package webhooks_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/tidwall/gjson"

	"switchboard/cmd/simulator/standin"
	"switchboard/session/redisstore/redistest"
)

// subscriber is somebody who gets events and checks them with the library of Standard Webhooks.
type subscriber struct {
	*httptest.Server
	mu      sync.Mutex
	answer  int
	secrets []string
	got     []received
}

type received struct {
	id, kind string
	valid    []bool // by secret
	body     gjson.Result
}

func subscribe(t *testing.T, n *node, types ...string) (*subscriber, string) {
	t.Helper()
	s := &subscriber{answer: 204}
	s.Server = httptest.NewServer(http.HandlerFunc(s.receive))
	t.Cleanup(s.Close)
	made := n.must("POST", "/webhooks/subscriptions", map[string]any{"url": s.URL + "/hook", "event_types": types})
	s.secrets = []string{made.Get("secret").Str}
	return s, made.Get("id").Str
}

func (s *subscriber) receive(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	got := received{id: r.Header.Get("webhook-id"), body: gjson.ParseBytes(body)}
	got.kind = got.body.Get("type").Str
	for _, secret := range s.secrets {
		webhook, err := standardwebhooks.NewWebhook(secret)
		got.valid = append(got.valid, err == nil && webhook.Verify(body, r.Header) == nil)
	}
	s.got = append(s.got, got)
	w.WriteHeader(s.answer)
}

func (s *subscriber) set(answer int, secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
	if len(secrets) > 0 {
		s.secrets = secrets
	}
}

// first waits for an event of a type.
func (s *subscriber) first(t *testing.T, kind string) received {
	t.Helper()
	var found received
	if !eventually(func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, g := range s.got {
			if g.kind == kind {
				found = g
				return true
			}
		}
		return false
	}) {
		t.Fatalf("no %s came", kind)
	}
	return found
}

func TestSubscribersGetSignedEvents(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		n := start(t, rdb, config(), standin.JobOptions{})
		sub, id := subscribe(t, n, "response.*", "session.*")
		eventually(func() bool {
			return n.hooks.Publish(t.Context(), "", "session.started", map[string]string{"id": "s1"}) == nil && len(sub.seen()) > 0
		})
		got := sub.first(t, "session.started")
		if !got.valid[0] || got.body.Get("data.id").Str != "s1" || !got.body.Get("timestamp").Exists() || !strings.HasPrefix(got.id, "msg_") {
			t.Errorf("event %+v", got)
		}
		event := "wh_" + strings.ReplaceAll(t.Name(), "/", "_")
		n.deliver(event, someEvent)
		n.deliver(event, someEvent)
		if got := sub.first(t, "response.completed"); got.id != event || !got.valid[0] || got.body.Raw != someEvent {
			t.Errorf("event %+v", got)
		}
		log := n.await("/webhooks/subscriptions/"+id+"/deliveries?type=response.completed", func(l gjson.Result) bool {
			return l.Get("events.0.state").Str == "done"
		})
		if log.Get("events.#").Int() != 1 {
			t.Errorf("log %s", log.Raw)
		}
		d := n.must("GET", "/webhooks/subscriptions/"+id+"/deliveries/"+event, nil)
		if d.Get("attempts.0.by").Str != "status 204" {
			t.Errorf("delivery %s", d.Raw)
		}
		n.must("DELETE", "/webhooks/subscriptions/"+id, nil)
		if status, _ := n.call("GET", "/webhooks/subscriptions/"+id, nil); status != 404 {
			t.Errorf("deleted: %d", status)
		}
	})
}

func (s *subscriber) seen() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received{}, s.got...)
}

func TestASubscribersSecretsRotateWithOverlap(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	sub, id := subscribe(t, n, "*")
	old := sub.secrets[0]
	rotated := n.must("POST", "/webhooks/subscriptions/"+id+"/rotate-secret", map[string]any{})
	fresh := rotated.Get("secret").Str
	if fresh == old || fresh == "" || n.must("GET", "/webhooks/subscriptions/"+id, nil).Get("secret").Exists() {
		t.Fatalf("rotated %s", rotated.Raw)
	}
	sub.set(200, old, fresh)
	if tried := n.must("POST", "/webhooks/subscriptions/"+id+"/test", nil); !tried.Get("delivered").Bool() {
		t.Fatalf("test %s", tried.Raw)
	}
	if got := sub.first(t, "switchboard.test"); !got.valid[0] || !got.valid[1] {
		t.Errorf("signed by old and new: %v", got.valid)
	}
	if strings.Contains(n.logged.text(), fresh[6:]) || strings.Contains(n.logged.text(), old[6:]) {
		t.Error("a secret was logged")
	}
}

// One subscriber that is down keeps its deliveries; another one gets them meanwhile.
func TestASubscriberThatIsDownDelaysNobody(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	down, id := subscribe(t, n, "response.*")
	up, _ := subscribe(t, n, "response.*")
	down.set(503)
	for i := range 20 {
		n.deliver("wh_"+strings.Repeat("x", i), someEvent)
	}
	if !eventually(func() bool { return len(up.seen()) == 20 }) {
		t.Fatalf("%d of 20 came", len(up.seen()))
	}
	view := n.await("/webhooks/subscriptions/"+id, func(s gjson.Result) bool { return s.Get("failing_since").Exists() })
	if !view.Get("enabled").Bool() {
		t.Errorf("subscription %s", view.Raw)
	}
	down.set(200)
	waiting := n.must("GET", "/webhooks/subscriptions/"+id+"/deliveries?state=waiting", nil)
	for _, e := range waiting.Get("events").Array() {
		n.must("POST", "/webhooks/subscriptions/"+id+"/deliveries/"+e.Get("id").Str+"/replay", nil)
	}
	n.await("/webhooks/subscriptions/"+id+"/deliveries?state=done", func(l gjson.Result) bool { return l.Get("events.#").Int() == 20 })
}

func TestASubscriptionThatIsGoneIsDisabled(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	sub, id := subscribe(t, n, "*")
	sub.set(410)
	n.deliver("wh_1", someEvent)
	s := n.await("/webhooks/subscriptions/"+id, func(s gjson.Result) bool { return !s.Get("enabled").Bool() })
	if !strings.Contains(s.Get("disabled_reason").Str, "410") {
		t.Errorf("subscription %s", s.Raw)
	}
	n.told("was disabled: it answered 410")
	sub.set(200)
	n.must("PATCH", "/webhooks/subscriptions/"+id, map[string]any{"enabled": true})
	n.must("POST", "/webhooks/subscriptions/"+id+"/deliveries/wh_1/replay", nil)
	n.await("/webhooks/subscriptions/"+id+"/deliveries/wh_1", func(d gjson.Result) bool { return d.Get("state").Str == "done" })
}

func TestPrivateAddressesAreRefusedWhenTheConnectionIsMade(t *testing.T) {
	cfg := config()
	cfg.AllowNetworks = []string{"10.99.0.0/16"} // not this machine
	n := start(t, redistest.Mini(t), cfg, standin.JobOptions{})
	sub := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("this machine was called") }))
	defer sub.Close()
	body := func(url string) map[string]any { return map[string]any{"url": url, "event_types": []string{"*"}} }
	if status, p := n.call("POST", "/webhooks/subscriptions", body(sub.URL)); status != 422 || !strings.Contains(p.Get("detail").Str, "not public") {
		t.Errorf("an address that says where it leads: %d %s", status, p.Raw)
	}
	for _, scheme := range []string{"http", "https"} { // a name is seen through when it is called
		url := strings.NewReplacer("127.0.0.1", "localhost", "http:", scheme+":").Replace(sub.URL)
		id := n.must("POST", "/webhooks/subscriptions", body(url)).Get("id").Str
		tried := n.must("POST", "/webhooks/subscriptions/"+id+"/test", nil)
		if tried.Get("delivered").Bool() || !strings.Contains(tried.Get("error").Str, "not public") {
			t.Errorf("%s: %s", url, tried.Raw)
		}
	}
}

func TestSubscriptionsAreChecked(t *testing.T) {
	cfg := config()
	cfg.AllowNetworks = nil
	n := start(t, redistest.Mini(t), cfg, standin.JobOptions{})
	for _, bad := range []map[string]any{
		{"url": "http://example.com/", "event_types": []string{"*"}},
		{"url": "https://user:pass@example.com/", "event_types": []string{"*"}},
		{"url": "https://example.com/", "event_types": []string{}},
		{"url": "https://example.com/", "event_types": []string{"batch*"}},
		{"url": "https://example.com/", "event_types": []string{"a.*.b"}},
		{"url": "https://example.com/", "event_types": []string{"*"}, "secret": "short"},
		{"url": "ftp://example.com/", "event_types": []string{"*"}},
		{"url": "https:///path", "event_types": []string{"*"}},
	} {
		if status, p := n.call("POST", "/webhooks/subscriptions", bad); status != 422 {
			t.Errorf("%v: %d %s", bad, status, p.Raw)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	sub, id := subscribe(t, n, "*")
	sub.set(302)
	if tried := n.must("POST", "/webhooks/subscriptions/"+id+"/test", nil); tried.Get("delivered").Bool() || tried.Get("status_code").Int() != 302 {
		t.Errorf("test %s", tried.Raw)
	}
}
