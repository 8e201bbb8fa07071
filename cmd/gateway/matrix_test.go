package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"
)

// The secrets of the matrix, of an app key that owns everything, another, an operator and an admin.
const (
	ownerKey    = "sk-matrix-owner"
	otherKey    = "sk-matrix-other"
	operatorKey = "sk-matrix-operator"
	adminKey    = "sk-matrix-admin"
)

// matrix says what every route answers, by who asks: nobody; a client token of the session that the
// route is about; one of another session; the app key that owns the session, batch or job; another app
// key; an operator; an admin. They ask in this order, for the same session, batch or job.
//
// 404 in the fifth column is another key's property, which does not exist for it. 3000 is what a
// WebSocket of OpenAI's contract is closed with after it was accepted.
var matrix = []struct{ call, body, want string }{
	{"POST /realtime/sessions", `{}`, "401 403 403 201 201 201 201"},
	{"GET /realtime/sessions", "", "401 403 403 200 200 200 200"},
	{"GET /realtime/usage", "", "401 403 403 200 200 200 200"},
	{"GET /realtime/sessions/{id}", "", "401 403 403 200 404 200 200"},
	{"PATCH /realtime/sessions/{id}", `{"instructions":"x"}`, "401 403 403 200 404 200 200"},
	{"GET /realtime/sessions/{id}/items", "", "401 403 403 200 404 200 200"},
	{"GET /realtime/sessions/{id}/transcript", "", "401 403 403 200 404 200 200"},
	{"GET /realtime/sessions/{id}/timeline", "", "401 403 403 200 404 200 200"},
	{"GET /realtime/sessions/{id}/notes", "", "401 403 403 200 404 200 200"},
	{"POST /realtime/sessions/{id}/notes", `{"text":"x"}`, "401 403 403 201 404 201 201"},
	{"GET /realtime/sessions/{id}/events", "", "401 403 403 200 404 200 200"},
	{"POST /realtime/sessions/{id}/message", `{"text":"x","respond":false}`, "401 403 403 200 404 200 200"},
	{"POST /realtime/sessions/{id}/function-result", `{"call_id":"none","output":"x"}`, "401 403 403 422 404 422 422"},
	{"POST /realtime/sessions/{id}/cancel", "", "401 403 403 409 404 409 409"},
	{"POST /realtime/sessions/{id}/audio/commit", "", "401 403 403 409 404 409 409"},
	{"POST /realtime/sessions/{id}/audio/clear", "", "401 403 403 200 404 200 200"},
	{"POST /realtime/sessions/{id}/client-secret", "", "401 403 403 201 404 201 201"},
	{"POST /realtime/sessions/{id}/client-secret/revoke", "", "401 403 403 200 404 200 200"},
	{"POST /realtime/sessions/{id}/renew", "", "401 403 403 403 403 200 200"},
	{"WS /realtime/sessions/{id}/relay", "", "401 101 403 101 404 101 101"},
	{"WS /realtime/sessions/{id}/listen", "", "401 403 403 403 403 101 101"},
	{"DELETE /realtime/sessions/{id}", "", "401 403 403 200 404 200 200"},

	{"WS /v1/realtime", "", "3000 3000 3000 101 101 101 101"},
	{"POST /v1/realtime/client_secrets", `{}`, "401 403 403 200 200 200 200"},

	{"POST /realtime/broadcasts", `{"instructions":"x","select":{"team":"none"}}`, "401 403 403 403 403 202 202"},
	{"GET /realtime/broadcasts", "", "401 403 403 403 403 200 200"},
	{"GET /realtime/broadcasts/{id}", "", "401 403 403 403 403 404 404"},
	{"GET /realtime/broadcasts/{id}/events", "", "401 403 403 403 403 404 404"},
	{"GET /realtime/broadcasts/{id}/outcomes", "", "401 403 403 403 403 404 404"},
	{"DELETE /realtime/broadcasts/{id}", "", "401 403 403 403 403 404 404"},

	{"POST /keys", `{"name":"made","role":"app"}`, "401 403 403 403 403 403 201"},
	{"GET /keys", "", "401 403 403 403 403 403 200"},
	{"GET /keys/self", "", "401 403 403 200 200 200 200"},
	{"GET /keys/{id}", "", "401 403 403 200 404 404 200"},
	{"POST /keys/{id}/revoke-tokens", "", "401 403 403 200 404 404 200"},
	{"DELETE /keys/{id}", "", "401 403 403 403 403 403 409"}, // it is of the environment

	{"POST /api/batches", `{"endpoint":"x","requests":[]}`, "401 403 403 422 422 422 422"},
	{"GET /api/batches", "", "401 403 403 200 200 200 200"},
	{"GET /api/batches/{id}", "", "401 403 403 200 404 200 200"},
	{"GET /api/batches/{id}/errors", "", "401 403 403 409 404 409 409"}, // it runs
	{"GET /api/batches/{id}/results", "", "401 403 403 409 404 409 409"},
	{"POST /api/batches/{id}/retry", "", "401 403 403 409 404 409 409"},
	{"POST /api/batches/{id}/cancel", "", "401 403 403 200 404 200 200"},
	{"POST /api/fine-tuning/jobs", `{"training_file":"file-x"}`, "401 403 403 422 422 422 422"},
	{"GET /api/fine-tuning/jobs", "", "401 403 403 200 200 200 200"},
	{"GET /api/fine-tuning/jobs/{id}", "", "401 403 403 200 404 200 200"},
	{"GET /api/fine-tuning/jobs/{id}/events", "", "401 403 403 200 404 200 200"},
	{"GET /api/fine-tuning/jobs/{id}/checkpoints", "", "401 403 403 200 404 200 200"},
	{"GET /api/fine-tuning/jobs/{id}/metrics", "", "401 403 403 200 404 200 200"},
	{"POST /api/fine-tuning/jobs/{id}/mark", `{"mark":"held"}`, "401 403 403 403 403 409 409"}, // it has no model yet
	{"POST /api/fine-tuning/jobs/{id}/smoke-test", "", "401 403 403 403 403 409 409"},
	{"POST /api/fine-tuning/jobs/{id}/cancel", "", "401 403 403 200 404 422 422"},
	{"GET /api/dashboard", "", "401 403 403 200 200 200 200"},
	{"GET /api/events", "", "401 403 403 200 200 200 200"},

	{"GET /webhooks/events", "", "401 403 403 403 403 200 200"},
	{"GET /webhooks/events/{id}", "", "401 403 403 403 403 404 404"},
	{"POST /webhooks/events/{id}/replay", "", "401 403 403 403 403 404 404"},
	{"POST /webhooks/events/replay", `{"ids":["evt_none"]}`, "401 403 403 403 403 200 200"},
	{"POST /webhooks/events/{id}/discard", `{}`, "401 403 403 403 403 404 404"},
	{"POST /webhooks/events/discard", `{"ids":["evt_none"]}`, "401 403 403 403 403 200 200"},
	{"GET /webhooks/event-types", "", "401 403 403 403 403 403 200"},
	{"GET /webhooks/endpoints", "", "401 403 403 403 403 403 200"},
	{"POST /webhooks/endpoints", `{}`, "401 403 403 403 403 403 422"},
	{"GET /webhooks/endpoints/{id}", "", "401 403 403 403 403 403 404"},
	{"PATCH /webhooks/endpoints/{id}", `{"name":"x"}`, "401 403 403 403 403 403 404"},
	{"POST /webhooks/endpoints/{id}/rotate-secret", "", "401 403 403 403 403 403 404"},
	{"POST /webhooks/endpoints/{id}/test", `{"event_type":"batch.completed"}`, "401 403 403 403 403 403 404"},
	{"DELETE /webhooks/endpoints/{id}", "", "401 403 403 403 403 403 404"},
	{"GET /webhooks/subscriptions", "", "401 403 403 403 403 403 200"},
	{"POST /webhooks/subscriptions", `{}`, "401 403 403 403 403 403 422"},
	{"GET /webhooks/subscriptions/{id}", "", "401 403 403 403 403 403 404"},
	{"PATCH /webhooks/subscriptions/{id}", `{"enabled":false}`, "401 403 403 403 403 403 404"},
	{"GET /webhooks/subscriptions/{id}/deliveries", "", "401 403 403 403 403 403 404"},
	{"GET /webhooks/subscriptions/{id}/deliveries/{delivery}", "", "401 403 403 403 403 403 404"},
	{"POST /webhooks/subscriptions/{id}/deliveries/{delivery}/replay", "", "401 403 403 403 403 403 404"},
	{"POST /webhooks/subscriptions/{id}/rotate-secret", "", "401 403 403 403 403 403 404"},
	{"POST /webhooks/subscriptions/{id}/test", "", "401 403 403 403 403 403 404"},
	{"DELETE /webhooks/subscriptions/{id}", "", "401 403 403 403 403 403 404"},

	{"GET /api/overview", "", "401 403 403 403 403 200 200"},
	{"GET /nodes", "", "401 403 403 403 403 200 200"},
	{"POST /nodes/{node}/drain", "", "401 403 403 403 403 404 404"},
	{"DELETE /nodes/{node}/drain", "", "401 403 403 403 403 404 404"},
	{"GET /settings", "", "401 403 403 403 403 200 200"},
	{"GET /audit", "", "401 403 403 403 403 200 200"},

	// A signature of OpenAI's or of a node opens these, and nothing else.
	{"POST /webhooks/openai", `{}`, "401 401 401 401 401 401 401"},
	{"POST /webhooks/openai/batch", `{}`, "401 401 401 401 401 401 401"},
	{"POST /webhooks/openai/fine-tuning", `{}`, "401 401 401 401 401 401 401"},
	{"POST /internal/sessions/{id}", `{}`, "401 401 401 401 401 401 401"},

	{"GET /healthz", "", "200 200 200 200 200 200 200"},
	{"GET /readyz", "", "200 200 200 200 200 200 200"},
	{"GET /metrics", "", "200 200 200 200 200 200 200"},
	{"GET /openapi.yaml", "", "200 200 200 200 200 200 200"},
	{"GET /openapi.json", "", "200 200 200 200 200 200 200"},
	{"GET /docs", "", "200 200 200 200 200 200 200"},
	{"GET /docs/style.css", "", "200 200 200 200 200 200 200"},
	{"GET /docs/page.js", "", "200 200 200 200 200 200 200"},
	{"GET /nothing/here", "", "404 404 404 404 404 404 404"},
	{"PUT /realtime/sessions", "", "405 405 405 405 405 405 405"},
}

