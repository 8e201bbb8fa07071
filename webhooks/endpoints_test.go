package webhooks_test

import (
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/redis/go-redis/v9"
	"github.com/tidwall/gjson"

	"switchboard/cmd/simulator/standin"
	"switchboard/session/redisstore/redistest"
)

// An endpoint that one node makes is accepted by another at once, before and after its secret is rotated.
func TestEndpointSecretsReachAllNodesAtOnce(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		cfg := config()
		cfg.SealKey = "a key for tests"
		a := start(t, rdb, cfg, standin.JobOptions{})
		b := start(t, rdb, cfg, standin.JobOptions{})
		made := a.must("POST", "/webhooks/endpoints", map[string]any{
			"name": "test", "url": b.server.URL + "/webhooks/openai", "event_types": []string{"batch.completed", "response.completed"}})
		id := made.Get("id").Str
		if !made.Get("accepted").Bool() || made.Get("signing_secret").Exists() {
			t.Errorf("made %s", made.Raw)
		}
		for _, rotate := range []any{nil, map[string]bool{"keep_old_secret_active_for_24_hours": true}, map[string]bool{"keep_old_secret_active_for_24_hours": false}} {
			if rotate != nil {
				a.must("POST", "/webhooks/endpoints/"+id+"/rotate-secret", rotate)
			}
			if tested := a.must("POST", "/webhooks/endpoints/"+id+"/test", map[string]string{"event_type": "response.completed"}); tested.Get("status_code").Int() != 200 {
				t.Errorf("after %v: %s", rotate, tested.Raw)
			}
		}
		a.must("POST", "/webhooks/endpoints/"+id+"/rotate-secret", nil)
		if l := a.must("GET", "/webhooks/endpoints", nil); l.Get("endpoints.#").Int() != 1 || !l.Get("endpoints.0.accepted").Bool() {
			t.Errorf("list %s", l.Raw)
		}
		changed := a.must("PATCH", "/webhooks/endpoints/"+id, map[string]any{"name": "other"})
		if changed.Get("name").Str != "other" || changed.Get("event_types.#").Int() != 2 {
			t.Errorf("changed %s", changed.Raw)
		}
		if types := a.must("GET", "/webhooks/event-types", nil); !strings.Contains(types.Raw, "realtime.call.incoming") {
			t.Errorf("types %s", types.Raw)
		}
		stored, err := rdb.HGet(t.Context(), "gw:{wh:secrets}:endpoints", id).Result()
		if err != nil || !strings.HasPrefix(stored, "v2:") {
			t.Errorf("stored as %.6s, %v", stored, err)
		}
		if log := a.logged.text() + b.logged.text(); strings.Count(log, "whsec_") != strings.Count(log, "whsec_…") {
			t.Error("a secret was logged")
		}
		a.must("DELETE", "/webhooks/endpoints/"+id, nil)
		if status, _ := a.call("GET", "/webhooks/endpoints/"+id, nil); status != 404 {
			t.Errorf("deleted: %d", status)
		}
	})
}

// Whoever deletes an endpoint at OpenAI first can still have its secret forgotten here.
func TestTheSecretOfAnEndpointThatIsGoneIsForgotten(t *testing.T) {
	rdb := redistest.Mini(t)
	n := start(t, rdb, config(), standin.JobOptions{})
	made := n.must("POST", "/webhooks/endpoints", map[string]any{
		"name": "test", "url": n.server.URL + "/webhooks/openai", "event_types": []string{"batch.completed"}})
	elsewhere := openai.NewClient(option.WithBaseURL(n.api.URL+"/v1/"), option.WithAPIKey("sk-test"))
	if _, err := elsewhere.Webhooks.Delete(t.Context(), made.Get("id").Str); err != nil {
		t.Fatal(err)
	}
	if status, p := n.call("DELETE", "/webhooks/endpoints/"+made.Get("id").Str, nil); status != 404 {
		t.Errorf("%d %s", status, p.Raw)
	}
	if kept := rdb.HLen(t.Context(), "gw:{wh:secrets}:endpoints").Val(); kept != 0 {
		t.Errorf("%d secrets are accepted still", kept)
	}
}

