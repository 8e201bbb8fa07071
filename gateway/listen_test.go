package gateway_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway"
	"switchboard/session"
	"switchboard/session/audit"
	"switchboard/session/sessiontest"
)

// listening is a rig that keeps an audit log.
func listening(t *testing.T) *rig {
	var mem *sessiontest.Memory
	r := newRig(t, standin.Faults{}, func(o *gateway.Options) { mem, o.Audit = o.Store.(*sessiontest.Memory), o.Store.(*sessiontest.Memory) })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.gateway.RecordAudit(ctx) }()
	t.Cleanup(func() { r.stop(); cancel(); <-done })
	r.store = mem
	return r
}

// heard waits for an entry of the audit log.
func (r *rig) onRecord(action string, id session.ID, by string, status int) {
	r.t.Helper()
	sessiontest.Eventually(r.t, action+" of "+string(id)+" by "+by+" is on record", func() bool {
		page, err := r.store.AuditEntries(r.t.Context(), audit.Query{Action: action, Session: id, By: by}, "", 100)
		return err == nil && len(page.Entries) == 1 && page.Entries[0].Status == status
	})
}

// A session without permission cannot be heard, nor can one that allows it by anybody but operators;
// who tried is on record.
func TestWhoMayListen(t *testing.T) {
	r := listening(t)
	silent := r.open("silent")
	token := r.must(201, "POST", "/realtime/sessions", app, `{"session_id":"open","listen_in":"allowed"}`).field(t, "client_secret", "value").(string)
	r.must(422, "POST", "/realtime/sessions", app, `{"listen_in":"always"}`)
	for name, row := range map[string]struct {
		id, secret string
		status     int
		says       string
	}{
		"not allowed":             {"silent", operator, 403, "listening-not-allowed"},
		"not allowed to an admin": {"silent", admin, 403, "listening-not-allowed"},
		"its token":               {"silent", silent, 403, "token-not-allowed"},
		"a token":                 {"open", token, 403, "token-not-allowed"},
		"its own app":             {"open", app, 403, "role-not-allowed"},
		"another app":             {"open", other, 403, "role-not-allowed"},
		"nobody":                  {"open", "", 401, "credential-missing"},
		"a stranger":              {"open", "sk-unknown", 401, "credential-unknown"},
		"no session":              {"none", operator, 404, "session-not-found"},
	} {
		_, res, err := r.dial("/realtime/sessions/"+row.id+"/listen", row.secret)
		if err == nil || res == nil || res.StatusCode != row.status {
			t.Errorf("%s: %v, %v", name, res, err)
			continue
		}
		body := make([]byte, 1024)
		n, _ := res.Body.Read(body)
		if !strings.Contains(string(body[:n]), row.says) {
			t.Errorf("%s: %s", name, body[:n])
		}
	}
	r.onRecord("listen-session", "silent", "ops", 403)
	r.onRecord("listen-session", "silent", "root", 403)
	r.onRecord("listen-session", "open", "other", 403)
	r.must(426, "GET", "/realtime/sessions/open/listen", operator, "")
	p := r.attach("/v1/realtime?model=gpt-realtime-2.1", app) // says nothing of it: the gateway's default counts
	p.until("session.created")
	id := r.must(200, "GET", "/realtime/sessions?status=active", app, "").field(t, "sessions").([]any)[0].(map[string]any)["session_id"].(string)
	if _, res, err := r.dial("/realtime/sessions/"+id+"/listen", operator); err == nil || res.StatusCode != 403 {
		t.Errorf("by default: %v, %v", res, err)
	}
	r.must(200, "DELETE", "/realtime/sessions/open", app, "")
	if _, res, err := r.dial("/realtime/sessions/open/listen", operator); err == nil || res.StatusCode != 410 {
		t.Errorf("an ended session: %v, %v", res, err)
	}
}

// pcm is base64 of so many milliseconds of a loud tone, or of silence.
func pcm(ms int, loud bool) string {
	samples := make([]byte, ms*48)
	for i := 0; loud && i < len(samples); i += 2 {
		samples[i+1] = byte(0x40 * (i / 48 % 2))
	}
	return base64.StdEncoding.EncodeToString(samples)
}