// Every route of the API answers each role, and the owner of a thing, as the matrix says. A route
// that is in the OpenAPI document has to be in the matrix.
func TestRouteByRoleByOwner(t *testing.T) {
	m := newMatrix(t)
	for _, row := range matrix {
		method, path, _ := strings.Cut(row.call, " ")
		if method == "WS" {
			delete(m.documented, "GET "+path)
		}
		delete(m.documented, row.call)
		id, token := m.fixture(path)
		path = strings.NewReplacer("{id}", id, "{delivery}", "none").Replace(path)
		_, otherToken := m.open()
		var got []string
		for _, secret := range []string{"", token, otherToken, ownerKey, otherKey, operatorKey, adminKey} {
			got = append(got, strconv.Itoa(m.ask(method, path, secret, row.body)))
		}
		if answers := strings.Join(got, " "); answers != row.want {
			t.Errorf("%s answers %s, want %s", row.call, answers, row.want)
		}
	}
	for route := range m.documented {
		t.Errorf("%s is not in the matrix", route)
	}
}

// rolesMatrix is a program under test.
type rolesMatrix struct {
	t          *testing.T
	url        string
	documented map[string]bool // routes of the OpenAPI document
}

func newMatrix(t *testing.T) *rolesMatrix {
	c, err := parse(t, map[string]string{
		"SWITCHBOARD_API_KEYS": "owner:app:" + ownerKey + ",other:app:" + otherKey + ",op:operator:" + operatorKey + ",root:admin:" + adminKey,
	}, "--demo", "--listen", "127.0.0.1:0", "--notify", "log://", "--listen-in", "allowed")
	if err != nil {
		t.Fatal(err)
	}
	c.demoBatch, c.demoTuned = time.Hour, time.Hour // they run while they are asked for
	m := &rolesMatrix{t: t, documented: map[string]bool{}}
	m.url, _, _ = startLogging(t, c, io.Discard)
	_, document := call(t, http.DefaultClient, "GET", m.url+"/openapi.json", "", "")
	for path, operations := range gjson.Get(document, "paths").Map() {
		for method := range operations.Map() {
			m.documented[strings.ToUpper(method)+" "+path] = true
		}
	}
	if len(m.documented) < 50 {
		t.Fatalf("the document has %d routes", len(m.documented))
	}
	return m
}

