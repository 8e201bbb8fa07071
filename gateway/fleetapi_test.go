package gateway_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
	"github.com/tmaxmax/go-sse"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway"
	"switchboard/session/audit"
	"switchboard/session/sessiontest"
)

// newFleetRig is a gateway that keeps a record and measures itself.
func newFleetRig(t *testing.T) (r *rig, store *sessiontest.Memory) {
	r = newRig(t, standin.Faults{}, func(o *gateway.Options) {
		store = o.Store.(*sessiontest.Memory)
		o.Node, o.Series, o.Lives, o.Audit = "http://node", store, store, store
		o.Settings = []gateway.Setting{{Name: "--keep", Value: "24h"}}
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{}, 2)
	go func() { r.gateway.Measure(ctx); done <- struct{}{} }()
	go func() { r.gateway.RecordAudit(ctx); done <- struct{}{} }()
	t.Cleanup(func() { cancel(); <-done; <-done })
	return r, store
}

// audited waits until the record has n entries that a query selects.
func (r *rig) audited(store *sessiontest.Memory, q audit.Query, n int) []audit.Entry {
	r.t.Helper()
	var page audit.Page
	sessiontest.Eventually(r.t, "the entries are written", func() bool {
		var err error
		if page, err = store.AuditEntries(r.t.Context(), q, "", 100); err != nil {
			r.t.Fatal(err)
		}
		return len(page.Entries) >= n
	})
	if len(page.Entries) != n {
		r.t.Fatalf("%d entries, want %d: %+v", len(page.Entries), n, page.Entries)
	}
	return page.Entries
}

// Whatever changes something is on record, with who did it and to what; what only looks is not,
// and no value that was sent.
func TestChangesAreOnRecord(t *testing.T) {
	r, store := newFleetRig(t)
	r.must(201, "POST", "/realtime/sessions", app, `{"session_id":"one","labels":{"secret":"hunter2"}}`)
	r.must(200, "GET", "/realtime/sessions/one", operator, "")
	r.must(200, "PATCH", "/realtime/sessions/one", operator, `{"instructions":"hunter2"}`)
	r.must(403, "POST", "/realtime/sessions/one/renew", app, `{}`)
	r.must(401, "DELETE", "/realtime/sessions/one", "sk-nobody", "")
	made := r.must(202, "POST", "/realtime/broadcasts", operator, `{"instructions":"hunter2"}`)
	r.must(200, "DELETE", "/realtime/sessions/one", operator, "")
	got := r.audited(store, audit.Query{}, 5)
	for i, want := range []string{"end-session 200 one", "create-broadcast 202 " + gjson.GetBytes(made.body, "id").Str, "renew-session 403 one", "update-session 200 one", "create-session 201 one"} {
		e := got[i]
		if s := strings.TrimSpace(e.Action + " " + strconv.Itoa(e.Status) + " " + string(e.Session) + e.Object); s != want || e.By == "" || e.KeyID == "" || e.Node != "http://node" {
			t.Errorf("entry %d is %q of %+v, want %q", i, s, e, want)
		}
	}
	if fields := got[4].Fields; len(fields) != 2 || fields[1] != "labels" || got[3].Role != "operator" || got[4].Role != "app" {
		t.Errorf("entries %+v", got)
	}
	for path, want := range map[string]int64{"/audit": 5, "/audit?failed=true": 1, "/audit?class=app": 2, "/audit?session_id=one&action=end-*": 1, "/audit?limit=2": 2} {
		page := r.must(200, "GET", path, operator, "")
		if n := gjson.GetBytes(page.body, "entries.#").Int(); n != want || strings.Contains(string(page.body), "hunter2") {
			t.Errorf("GET %s has %d entries, want %d: %s", path, n, want, page.body)
		}
	}
	for _, bad := range []string{"limit=0", "limit=x", "class=x", "failed=x", "from=x", "before=x"} {
		if a := r.must(422, "GET", "/audit?"+bad, operator, ""); !strings.Contains(string(a.body), "query."+strings.Split(bad, "=")[0]) {
			t.Errorf("%s: %s", bad, a.body)
		}
	}
	r.must(403, "GET", "/audit", app, "")
}

// The log is followed from an entry on, by Accept, and exported whole, a line each.
func TestAuditIsFollowedAndExported(t *testing.T) {
	r, store := newFleetRig(t)
	r.must(201, "POST", "/realtime/sessions", app, `{"session_id":"one"}`)
	first := r.audited(store, audit.Query{}, 1)[0].ID
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, "GET", r.url+"/audit?action=end-*", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + operator}, "Accept": {"text/event-stream"}, "Last-Event-Id": {first}}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	r.must(200, "PATCH", "/realtime/sessions/one", operator, `{"instructions":"x"}`) // which nobody asked for
	r.must(200, "DELETE", "/realtime/sessions/one", operator, "")
	for e, err := range sse.Read(res.Body, nil) {
		if err != nil || e.Type != "audit.end-session" || gjson.Get(e.Data, "session_id").Str != "one" || e.LastEventID == "" {
			t.Fatalf("%+v, %v", e, err)
		}
		break
	}
	r.audited(store, audit.Query{}, 3)
	all := r.do("GET", "/audit?class=operator", operator, "", "Accept", "application/x-ndjson")
	lines := strings.Split(strings.TrimSpace(string(all.body)), "\n")
	if all.StatusCode != 200 || len(lines) != 2 || gjson.Get(lines[0], "action").Str != "end-session" || gjson.Get(lines[1], "action").Str != "update-session" {
		t.Errorf("%d %s", all.StatusCode, all.body)
	}
	if a := r.do("GET", "/audit", operator, "", "Accept", "text/event-stream", "Last-Event-ID", "x"); a.StatusCode != 422 {
		t.Errorf("a stream from nowhere: %d %s", a.StatusCode, a.body)
	}
}

