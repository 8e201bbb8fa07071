package gateway_test

import (
	"strings"
	"testing"

	"switchboard/cmd/simulator/standin"
)

// Whoever ends a session is named, in the record, in the list and in the log; its clients are told as much
// as is their business.
func TestWhoEndedASession(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	for name, row := range map[string]struct{ key, query, by, reason, told string }{
		"operator": {operator, "", "ops", "ended by operator ops", "An operator ended the call"},
		"admin":    {admin, "", "root", "ended by admin root", "An operator ended the call"},
		"app":      {app, "", "app", "ended by app app", "The application ended the call"},
		"caller":   {app, "?by=client", "client", "ended by the caller", "ended by the caller"},
	} {
		t.Run(name, func(t *testing.T) {
			p := r.attach("/realtime/sessions/"+name+"/relay", r.open(name))
			p.until("session.created")
			next, stop := r.follow(name, "")
			defer stop()
			ended := r.must(200, "DELETE", "/realtime/sessions/"+name+row.query, row.key, "")
			if c := p.closed(); c.Code != 1000 || c.Reason != row.told {
				t.Errorf("closed with %v", c)
			}
			for _, a := range []answer{ended, r.must(200, "GET", "/realtime/sessions/"+name, app, "")} {
				if a.field(t, "ended_by") != row.by || a.field(t, "reason") != row.reason {
					t.Errorf("%s", a.body)
				}
			}
			if data := next("switchboard.session.ended").Data; !strings.Contains(data, `"ended_by":"`+row.by+`"`) || !strings.Contains(data, row.reason) {
				t.Errorf("event %s", data)
			}
			if list := r.must(200, "GET", "/realtime/sessions?status=ended", app, ""); !strings.Contains(string(list.body), row.reason) {
				t.Errorf("list %s", list.body)
			}
		})
	}
	r.must(422, "DELETE", "/realtime/sessions/app?by=somebody", app, "")
}

func TestWhoEndedASessionByItself(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	p := r.attach("/v1/realtime?model=gpt-realtime-2.1", app)
	p.until("session.created")
	id := r.must(200, "GET", "/realtime/sessions", app, "").field(t, "sessions").([]any)[0].(map[string]any)["session_id"].(string)
	next, stop := r.follow(id, "")
	defer stop()
	p.CloseNow()
	if data := next("switchboard.session.ended").Data; !strings.Contains(data, `"ended_by":"client"`) {
		t.Errorf("event %s", data)
	}
	r.must(201, "POST", "/realtime/sessions", app, `{"session_id":"limited","limits":{"idle_seconds":1}}`)
	next, stop = r.follow("limited", "0")
	defer stop()
	if data := next("switchboard.session.ended").Data; !strings.Contains(data, `"ended_by":"limit"`) {
		t.Errorf("event %s", data)
	}
}

// The log says who did what to a session; its clients are not told.
func TestWhoSteeredASession(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	p := r.attach("/realtime/sessions/one/relay", r.open("one"))
	p.until("session.created")
	next, stop := r.follow("one", "")
	defer stop()
	command := func(want ...string) {
		t.Helper()
		data := next("switchboard.session.command").Data
		for _, w := range want {
			if !strings.Contains(data, w) {
				t.Errorf("event %s, want %s in it", data, w)
			}
		}
	}
	item := r.must(200, "POST", "/realtime/sessions/one/message", operator, `{"text":"a word","respond":false}`).field(t, "item_id").(string)
	command(`"command":"message"`, `"by":"ops"`, item)
	r.must(200, "PATCH", "/realtime/sessions/one", app, `{"instructions":"be brief"}`)
	command(`"command":"update"`, `"by":"app"`, `"fields":["instructions"]`)
	r.must(200, "POST", "/realtime/sessions/one/audio/clear", admin, "")
	command(`"command":"clear"`, `"by":"root"`)
	r.must(200, "DELETE", "/realtime/sessions/one", operator, "")
	for {
		kind, raw, err := p.Read(t.Context())
		if err != nil {
			break
		}
		if strings.Contains(string(raw), "switchboard.session.command") || strings.Contains(string(raw), "ops") {
			t.Errorf("client was sent %v %s", kind, raw)
		}
	}
}