// An operator hears both sides of a conversation, the caller is told where the session announces it,
// and the audit log says who listened from when to when.
func TestOperatorListensIn(t *testing.T) {
	r := listening(t)
	token := r.must(201, "POST", "/realtime/sessions", app, `{"session_id":"one","listen_in":"announced"}`).field(t, "client_secret", "value").(string)
	caller := r.attach("/realtime/sessions/one/relay", token)
	if n := caller.until("switchboard.session.listeners")["listeners"]; n != 0.0 {
		t.Errorf("%v listen at the beginning", n)
	}
	l := r.attach("/realtime/sessions/one/listen", operator)
	if n := caller.until("switchboard.session.listeners")["listeners"]; n != 1.0 {
		t.Errorf("%v listen", n)
	}
	if first := l.until("session.created"); first["session"] == nil {
		t.Errorf("the first event is %v", first)
	}
	view := r.must(200, "GET", "/realtime/sessions/one", app, "")
	if view.field(t, "listen_in") != "announced" || view.field(t, "listeners") != 1.0 {
		t.Errorf("the session is %s", view.body)
	}
	spoken := pcm(1000, true)
	caller.say(`{"type":"input_audio_buffer.append","audio":"` + spoken + `"}`)
	caller.say(`{"type":"input_audio_buffer.append","audio":"` + pcm(1000, false) + `"}`)
	if e := l.until("input_audio_buffer.append"); e["audio"] != spoken {
		t.Error("the caller is heard differently")
	}
	caller.until("response.done")
	for _, typ := range []string{"input_audio_buffer.speech_started", "response.output_audio.delta", "response.output_audio_transcript.delta", "response.done"} {
		l.until(typ)
	}
	r.onRecord("listen-session", "one", "ops", http.StatusSwitchingProtocols)
	if err := l.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	if n := caller.until("switchboard.session.listeners")["listeners"]; n != 0.0 {
		t.Errorf("%v listen at the end", n)
	}
	r.onRecord("listen-session.ended", "one", "ops", 200)
	timeline := r.must(200, "GET", "/realtime/sessions/one/timeline", app, "")
	if !strings.Contains(string(timeline.body), `"kind":"operator"`) || !strings.Contains(string(timeline.body), `"text":"listen"`) {
		t.Errorf("the timeline is %s", timeline.body)
	}
	l = r.attach("/realtime/sessions/one/listen", operator)
	r.must(200, "DELETE", "/realtime/sessions/one", app, "")
	if closed := l.closed(); closed.Code != session.CloseNormal {
		t.Errorf("closed with %v", closed)
	}
}

// A listener goes when its key does.
func TestListenerGoesWithItsKey(t *testing.T) {
	r := listening(t)
	r.must(201, "POST", "/realtime/sessions", app, `{"session_id":"one","listen_in":"allowed"}`)
	made := r.must(201, "POST", "/keys", admin, `{"name":"supervisor","role":"operator"}`)
	l := r.attach("/realtime/sessions/one/listen", made.field(t, "secret").(string))
	l.until("session.created")
	r.must(200, "DELETE", "/keys/"+made.field(t, "id").(string), admin, "")
	if closed := l.closed(); closed.Code != session.CloseRevoked {
		t.Errorf("closed with %v", closed)
	}
	l = r.attach("/realtime/sessions/one/listen", operator)
	l.say(`{"type":"input_audio_buffer.append","audio":""}`)
	if closed := l.closed(); closed.Code != websocket.StatusPolicyViolation {
		t.Errorf("one that speaks is closed with %v", closed)
	}
}

// Through another node than the session's: it is heard as well, and a node that stops or is lost sends
// the listener away, who then finds the session where it is.
func TestListenOnAnyNode(t *testing.T) {
	f := newFleet(t, 2)
	a, b := f.nodes[0], f.nodes[1]
	f.on(a, 201, "POST", "/realtime/sessions", `{"session_id":"one","listen_in":"announced"}`)
	f.url = b.url
	l := f.rig.attach("/realtime/sessions/one/listen", operator)
	l.until("session.created")
	go a.drain()
	if closed := l.closed(); closed.Code != session.CloseMoved || !strings.Contains(closed.Reason, "again") { // its owner says so, or the node that forwards, if it notices first
		t.Errorf("when the session moved: %v", closed)
	}
	sessiontest.Eventually(t, "it runs on the other node", func() bool { _, ok := b.hub.Controller("one"); return ok })
	l = f.rig.attach("/realtime/sessions/one/listen", operator)
	l.until("session.created")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := l.Ping(l.CloseRead(ctx)); err != nil {
		t.Error(err)
	}
}
