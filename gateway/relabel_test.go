package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"switchboard/cmd/simulator/standin"
)

// Labels of a live session are set and removed one by one, and select it at once.
func TestLabelsAreChanged(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.must(201, "POST", "/realtime/sessions", app, `{"session_id":"s","labels":{"team":"a","tier":"1"}}`)
	const path = "/realtime/sessions/s"
	if a := r.must(200, "PATCH", path, app, `{"labels":{"team":"b","vip":"yes","tier":null,"none":null}}`); fmt.Sprint(a.field(t, "labels")) != "map[team:b vip:yes]" {
		t.Errorf("%s", a.body)
	}
	if a := r.must(200, "PATCH", path, app, `{"labels":{"seen":""},"instructions":"Be kind."}`); a.field(t, "session", "instructions") != "Be kind." || a.field(t, "labels", "seen") != "" {
		t.Errorf("%s", a.body)
	}
	for query, total := range map[string]float64{"label=team:b&label=vip:yes": 1, "label=team:a": 0, "q=vip:yes": 1, "label=tier:1": 0, "label=seen:": 1} {
		if a := r.must(200, "GET", "/realtime/sessions?"+query, app, ""); a.field(t, "total") != total {
			t.Errorf("%s selects %v, want %v", query, a.field(t, "total"), total)
		}
	}
	many := strings.Repeat(`"%":"",`, 31)
	for i := range 31 {
		many = strings.Replace(many, "%", fmt.Sprint("l", i), 1)
	}
	for body, field := range map[string]string{
		`{"labels":7}`: "labels", `{"labels":null}`: "labels", `{"labels":{"a":1}}`: "labels", `{"labels":{"a:b":"c"}}`: "labels",
		`{"labels":{"a":"` + strings.Repeat("x", 257) + `"}}`: "labels.a", `{"labels":{` + strings.TrimSuffix(many, ",") + `}}`: "labels", `{}`: "",
	} {
		if a := r.must(422, "PATCH", path, app, body); !strings.Contains(string(a.body), field) {
			t.Errorf("%.60s: %s", body, a.body)
		}
	}
	if a := r.must(200, "GET", path, app, ""); fmt.Sprint(a.field(t, "labels")) != "map[seen: team:b vip:yes]" {
		t.Errorf("what was refused has changed labels: %s", a.body)
	}
	r.must(200, "DELETE", path, app, "")
	r.must(410, "PATCH", path, app, `{"labels":{"a":"b"}}`)
}

// A broadcast to some sessions changes those and no others, and a session does not keep whom else it is for.
func TestBroadcastToSomeSessions(t *testing.T) {
	f := newFleet(t, 2)
	for i, id := range []string{"a", "b", "c"} {
		f.on(f.nodes[i%2], 201, "POST", "/realtime/sessions", `{"session_id":"`+id+`","config":{"instructions":"Be brief."}}`)
	}
	r := f.rig
	sent := r.must(202, "POST", "/realtime/broadcasts", operator, `{"instructions":"We close.","sessions":["a","b","gone"]}`)
	if s := f.settled("/realtime/broadcasts/"+sent.field(t, "id").(string), 2); s.Matched != 2 {
		t.Errorf("%+v", s)
	}
	for id, want := range map[string]string{"a": "Be brief.\n\nWe close.", "b": "Be brief.\n\nWe close.", "c": "Be brief."} {
		if a := f.on(f.nodes[1], 200, "GET", "/realtime/sessions/"+id, ""); a.field(t, "session", "instructions") != want {
			t.Errorf("%s: %s", id, a.body)
		}
	}
	if rec, err := f.mem.Record(t.Context(), "a"); err != nil || len(rec.Overlay.Standing) > 0 && rec.Overlay.Standing[0].Sessions != nil {
		t.Errorf("%+v, %v", rec.Overlay, err)
	}
	r.must(422, "POST", "/realtime/broadcasts", operator, `{"instructions":"x","sessions":["a b"]}`)
	r.must(422, "POST", "/realtime/broadcasts", operator, `{"instructions":"x","sessions":["a"],"sticky":true}`)
	r.must(422, "POST", "/realtime/broadcasts", operator, `{"instructions":"x","sessions":[`+strings.TrimSuffix(strings.Repeat(`"a",`, 501), ",")+`]}`)
}
