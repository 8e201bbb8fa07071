package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"switchboard/gateway/problem"
)

// Every operation of the OpenAPI document, as the program serves it, answers what is valid, what is nearly so and what is
// malformed with a status, a content type and a body that the document has for it.
func TestOperationsAnswerAsDescribed(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value.String()
	if err := flag.Set("rapid.checks", "25"); err != nil { // of each operation
		t.Fatal(err)
	}
	defer flag.Set("rapid.checks", checks) // it was so before
	m := newMatrix(t)
	d := newDescription(t, m.url)
	for _, op := range d.operations() {
		t.Run(op.name, func(t *testing.T) {
			o := opened{described: d, operation: op, url: m.url, id: m.resource(op.path)}
			t.Run("malformed", func(t *testing.T) {
				for _, r := range o.malformed() {
					o.try(t, r)
				}
			})
			t.Run("drawn", rapid.MakeCheck(func(t *rapid.T) { o.try(t, o.draw(t)) }))
		})
	}
}

// Every operation has an example of each JSON body that it takes or answers with, and webhooks have one of theirs, and
// each is what its schema says.
func TestExamplesAreAsDescribed(t *testing.T) {
	m := newMatrix(t)
	d := newDescription(t, m.url)
	hold := func(name, at string, media any) {
		of, _ := media.(map[string]any)
		if of["example"] == nil {
			t.Errorf("%s has no example", name)
			return
		}
		schema, err := d.compiler.Compile("openapi.json" + at + "/schema")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := schema.Validate(of["example"]); err != nil {
			t.Errorf("%s: the example is not as described: %v", name, err)
		}
	}
	json := func(name, at string, node any) {
		of, _ := node.(map[string]any)
		content, _ := of["content"].(map[string]any)
		if media, ok := content["application/json"]; ok {
			hold(name, at+"/content/application~1json", media)
		}
	}
	for _, op := range d.operations() {
		json(op.name+" is sent", op.at+"/requestBody", op.node["requestBody"])
		for status, answer := range op.node["responses"].(map[string]any) {
			if status < "3" {
				json(op.name+" answers "+status, op.at+"/responses/"+status, answer)
			}
		}
		if answer, _ := op.node["responses"].(map[string]any)["200"].(map[string]any); answer != nil {
			if content, _ := answer["content"].(map[string]any); content["text/event-stream"] != nil && op.node["x-events"] == nil {
				t.Errorf("%s does not say which events come", op.name)
			}
		}
	}
	hooks := d.root["webhooks"].(map[string]any)
	for name, item := range hooks {
		post := item.(map[string]any)["post"].(map[string]any)
		json(name, "#/webhooks/"+url.PathEscape(name)+"/post/requestBody", post["requestBody"])
	}
	if len(hooks) < 5 {
		t.Errorf("webhooks %v", hooks)
	}
}

// The document passes Redocly's linter: it has servers and a licence, and every reference leads somewhere.
func TestDocumentPassesRedocly(t *testing.T) {
	install(t)
	m := newMatrix(t)
	_, document := call(t, http.DefaultClient, "GET", m.url+"/openapi.json", "", "")
	file := filepath.Join(t.TempDir(), "openapi.json")
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	runNode(t, []string{"REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true"},
		"node_modules/@redocly/cli/bin/cli.js", "lint", "--config=redocly.yaml", "--format=stylish", file)
}

// resource makes what an operation is about, and returns its ID.
func (m *rolesMatrix) resource(path string) string {
	id, _ := m.fixture(path)
	made := map[string]string{
		"/webhooks/endpoints/":     `{"name":"x","url":"http://127.0.0.1:1/","event_types":["batch.completed"]}`,
		"/webhooks/subscriptions/": `{"url":"http://127.0.0.1:1/","event_types":["batch.completed"]}`,
		"/realtime/broadcasts/":    `{"instructions":"x","select":{"team":"none"}}`,
	}
	for prefix, body := range made {
		if strings.HasPrefix(path, prefix) {
			_, created := call(m.t, http.DefaultClient, "POST", m.url+strings.TrimSuffix(prefix, "/"), adminKey, body)
			var answer struct{ ID string }
			if err := json.Unmarshal([]byte(created), &answer); err != nil || answer.ID == "" {
				m.t.Fatalf("%s: %s", prefix, created)
			}
			id = answer.ID
		}
	}
	return id
}

// description is an OpenAPI document.
type description struct {
	root     map[string]any
	compiler *jsonschema.Compiler
}

func newDescription(t *testing.T, base string) *description {
	_, text := call(t, http.DefaultClient, "GET", base+"/openapi.json", "", "")
	root, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	d := &description{root: root.(map[string]any), compiler: jsonschema.NewCompiler()}
	if err := d.compiler.AddResource("openapi.json", root); err != nil {
		t.Fatal(err)
	}
	return d
}

