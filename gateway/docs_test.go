package gateway_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway"
)

func TestEveryRouteIsDescribed(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	doc := r.must(200, "GET", "/openapi.json", "", "")
	page := string(r.must(200, "GET", "/docs", "", "").body)
	paths := doc.field(t, "paths").(map[string]any)
	own := map[string]bool{"/docs/style.css": true, "/docs/page.js": true, "/openapi.json": true}
	parameter := regexp.MustCompile(`:(\w+)`)
	for _, route := range gateway.Routes(r.gateway) {
		path := parameter.ReplaceAllString(route.Path, "{$1}")
		if own[path] || route.Method == "HEAD" || strings.HasPrefix(path, "/internal/") {
			continue
		}
		item, _ := paths[path].(map[string]any)
		if item[strings.ToLower(route.Method)] == nil {
			t.Errorf("%s %s is not in the OpenAPI document", route.Method, path)
		}
		if !strings.Contains(page, "<code>"+path+"</code>") {
			t.Errorf("%s is not on the page", path)
		}
	}
	if doc.field(t, "openapi") != "3.1.0" {
		t.Errorf("version %v", doc.field(t, "openapi"))
	}
}

func TestDocsLoadNothingFromElsewhere(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	page := r.must(200, "GET", "/docs", "", "")
	for _, address := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(string(page.body), -1) {
		if !strings.HasPrefix(address[1], "/") && !strings.HasPrefix(address[1], "#") {
			t.Errorf("loads %s", address[1])
		}
	}
	if csp := page.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	r.must(200, "GET", "/docs/style.css", "", "")
	r.must(200, "GET", "/docs/page.js", "", "")
	if yaml := r.must(200, "GET", "/openapi.yaml", "", ""); !strings.Contains(string(yaml.body), "openapi: 3.1.0") {
		t.Error("no YAML")
	}
}

// TestRefusalsAreDescribed: what a client generated from the document may get, it knows.
func TestRefusalsAreDescribed(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.open("one")
	paths := r.must(200, "GET", "/openapi.json", "", "").field(t, "paths").(map[string]any)
	for _, row := range []struct{ method, path, route, key, body string }{
		{"GET", "/realtime/sessions/one/events", "/realtime/sessions/{id}/events", "", ""},
		{"GET", "/realtime/sessions/none/events", "/realtime/sessions/{id}/events", app, ""},
		{"GET", "/realtime/sessions/one/relay", "/realtime/sessions/{id}/relay", app, ""},
		{"GET", "/realtime/broadcasts/1-1/events", "/realtime/broadcasts/{id}/events", app, ""},
		{"GET", "/v1/realtime", "/v1/realtime", app, ""},
		{"POST", "/v1/realtime/client_secrets", "/v1/realtime/client_secrets", "", "{}"},
		{"POST", "/v1/realtime/client_secrets", "/v1/realtime/client_secrets", app, "{"},
		{"POST", "/realtime/sessions", "/realtime/sessions", app, `{"session_id":"one"}`},
		{"GET", "/healthz", "/healthz", "", ""},
		{"GET", "/openapi.yaml", "/openapi.yaml", "", ""},
	} {
		a := r.do(row.method, row.path, row.key, row.body)
		kind, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
		operation := paths[row.route].(map[string]any)[strings.ToLower(row.method)].(map[string]any)
		response, _ := operation["responses"].(map[string]any)[strconv.Itoa(a.StatusCode)].(map[string]any)
		content, _ := response["content"].(map[string]any)
		if content[kind] == nil {
			t.Errorf("%s %s: %d %s is not described", row.method, row.path, a.StatusCode, kind)
		}
	}
}

// TestDocsShowHowToCallEveryOperation: each has a line for the shell, but for sockets, and limits are
// written as people write numbers.
func TestDocsShowHowToCallEveryOperation(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	page := string(r.must(200, "GET", "/docs", "", "").body)
	operations, _, _ := strings.Cut(page, `id="errors"`)
	articles := strings.Split(operations, "<article id=")[1:]
	if len(articles) < 20 {
		t.Fatalf("%d operations", len(articles))
	}
	for _, article := range articles {
		id, _, _ := strings.Cut(strings.TrimPrefix(article, `"`), `"`)
		socket := strings.Contains(article, "<b>101</b>")
		if strings.Contains(article, "<code>curl ") == socket {
			t.Errorf("%s: socket %v, but its example says otherwise", id, socket)
		}
	}
	if m := regexp.MustCompile(`\de\+\d+`).FindString(page); m != "" {
		t.Errorf("a limit is written as %s", m)
	}
}