// fixture makes what a route is about, of the owner's, and a token of the owner's.
func (m *rolesMatrix) fixture(path string) (id, token string) {
	id, token = m.open()
	switch {
	case strings.HasPrefix(path, "/keys/"):
		id = "owner"
	case strings.HasPrefix(path, "/api/batches/"):
		id = m.made("/api/batches", "application/json", `{"endpoint":"/v1/chat/completions","requests":[{"body":{"model":"gpt-4.1-mini","messages":[{"role":"user","content":"x"}]}}]}`)
	case strings.HasPrefix(path, "/api/fine-tuning/jobs/"):
		kind, form := trainingForm()
		id = m.made("/api/fine-tuning/jobs", kind, form)
	case strings.HasPrefix(path, "/realtime/broadcasts/"):
		id = "1-1"
	case !strings.HasPrefix(path, "/realtime/sessions/"):
		id = "none"
	}
	return id, token
}

func (m *rolesMatrix) open() (id, token string) {
	status, body := call(m.t, http.DefaultClient, "POST", m.url+"/realtime/sessions", ownerKey, `{}`)
	if status != 201 {
		m.t.Fatalf("open: %d %s", status, body)
	}
	return gjson.Get(body, "session_id").Str, gjson.Get(body, "client_secret.value").Str
}