// operation is one of a description.
type operation struct {
	name, method, path string
	at                 string // its JSON pointer
	node               map[string]any
}

func (d *description) operations() (all []operation) {
	paths := d.root["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths[path].(map[string]any)
		for _, method := range slices.Sorted(maps.Keys(item)) {
			node := item[method].(map[string]any)
			at := "#/paths/" + url.PathEscape(strings.ReplaceAll(path, "/", "~1")) + "/" + method
			all = append(all, operation{node["operationId"].(string), strings.ToUpper(method), path, at, node})
		}
	}
	return all
}

// resolved is a schema without references.
func (d *description) resolved(schema any) map[string]any {
	s, _ := schema.(map[string]any)
	for s["$ref"] != nil {
		parts := strings.Split(strings.TrimPrefix(s["$ref"].(string), "#/"), "/")
		node := any(d.root)
		for _, part := range parts {
			node = node.(map[string]any)[part]
		}
		s = node.(map[string]any)
	}
	return s
}

// typeIn is the type of a schema beside null, "" if it has none, and whether null is allowed.
func typeIn(s map[string]any) (kind string, nullable bool) {
	switch of := s["type"].(type) {
	case string:
		return of, false
	case []any:
		for _, name := range of {
			if name == "null" {
				nullable = true
			} else {
				kind, _ = name.(string)
			}
		}
		return kind, nullable
	}
	return "", true
}

// opened is an operation with what it is about.
type opened struct {
	described *description
	operation
	url, id string
}

// request is what an operation is sent.
type request struct {
	what    string
	query   url.Values
	id      string
	body    []byte
	header  http.Header
	refused bool // it must be
}

// body is the schema of an operation's JSON; nil if it takes none.
func (o opened) body() (schema map[string]any, required bool) {
	body, _ := o.node["requestBody"].(map[string]any)
	content, _ := body["content"].(map[string]any)
	media, _ := content["application/json"].(map[string]any)
	required, _ = body["required"].(bool)
	return o.described.resolved(media["schema"]), required
}

// malformed are bodies that no schema allows.
func (o opened) malformed() []request {
	schema, required := o.body()
	takes := schema != nil
	_, nullable := typeIn(schema)
	return []request{
		{what: "empty", refused: takes && required},
		{what: "null", body: []byte("null"), refused: takes && !nullable},
		{what: "cut off", body: []byte(`{"a":`), refused: takes},
		{what: "no JSON", body: []byte(`a=b&c=d`), refused: takes},
		{what: "a list", body: []byte(`[]`), refused: takes},
		{what: "a text", body: []byte(`"x"`), refused: takes},
		{what: "two values", body: []byte(`{}{}`), refused: takes},
		{what: "Latin-1", body: []byte("{\"name\":\"caf\xe9\"}"), refused: takes},
		{what: "UTF-16", body: []byte("\xff\xfe{\x00}\x00"), refused: takes},
		{what: "a name twice", body: []byte(`{"a":1,"a":1}`), refused: takes},
		{what: "deep", body: []byte(strings.Repeat(`{"a":`, 400) + "1" + strings.Repeat("}", 400)), refused: takes},
		{what: "gzip", body: []byte("\x1f\x8b\x08"), header: http.Header{"Content-Encoding": {"gzip"}}, refused: takes},
		{what: "UTF-16 by name", body: []byte(`{}`), header: http.Header{"Content-Type": {"application/json; charset=utf-16"}}},
		{what: "another type", body: []byte(`{}`), header: http.Header{"Content-Type": {"image/png"}}},
		{what: "an empty form", body: []byte("--x--\r\n"), header: http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}, refused: takes},
		{what: "a form without a boundary", body: []byte("--x"), header: http.Header{"Content-Type": {"multipart/form-data"}}, refused: takes},
		{what: "lines that are no JSON", body: []byte("{\n"), header: http.Header{"Content-Type": {"application/jsonl"}}, refused: takes},
		{what: "no such thing", id: "none"},
		{what: "a long ID", id: strings.Repeat("x", 300)},
		{what: "a strange ID", id: "%00é%2F"},
		{what: "a key in the address", query: url.Values{"api_key": {"x"}}},
	}
}