func TestOverviewNodesAndSettings(t *testing.T) {
	r, store := newFleetRig(t)
	r.must(201, "POST", "/realtime/sessions", app, `{"session_id":"one","labels":{"team":"<b>"}}`)
	sessiontest.Eventually(t, "the node has said how it is", func() bool { list, _ := store.Vitals(t.Context()); return len(list) == 1 })
	for window, points := range map[string]int64{"15m": 15, "24h": 144, "7d": 168, "15m&step=5m": 3} {
		o := gjson.ParseBytes(r.must(200, "GET", "/api/overview?window="+window, operator, "").body)
		if o.Get("points.#").Int() != points || o.Get("totals.live").Int() != 1 || o.Get(`facets.#(name="label:team").values.0.value`).Str != "<b>" {
			t.Errorf("%s: %s", window, o.Raw)
		}
		if a := o.Get(`attention.#(kind="unattended")`); a.Get("count").Int() != 1 {
			t.Errorf("attention: %s", o.Get("attention").Raw)
		}
	}
	for _, bad := range []string{"window=1h", "step=7s", "step=x", "window=7d&step=1m"} {
		r.must(422, "GET", "/api/overview?"+bad, operator, "")
	}
	nodes := gjson.ParseBytes(r.must(200, "GET", "/nodes", operator, "").body)
	id := nodes.Get("nodes.0.id").Str
	if id == "" || id != nodes.Get("self").Str || nodes.Get("nodes.0.status").Str != "ready" {
		t.Fatalf("nodes %s", nodes.Raw)
	}
	r.must(404, "POST", "/nodes/node_none/drain", operator, "")
	if n := gjson.ParseBytes(r.must(202, "POST", "/nodes/"+id+"/drain", operator, "").body); n.Get("drained_by").Str == "" {
		t.Errorf("drained: %s", n.Raw)
	}
	sessiontest.Eventually(t, "the node drains", r.hub.Draining)
	r.must(503, "GET", "/readyz", "", "")
	r.must(202, "DELETE", "/nodes/"+id+"/drain", operator, "")
	sessiontest.Eventually(t, "the node takes sessions again", func() bool { return !r.hub.Draining() })
	if e := r.audited(store, audit.Query{Action: "*drain-node", Object: id}, 0); len(e) != 0 {
		t.Error("a star in front is no wildcard")
	}
	r.audited(store, audit.Query{Object: id}, 2)
	if s := gjson.ParseBytes(r.must(200, "GET", "/settings", operator, "").body); s.Get("settings.0.value").Str != "24h" || s.Get("policies.#").Int() < 2 {
		t.Errorf("settings %s", s.Raw)
	}
	if k := gjson.ParseBytes(r.must(200, "GET", "/keys", admin, "").body); !k.Get("keys.0.today.tokens").Exists() {
		t.Errorf("keys %s", k.Raw)
	}
}
