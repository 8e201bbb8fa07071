package main

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"switchboard/session/trace"
)

// receiver takes spans as an OpenTelemetry collector does.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*otlp.Span
}

func startReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		raw, err := io.ReadAll(req.Body)
		var sent collector.ExportTraceServiceRequest
		if req.URL.Path != "/v1/traces" || err != nil || proto.Unmarshal(raw, &sent) != nil {
			t.Errorf("%s %s: %d bytes, %v", req.Method, req.URL, len(raw), err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, of := range sent.ResourceSpans {
			for _, in := range of.ScopeSpans {
				r.spans = append(r.spans, in.Spans...)
			}
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// named is the first span with this name.
func (r *receiver) named(name string) *otlp.Span {
	for _, s := range r.spans {
		if s.Name == name {
			return s
		}
	}
	return nil
}

func attribute(s *otlp.Span, name string) string {
	for _, a := range s.GetAttributes() {
		if a.Key == name {
			return a.Value.String()
		}
	}
	return ""
}

// A session is one trace: its turns, function calls, renewals and commands are spans of it, and logs and views name it.
func TestASessionIsATrace(t *testing.T) {
	to := startReceiver(t)
	c, err := parse(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": to.URL}, "--demo", "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var logged bytes.Buffer
	url, key, stop := startLogging(t, c, writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return logged.Write(p)
	}))
	must := func(method, path, body string) gjson.Result {
		t.Helper()
		status, answer := call(t, http.DefaultClient, method, url+path, key, body)
		if status/100 != 2 {
			t.Fatalf("%s %s: %d %s", method, path, status, answer)
		}
		return gjson.Parse(answer)
	}
	must("POST", "/realtime/sessions", `{"session_id":"traced","config":{"tools":[{"type":"function","name":"look_up","parameters":{"type":"object","properties":{}}}]}}`)
	if id := must("GET", "/realtime/sessions/traced", "").Get("trace_id").Str; id != trace.Hex("traced") {
		t.Errorf("trace_id %q", id)
	}
	items := func(want string) gjson.Result {
		for deadline := time.Now().Add(20 * time.Second); ; {
			if found := must("GET", "/realtime/sessions/traced/items", "").Get(want); found.Exists() {
				return found
			}
			if time.Now().After(deadline) {
				t.Fatalf("no %s", want)
			}
		}
	}
	must("POST", "/realtime/sessions/traced/message", `{"text":"Use look_up please."}`)
	callID := items(`items.#(type=="function_call").call_id`).Str
	must("POST", "/realtime/sessions/traced/function-result", `{"call_id":"`+callID+`","output":"found"}`)
	items(`items.#(role=="assistant")#|#(status=="completed")`)
	must("POST", "/realtime/sessions/traced/renew", ``)
	call(t, http.DefaultClient, "DELETE", url+"/realtime/sessions/traced", key, "")
	stop()

	to.mu.Lock()
	defer to.mu.Unlock()
	root := to.named("session")
	if root == nil || len(root.ParentSpanId) != 0 || root.EndTimeUnixNano <= root.StartTimeUnixNano || !strings.Contains(attribute(root, "gen_ai.conversation.id"), "traced") {
		t.Fatalf("session %v of %d spans", root, len(to.spans))
	}
	for _, s := range to.spans {
		if hex.EncodeToString(s.TraceId) != trace.Hex("traced") || s != root && !bytes.Equal(s.ParentSpanId, root.SpanId) || s.StartTimeUnixNano > s.EndTimeUnixNano {
			t.Errorf("%s is not in the session: %v", s.Name, s)
		}
	}
	for name, attributes := range map[string][]string{
		"realtime_inference gpt-realtime-2.1": {"gen_ai.response.id", "gen_ai.response.finish_reasons", "gen_ai.usage.output_tokens", "gen_ai.provider.name"},
		"execute_tool look_up":                {"gen_ai.tool.call.id", "gen_ai.operation.name"},
		"renewal":                             {"switchboard.renewal.reason"},
		"command conversation.item.create":    {"switchboard.command"},
	} {
		s := to.named(name)
		for _, a := range attributes {
			if attribute(s, a) == "" {
				t.Errorf("%s has no %s: %v", name, a, s)
			}
		}
	}
}

// A collector that is away costs spans and nothing else.
func TestACollectorThatIsAwayHoldsUpNothing(t *testing.T) {
	c, err := parse(t, nil, "--demo", "--listen", "127.0.0.1:0", "--otlp-endpoint", "http://127.0.0.1:1", "--stop-timeout", "1s")
	if err != nil {
		t.Fatal(err)
	}
	url, key, stop := start(t, c)
	if status, body := call(t, http.DefaultClient, "POST", url+"/realtime/sessions", key, `{"session_id":"one"}`); status != 201 {
		t.Errorf("%d %s", status, body)
	}
	call(t, http.DefaultClient, "DELETE", url+"/realtime/sessions/one", key, "")
	stop()
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