func TestEndpointErrorsArePassedOn(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	bad := map[string]any{"name": "x", "url": "http://example.com/", "event_types": []string{"batch.completed"}}
	if status, p := n.call("POST", "/webhooks/endpoints", bad); status != 422 || !strings.Contains(p.Get("detail").Str, "HTTPS") {
		t.Errorf("%d %s", status, p.Raw)
	}
}

func TestRolesAreAskedFor(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	for path, role := range map[string]string{
		"/api/batches": "app", "/api/fine-tuning/jobs": "app", "/api/dashboard": "app", "/api/batches/x/results": "app",
		"/webhooks/events": "operator", "/webhooks/endpoints": "admin", "/webhooks/subscriptions": "admin",
	} {
		for _, given := range []string{"", "app", "operator", "admin"} {
			rank := map[string]int{"": 0, "app": 1, "operator": 2, "admin": 3}
			status := n.as(given, path)
			if (status == 403) != (rank[given] < rank[role]) {
				t.Errorf("%s as %q: %d", path, given, status)
			}
		}
	}
}

func TestIncomingCallsAndFilesAndUnknownEvents(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	file := n.training()
	for id, want := range map[string]struct{ body, by string }{
		"wh_call":    {`{"type":"realtime.call.incoming","data":{"call_id":"rtc_1","sip_headers":[]}}`, "realtime.call.incoming"},
		"wh_file":    {`{"type":"file.processed","data":{"id":"` + file + `"}}`, "file."},
		"wh_new":     {`{"type":"hologram.created","data":{}}`, "unhandled"},
		"wh_untyped": {`{"data":{}}`, "unhandled"},
		"wh_safety":  {`{"type":"safety.alert.created","data":{"id":"sa_1"}}`, "safety."},
	} {
		if status, _ := n.deliver(id, want.body); status != 200 {
			t.Fatalf("%s: %d", id, status)
		}
		e := n.await("/webhooks/events/"+id, func(e gjson.Result) bool { return e.Get("state").Str == "done" })
		if e.Get("attempts.0.by").Str != want.by {
			t.Errorf("%s: %s", id, e.Raw)
		}
	}
	n.told("safety.alert.created: sa_1")
}

func TestDeadLettersAreToldAndReplayed(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	for _, id := range []string{"wh_1", "wh_2", "wh_3"} {
		n.deliver(id, `{"type":"batch.completed","data":{}}`)
	}
	dead := n.await("/webhooks/events?state=dead", func(l gjson.Result) bool { return l.Get("events.#").Int() == 3 })
	if dead.Get("events.0.error").Str == "" {
		t.Errorf("dead %s", dead.Raw)
	}
	n.told("Webhook event wh_1 (batch.completed) was given up")
	if r := n.must("POST", "/webhooks/events/wh_1/replay", nil); r.Get("replayed").Int() != 1 {
		t.Errorf("replayed %s", r.Raw)
	}
	n.await("/webhooks/events/wh_1", func(e gjson.Result) bool { return e.Get("attempts.#").Int() == 3 })
	if r := n.must("POST", "/webhooks/events/replay", map[string]any{"state": "dead"}); r.Get("replayed").Int() < 2 {
		t.Errorf("replayed %s", r.Raw)
	}
	n.await("/webhooks/events/wh_2", func(e gjson.Result) bool { return e.Get("attempts.#").Int() == 3 })
	if r := n.must("POST", "/webhooks/events/replay", map[string]any{"ids": []string{"wh_3", "nobody"}}); r.Get("replayed").Int() != 1 {
		t.Errorf("replayed %s", r.Raw)
	}
	if status, _ := n.call("POST", "/webhooks/events/nobody/replay", nil); status != 404 {
		t.Errorf("unknown: %d", status)
	}
}