// draw makes a request that is valid by the document, or all but one place of it.
func (o opened) draw(t *rapid.T) request {
	r := request{what: "valid", query: url.Values{}}
	o.drawQuery(t, &r)
	schema, _ := o.body()
	if schema == nil {
		return r
	}
	value := o.described.value(t, schema, 0)
	places := o.described.places(value, schema)
	mutation := rapid.SampledFrom([]string{"none", "null", "type", "missing", "unknown", "bound", "twice"}).Draw(t, "mutation")
	object, _ := value.(map[string]any)
	if mutation == "unknown" && schema["additionalProperties"] == false {
		object["zz_unknown"], r.refused = 1, true
	} else if len(places) > 0 {
		r.refused = mutate(mutation, rapid.SampledFrom(places).Draw(t, "place"))
	}
	r.what, r.query = mutation, nil
	r.body, _ = json.Marshal(value) // it is JSON
	if names := slices.Sorted(maps.Keys(object)); mutation == "twice" && len(names) > 0 {
		r.body, r.refused = append(fmt.Appendf(nil, "{%q:0,", names[0]), r.body[1:]...), true
	}
	return r
}

func (o opened) drawQuery(t *rapid.T, r *request) {
	parameters, _ := o.node["parameters"].([]any)
	for _, p := range parameters {
		p := p.(map[string]any)
		schema, name := o.described.resolved(p["schema"]), p["name"].(string)
		if p["in"] != "query" || !rapid.Bool().Draw(t, name) {
			continue
		}
		value := o.described.value(t, schema, 0)
		if list, ok := value.([]any); ok {
			value = append(list, "a:b")[0]
		}
		r.query.Set(name, fmt.Sprint(value))
		if kind, _ := typeIn(schema); (kind == "integer" || schema["enum"] != nil) && rapid.Bool().Draw(t, "wrong") {
			r.query.Set(name, rapid.SampledFrom([]string{"zz", "-1", "1e9", "99999999999999999999"}).Draw(t, "as"))
			r.what, r.refused = "query "+name, true
		}
	}
}

// reporter is a test, or one of rapid's.
type reporter interface {
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// try sends a request and holds the answer against the document.
func (o opened) try(t reporter, r request) {
	ctx, cancel := context.WithCancel(context.Background()) // ends a stream
	defer cancel()
	id := url.PathEscape(o.id)
	if r.id != "" {
		id = r.id
	}
	address := o.url + strings.NewReplacer("{id}", id, "{delivery}", "none").Replace(o.path) + "?" + r.query.Encode()
	req, err := http.NewRequestWithContext(ctx, o.method, strings.TrimSuffix(address, "?"), bytes.NewReader(r.body))
	if err != nil {
		t.Fatalf("%v", err)
	}
	req.Header.Set("Content-Type", "application/json")
	maps.Copy(req.Header, r.header)
	req.Header.Set("Authorization", "Bearer "+adminKey)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s: %v", r.what, err)
	}
	defer res.Body.Close()
	said := fmt.Sprintf("%s %s, %s, body %.300q: %d", o.method, req.URL.RequestURI(), r.what, r.body, res.StatusCode)
	if r.refused && res.StatusCode < 400 {
		t.Errorf("%s: it was not refused", said)
	}
	o.hold(t, res, said)
}

// hold looks an answer up in the document.
func (o opened) hold(t reporter, res *http.Response, said string) {
	status := strconv.Itoa(res.StatusCode)
	answer, described := o.node["responses"].(map[string]any)[status].(map[string]any)
	if !described || res.StatusCode >= 500 && !slices.Contains([]int{502, 503, 504}, res.StatusCode) {
		text, _ := io.ReadAll(res.Body)
		t.Errorf("%s %.300s: the status is not described", said, text)
		return
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	content, _ := answer["content"].(map[string]any)
	if content == nil && kind == "" {
		return
	}
	if content[kind] == nil {
		t.Errorf("%s: the content type %q is not described", said, kind)
		return
	}
	if !strings.HasSuffix(kind, "json") || strings.HasSuffix(kind, "ndjson") {
		return
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s: %v", said, err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Errorf("%s %.300s: %v", said, text, err)
		return
	}
	at := o.at + "/responses/" + status + "/content/" + strings.ReplaceAll(kind, "/", "~1") + "/schema"
	schema, err := o.described.compiler.Compile("openapi.json" + at)
	if err != nil {
		t.Fatalf("%s: %v", said, err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s %.500s: the body is not as described: %v", said, text, err)
	}
	if kind == "application/problem+json" {
		holdKind(t, value, res.StatusCode, said)
	}
}

// holdKind looks a problem's type up among those that the page explains.
func holdKind(t reporter, value any, status int, said string) {
	kind, _ := value.(map[string]any)["type"].(string)
	known := slices.ContainsFunc(problem.Kinds, func(k problem.Kind) bool {
		return problem.Prefix+k.Name == kind && slices.Contains(k.Statuses, status)
	})
	if !known {
		t.Errorf("%s: the type %s is not among the kinds with this status", said, kind)
	}
}
