package webhooks_test

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"switchboard/cmd/simulator/standin"
	"switchboard/session/redisstore/redistest"
)

// TestStreamsAreAsDescribed sends what the document says may be sent, and looks up what comes back.
func TestStreamsAreAsDescribed(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	engine := gin.New()
	api := mount(t, engine, n.hooks)
	line := `{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"gpt-4o-mini","input":"hi"}}`
	form := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.jsonl\"\r\n\r\n" + line + "\r\n--x--\r\n"
	delivery := signed(t, n.server.URL+"/webhooks/openai", testSecret, "wh_1", time.Now(), []byte(`{"id":"evt_1","object":"event","type":"x.y","created_at":1,"data":{"id":"z"}}`))
	again := delivery.Clone(t.Context())
	again.Body, _ = delivery.GetBody()
	batch := n.submit(1, question, nil)
	for _, row := range []struct {
		method, path, route, kind, body string
		status                          int
	}{
		{"POST", "/api/batches", "", "application/json", `{"requests":[` + line + `],"metadata":{"a":"b"}}`, 201},
		{"POST", "/api/batches", "", "application/json", `{"endpoint":"/v1/responses","requests":[{"body":{"model":"gpt-4o-mini","input":"hi"}}]}`, 201},
		{"POST", "/api/batches", "", "application/jsonl", line, 201},
		{"POST", "/api/batches", "", "multipart/form-data; boundary=x", form, 201},
		{"POST", "/api/batches", "", "application/jsonl", "{", 422},
		{"POST", "/api/batches", "", "application/json", "{", 400},
		{"POST", "/api/batches", "", "image/png", "x", 415},
		{"POST", "/api/fine-tuning/jobs", "", "application/json", `{"model":"gpt-4o-mini-2024-07-18","training_file":"` + n.training() + `"}`, 201},
		{"POST", "/api/fine-tuning/jobs", "", "application/json", `{"model":"x"}`, 422},
		{"POST", "/api/fine-tuning/jobs", "", "multipart/form-data; boundary=x", form, 400},
		{"POST", "/api/fine-tuning/jobs", "", "image/png", "x", 415},
		{"GET", "/api/batches/none/results", "/api/batches/{id}/results", "", "", 404},
		{"GET", "/api/batches/" + batch + "/errors?limit=x", "/api/batches/{id}/errors", "", "", 422},
		{"POST", "/webhooks/openai", "", "application/json", "{}", 401},
		{"POST", "/webhooks/openai/batch", "", "application/json", strings.Repeat("x", 2<<20), 413},
	} {
		r, _ := http.NewRequest(row.method, n.server.URL+row.path, strings.NewReader(row.body))
		r.Header.Set("Authorization", "Bearer admin")
		r.Header.Set("Content-Type", row.kind)
		if row.route == "" {
			row.route = row.path
		}
		described(t, n, api, row.route, r, row.status)
	}
	described(t, n, api, "/webhooks/openai", delivery, 200)
	described(t, n, api, "/webhooks/openai", again, 200)
}

// described makes a request and holds it, unless it is refused, and its answer against the document.
func described(t *testing.T, n *node, api *huma.OpenAPI, route string, r *http.Request, status int) {
	t.Helper()
	res, err := n.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status {
		t.Errorf("%s: %d %s, %v; want %d", route, res.StatusCode, raw, err, status)
		return
	}
	op := api.Paths[route].Get
	if r.Method == "POST" {
		op = api.Paths[route].Post
	}
	if answer := op.Responses[strconv.Itoa(status)]; answer == nil {
		t.Errorf("%s: status %d is not described", route, status)
	} else {
		holds(t, api, route, answer.Content, res.Header.Get("Content-Type"), raw)
	}
	if r.GetBody != nil && status < 300 {
		body, _ := r.GetBody()
		sent, _ := io.ReadAll(body)
		holds(t, api, route, op.RequestBody.Content, r.Header.Get("Content-Type"), sent)
	}
}

// holds checks a text against the schema of its type.
func holds(t *testing.T, api *huma.OpenAPI, route string, content map[string]*huma.MediaType, header string, raw []byte) {
	t.Helper()
	kind, _, _ := mime.ParseMediaType(header)
	if content[kind] == nil {
		t.Errorf("%s: %s is not described", route, kind)
		return
	}
	var value any
	if !strings.HasSuffix(kind, "json") || json.Unmarshal(raw, &value) != nil {
		return
	}
	var result huma.ValidateResult
	huma.Validate(api.Components.Schemas, content[kind].Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, value, &result)
	for _, wrong := range result.Errors {
		t.Errorf("%s: %s is not as described: %v", route, raw, wrong)
	}
}
