package standin_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/tidwall/gjson"
)

// schemas is OpenAI's own description of its events and objects; see testdata/README.md.
type schemas struct {
	mu       sync.Mutex // guards what follows
	compiler *jsonschema.Compiler
	ready    map[string]*jsonschema.Schema
	events   map[string]map[string][]string // by side and type
}

var document = sync.OnceValues(func() (*schemas, error) {
	raw, err := os.ReadFile("testdata/openai.json")
	if err != nil {
		return nil, err
	}
	var index struct {
		Events map[string]map[string][]string `json:"events"`
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		return nil, err
	}
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	s := &schemas{compiler: jsonschema.NewCompiler(), ready: map[string]*jsonschema.Schema{}, events: index.Events}
	return s, s.compiler.AddResource("openai.json", whole)
})

// check holds a value against the definition of this name.
func (s *schemas) check(name string, raw []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	schema := s.ready[name]
	if schema == nil {
		if schema, err = s.compiler.Compile("openai.json#/$defs/" + name); err != nil {
			return err
		}
		s.ready[name] = schema
	}
	return schema.Validate(value)
}

// checkEvent holds an event of a side (server, client or webhook) against the definitions of its type.
func (s *schemas) checkEvent(side string, raw []byte) error {
	kind := gjson.GetBytes(raw, "type").Str
	err := fmt.Errorf("no %s event has the type %q", side, kind)
	for _, name := range s.events[side][kind] {
		if err = s.check(name, raw); err == nil {
			return nil
		}
	}
	return err
}

// valid fails the test if what the stand-in sent is not what OpenAI would send.
func valid(t *testing.T, check func(*schemas) error, raw []byte) {
	t.Helper()
	doc, err := document()
	if err != nil {
		t.Fatal(err)
	}
	if err := check(doc); err != nil {
		t.Errorf("%.2000s\nis not valid: %v", raw, err)
	}
}

// watchEvents is an Options.Record that holds everything sent against the schemas, but for what
// faults send in order to be wrong.
func watchEvents(t *testing.T) func(string, []byte) {
	return func(dir string, event []byte) {
		if dir != "s2c" || !json.Valid(event) || bytes.Contains(event, []byte(`"simulator.`)) {
			return
		}
		valid(t, func(s *schemas) error { return s.checkEvent("server", event) }, event)
	}
}

// answers are the definitions of the bodies of routes, in path.Match's language; the first that matches counts.
var answers = []struct{ route, name string }{
	{"POST /v1/realtime/client_secrets", "RealtimeCreateClientSecretResponse"},
	{"GET /v1/batches", "ListBatchesResponse"},
	{"* /v1/batches", "Batch"}, {"* /v1/batches/*", "Batch"}, {"* /v1/batches/*/cancel", "Batch"},
	{"GET /v1/fine_tuning/jobs", "ListPaginatedFineTuningJobsResponse"},
	{"* /v1/fine_tuning/jobs", "FineTuningJob"}, {"* /v1/fine_tuning/jobs/*", "FineTuningJob"}, {"* /v1/fine_tuning/jobs/*/cancel", "FineTuningJob"},
	{"GET /v1/fine_tuning/jobs/*/events", "ListFineTuningJobEventsResponse"},
	{"POST /v1/files", "OpenAIFile"}, {"GET /v1/files/*", "OpenAIFile"},
	{"POST /v1/responses", "Response"},
}

// watchAnswers holds the bodies of HTTP answers against the schemas.
func watchAnswers(t *testing.T, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" || !strings.HasPrefix(r.URL.Path, "/v1/") || strings.HasSuffix(r.URL.Path, "/content") {
			next.ServeHTTP(w, r)
			return
		}
		seen := httptest.NewRecorder()
		next.ServeHTTP(seen, r)
		body := seen.Body.Bytes()
		if name := answerName(r, seen.Code); name != "" {
			valid(t, func(s *schemas) error { return s.check(name, body) }, body)
		}
		for name, values := range seen.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(seen.Code)
		_, _ = w.Write(body) // a client that left needs no answer
	})
}

func answerName(r *http.Request, status int) string {
	if status >= 400 {
		return "ErrorResponse"
	}
	for _, a := range answers {
		if matched, _ := path.Match(a.route, r.Method+" "+r.URL.Path); matched { // the patterns are well formed
			return a.name
		}
	}
	return ""
}