// made posts as the owner and returns the ID of what that makes.
func (m *rolesMatrix) made(path, kind, body string) string {
	req, err := http.NewRequestWithContext(m.t.Context(), "POST", m.url+path, strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+ownerKey)
	req.Header.Set("Content-Type", kind)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 201 {
		m.t.Fatalf("%s: %d %s %v", path, res.StatusCode, raw, err)
	}
	return gjson.GetBytes(raw, "id").Str
}

func trainingForm() (kind, form string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.WriteField("model", "gpt-4.1-mini-2025-04-14") // a buffer takes all
	part, _ := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="file"; filename="train.jsonl"`}})
	line, _ := json.Marshal(map[string]any{"messages": []map[string]string{{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}}})
	_, _ = part.Write(slices.Concat(bytes.Repeat(append(line, '\n'), 10)))
	_ = w.Close()
	return w.FormDataContentType(), b.String()
}

// ask returns the status of an answer, or how a WebSocket went.
func (m *rolesMatrix) ask(method, path, secret, body string) int {
	ctx, cancel := context.WithCancel(m.t.Context()) // ends a stream
	defer cancel()
	if method == "WS" {
		return m.dial(ctx, path, secret)
	}
	req, err := http.NewRequestWithContext(ctx, method, m.url+path, strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	if secret != "" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// dial returns 101 for a socket on which a session answers, else the status of the refusal or,
// after an error event, the close code.
func (m *rolesMatrix) dial(ctx context.Context, path, secret string) int {
	o := &websocket.DialOptions{HTTPHeader: http.Header{}}
	if secret != "" {
		o.HTTPHeader.Set("Authorization", "Bearer "+secret)
	}
	conn, res, err := websocket.Dial(ctx, m.url+path+"?model=gpt-realtime-2.1", o)
	if err != nil {
		if res == nil {
			m.t.Fatal(err)
		}
		return res.StatusCode
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	_, first, err := conn.Read(ctx)
	if err == nil && gjson.GetBytes(first, "type").Str == "session.created" {
		return http.StatusSwitchingProtocols
	}
	for err == nil {
		_, _, err = conn.Read(ctx)
	}
	return int(websocket.CloseStatus(err))
}
