package openapi

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"switchboard/gateway/problem"
)

//go:embed page.html
var pageTemplate string

//go:embed page.css
var pageStyle []byte

// pageScript adds to the page what it can do without: search, copying, and to try an operation.
//
//go:embed page.js
var pageScript []byte

type (
	pageModel struct {
		Title, Text string
		Groups      []pageGroup
		Webhooks    []pageOperation
		Problem     []pageField
		Errors      []pageErrors
	}
	pageGroup struct {
		Name, Text string
		Ops        []pageOperation
	}
	pageOperation struct {
		ID, Method, Path, Summary, Text string
		Params, Body                    []pageField
		Example                         string // a line for the shell
		Sent                            string // JSON
		Answers                         []pageAnswer
		Events                          []pageEvent
		Errors                          []string // statuses
		Open                            bool     // no key needed
		Try                             string   // what the script needs to try it, as JSON; "": it cannot be tried
	}
	pageField struct {
		Name, Type, Text string
		Required         bool
		Depth            int
	}
	pageAnswer struct {
		Status, Text string
		Fields       []pageField
		Example      string // JSON
	}
	pageEvent struct{ Type, Text, Example string }
	// pageErrors are the types of problems with a status.
	pageErrors struct {
		Status int
		Kinds  []problem.Kind
	}
)

// page renders the OpenAPI document: one page that needs no script, and nothing from elsewhere.
func page(doc *huma.OpenAPI) ([]byte, error) {
	t, err := template.New("page").Parse(pageTemplate)
	if err != nil {
		return nil, err
	}
	registry := doc.Components.Schemas
	m := pageModel{Title: doc.Info.Title, Text: doc.Info.Description, Errors: errorsByStatus()}
	m.Problem = fieldsOf(registry, Of[problem.Problem]()(registry), 0)
	groups := map[string][]pageOperation{}
	for op := range operations(doc) {
		groups[op.Tags[0]] = append(groups[op.Tags[0]], describeOp(registry, op))
	}
	for _, tag := range doc.Tags {
		if len(groups[tag.Name]) > 0 {
			m.Groups = append(m.Groups, pageGroup{Name: tag.Name, Text: tag.Description, Ops: groups[tag.Name]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Webhooks)) {
		m.Webhooks = append(m.Webhooks, describeOp(registry, doc.Webhooks[name].Post))
	}
	var out bytes.Buffer
	err = t.Execute(&out, m)
	return out.Bytes(), err
}

func errorsByStatus() (all []pageErrors) {
	by := map[int][]problem.Kind{}
	for _, k := range problem.Kinds {
		for _, status := range k.Statuses {
			by[status] = append(by[status], k)
		}
	}
	for _, status := range slices.Sorted(maps.Keys(by)) {
		all = append(all, pageErrors{status, by[status]})
	}
	return all
}

// isOpen reports whether an operation asks for no key.
func isOpen(op *huma.Operation) bool { return len(op.Security) == 1 && len(op.Security[0]) == 0 }

func describeOp(r huma.Registry, op *huma.Operation) pageOperation {
	d := pageOperation{ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Text: op.Description,
		Open: isOpen(op), Example: command(op), Try: tryOf(r, op)}
	for _, p := range op.Parameters {
		d.Params = append(d.Params, pageField{Name: p.Name, Type: p.In + " " + typeName(r, p.Schema), Text: p.Description, Required: p.Required})
	}
	if op.RequestBody != nil {
		if body := op.RequestBody.Content["application/json"]; body != nil {
			d.Body, d.Sent = fieldsOf(r, body.Schema, 0), pretty(body.Example)
		}
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		if status >= "4" && op.Responses[status].Content["application/problem+json"] != nil {
			d.Errors = append(d.Errors, status)
			continue
		}
		a := pageAnswer{Status: status, Text: op.Responses[status].Description}
		if c := op.Responses[status].Content["application/json"]; c != nil {
			a.Fields, a.Example = fieldsOf(r, c.Schema, 0), pretty(c.Example)
		}
		d.Answers = append(d.Answers, a)
	}
	events, _ := op.Extensions[extensionEvents].([]Event)
	for _, e := range events {
		d.Events = append(d.Events, pageEvent{e.Type, e.Text, pretty(e.Example)})
	}
	return d
}

// tryOf is what it takes to send an operation from the page. A WebSocket and a delivery are sent by others.
func tryOf(r huma.Registry, op *huma.Operation) string {
	if op.Path == "" || op.Responses["101"] != nil || isOpen(op) && op.Method == "POST" {
		return ""
	}
	type parameter struct {
		Name     string `json:"name"`
		In       string `json:"in"`
		Type     string `json:"type"`
		Required bool   `json:"required"`
	}
	try := struct {
		Method     string      `json:"method"`
		Path       string      `json:"path"`
		Parameters []parameter `json:"parameters"`
		Body       string      `json:"body,omitempty"`
		HasBody    bool        `json:"has_body"`
		Open       bool        `json:"open"`
	}{Method: op.Method, Path: op.Path, Parameters: []parameter{}, Open: isOpen(op)}
	for _, p := range op.Parameters {
		try.Parameters = append(try.Parameters, parameter{p.Name, p.In, typeName(r, p.Schema), p.Required})
	}
	if op.RequestBody != nil && op.RequestBody.Content["application/json"] != nil {
		try.HasBody, try.Body = true, pretty(op.RequestBody.Content["application/json"].Example)
	}
	raw, err := json.Marshal(try)
	if err != nil {
		return ""
	}
	return string(raw)
}

// fieldsOf lists a schema's fields, each followed by its own, down to three levels.
func fieldsOf(r huma.Registry, s *huma.Schema, depth int) []pageField {
	s = resolve(r, s)
	if s == nil || depth > 2 {
		return nil
	}
	if s.Type == huma.TypeArray {
		return fieldsOf(r, s.Items, depth)
	}
	var out []pageField
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		text := p.Description
		if full := resolve(r, p); text == "" && full != nil {
			text = full.Description
		}
		out = append(out, pageField{Name: name, Type: typeName(r, p), Text: text, Required: slices.Contains(s.Required, name), Depth: depth})
		out = append(out, fieldsOf(r, p, depth+1)...)
	}
	return out
}

func resolve(r huma.Registry, s *huma.Schema) *huma.Schema {
	if s != nil && s.Ref != "" {
		return r.SchemaFromRef(s.Ref)
	}
	return s
}

// optionsOf are the schemas of which one has to match.
func optionsOf(s *huma.Schema) []*huma.Schema {
	if all, ok := s.Extensions["anyOf"].([]*huma.Schema); ok {
		return all
	}
	return s.OneOf
}

func typeName(r huma.Registry, s *huma.Schema) string {
	s = resolve(r, s)
	switch {
	case s == nil || s.Type == "" && len(optionsOf(s)) == 0:
		return "any"
	case len(optionsOf(s)) > 0:
		names := make([]string, len(optionsOf(s)))
		for i, one := range optionsOf(s) {
			names[i] = typeName(r, one)
		}
		return strings.Join(names, " or ")
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			words[i] = fmt.Sprint(v)
		}
		return strings.Join(words, " | ")
	case s.Type == huma.TypeArray:
		return "list of " + typeName(r, s.Items)
	}
	name := s.Type
	if s.Format != "" {
		name += " (" + s.Format + ")"
	}
	if s.Minimum != nil && s.Maximum != nil {
		name += " " + bound(*s.Minimum) + "–" + bound(*s.Maximum)
	}
	return name
}
