package openapi

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"switchboard/gateway/problem"
)

// Model makes the schema of what is sent or answered.
type Model func(huma.Registry) *huma.Schema

// Of is the model of a type that JSON is made of.
func Of[T any]() Model {
	return func(r huma.Registry) *huma.Schema { return r.Schema(reflect.TypeFor[T](), true, "") }
}

// Is is the model of what no type describes.
func Is(s *huma.Schema) Model { return func(huma.Registry) *huma.Schema { return s } }

// Text is the model of a text.
func Text(says string) Model { return Is(&huma.Schema{Type: huma.TypeString, Description: says}) }

// Shape is what a handler takes and answers that huma does not call.
type Shape struct {
	Params  []*huma.Param    // those of the path, too
	Bodies  map[string]Model // by media type; nil: none is sent
	Needed  bool             // a body is required
	Answers map[int]Answer
	Events  []Event // of a stream
}

// Answer is what an answer says and what its body is.
type Answer struct {
	Text string
	Type string // media type; "": no body, or that of a refusal
	Body Model
}

// Param describes a parameter in path, query or header of a JSON type.
func Param(in, name, text, kind string) *huma.Param {
	return &huma.Param{Name: name, In: in, Description: text, Required: in == "path", Schema: &huma.Schema{Type: kind}}
}

// describe writes into an operation what the shape of a route's handler is.
func (s Shape) describe(registry huma.Registry, r Route, op *huma.Operation) {
	op.Parameters = s.Params
	if s.Events != nil {
		op.Extensions = maps.Clone(op.Extensions)
		op.Extensions[extensionEvents] = s.Events
	}
	if s.Bodies != nil {
		op.RequestBody = &huma.RequestBody{Required: s.Needed, Content: map[string]*huma.MediaType{}}
		for kind, model := range s.Bodies {
			op.RequestBody.Content[kind] = &huma.MediaType{Schema: model(registry)}
		}
	}
	for status, a := range s.Answers {
		answer := &huma.Response{Description: a.Text}
		if a.Type != "" {
			answer.Content = map[string]*huma.MediaType{a.Type: {Schema: a.Body(registry)}}
		}
		op.Responses[strconv.Itoa(status)] = answer
	}
}

// complete adds to an operation what its row says beyond the handler: refusals, a later answer and the example.
func (r Route) complete(registry huma.Registry, op *huma.Operation, refusals []int) {
	for _, status := range refusals {
		key := strconv.Itoa(status)
		if op.Responses[key] == nil {
			op.Responses[key] = &huma.Response{Description: http.StatusText(status)}
		}
		if answer := op.Responses[key]; answer.Content == nil {
			answer.Content = r.Tag.refusal(registry)
		}
	}
	if r.Later != 0 {
		now := op.Responses[strconv.Itoa(r.status())]
		op.Responses[strconv.Itoa(r.Later)] = &huma.Response{Description: "Accepted, and still under way", Content: now.Content}
	}
	exemplify(registry, op, r.Example, r.Shown)
}

// extensionEvents has the events of a stream.
const extensionEvents = "x-events"

// addWebhook describes what subscribers are sent.
func addWebhook(doc *huma.OpenAPI, w Webhook) {
	body := w.Body(doc.Components.Schemas)
	header := func(name, text string) *huma.Param {
		p := Param("header", name, text, huma.TypeString)
		p.Required = true
		return p
	}
	op := &huma.Operation{
		OperationID: "webhook-" + strings.NewReplacer(".", "-", "*", "any").Replace(w.Type), Method: http.MethodPost,
		Summary: w.Type, Description: w.Text, Security: []map[string][]string{{}},
		Parameters: []*huma.Param{
			header("webhook-id", "Of the delivery; the same when it is tried again"),
			header("webhook-timestamp", "Unix seconds"),
			header("webhook-signature", "v1, and a signature as Standard Webhooks has it"),
		},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json": {Schema: body, Example: exampleOf(doc.Components.Schemas, body, w.Example, false)},
		}},
		Responses: map[string]*huma.Response{
			"204": {Description: "Taken; any 2xx will do"},
			"410": {Description: "Not wanted any more: the subscription is disabled"},
		},
	}
	if doc.Webhooks == nil {
		doc.Webhooks = map[string]*huma.PathItem{}
	}
	doc.Webhooks[w.Type] = &huma.PathItem{Post: op}
}

// refusals are the statuses of a route's refusals: its own, and those of what runs before its handler.
func (r Route) refusals() []int {
	all := slices.Clone(r.Errors)
	if !r.open() {
		all = append(all, 400, 401, 403, 408, 413, 429, 500, 503)
	}
	if TakesBody(r.Method) {
		all = append(all, 400, 408, 413, 415, 500)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TakesBody reports whether the body of a request with a method is part of what it asks for. Of other requests it is
// read within the same limits, and means nothing.
func TakesBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPatch || method == http.MethodPut
}

// refusal is what the body of a refusal looks like.
func (t Tag) refusal(registry huma.Registry) map[string]*huma.MediaType {
	if t.Refusal != nil {
		return map[string]*huma.MediaType{"application/json": {Schema: t.Refusal}}
	}
	return map[string]*huma.MediaType{"application/problem+json": {Schema: Of[problem.Problem]()(registry)}}
}
