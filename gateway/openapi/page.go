package openapi

import (
	"bytes"
	_ "embed"
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

type (
	pageModel struct {
		Title, Text string
		Groups      []pageGroup
		Problem     []pageField
	}
	pageGroup struct {
		Name string
		Ops  []pageOperation
	}
	pageOperation struct {
		ID, Method, Path, Summary, Text string
		Params, Body                    []pageField
		Example                         string
		Answers                         []pageAnswer
		Errors                          []string // statuses
		Open                            bool     // no key needed
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
)

// page renders the OpenAPI document: one page, no script, nothing from elsewhere.
func page(doc *huma.OpenAPI) ([]byte, error) {
	t, err := template.New("page").Parse(pageTemplate)
	if err != nil {
		return nil, err
	}
	m := pageModel{Title: doc.Info.Title, Text: doc.Info.Description}
	m.Problem = fieldsOf(doc.Components.Schemas, Of[problem.Problem]()(doc.Components.Schemas), 0)
	groups := map[string][]pageOperation{}
	for op := range operations(doc) {
		groups[op.Tags[0]] = append(groups[op.Tags[0]], describeOp(doc.Components.Schemas, op))
	}
	for _, tag := range doc.Tags {
		if len(groups[tag.Name]) > 0 {
			m.Groups = append(m.Groups, pageGroup{Name: tag.Name, Ops: groups[tag.Name]})
		}
	}
	var out bytes.Buffer
	err = t.Execute(&out, m)
	return out.Bytes(), err
}

// isOpen reports whether an operation asks for no key.
func isOpen(op *huma.Operation) bool { return len(op.Security) == 1 && len(op.Security[0]) == 0 }

func describeOp(r huma.Registry, op *huma.Operation) pageOperation {
	d := pageOperation{ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Text: op.Description,
		Open: isOpen(op), Example: command(r, op)}
	for _, p := range op.Parameters {
		d.Params = append(d.Params, pageField{Name: p.Name, Type: p.In + " " + typeName(r, p.Schema), Text: p.Description, Required: p.Required})
	}
	if op.RequestBody != nil {
		schema := op.RequestBody.Content["application/json"].Schema
		d.Body = fieldsOf(r, schema, 0)
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		if status >= "4" && op.Responses[status].Content["application/problem+json"] != nil {
			d.Errors = append(d.Errors, status)
			continue
		}
		a := pageAnswer{Status: status, Text: op.Responses[status].Description}
		if c := op.Responses[status].Content["application/json"]; c != nil {
			a.Fields, a.Example = fieldsOf(r, c.Schema, 0), answerOf(r, c.Schema)
		}
		d.Answers = append(d.Answers, a)
	}
	return d
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

func typeName(r huma.Registry, s *huma.Schema) string {
	s = resolve(r, s)
	switch {
	case s == nil || s.Type == "" && len(s.OneOf) == 0:
		return "any"
	case len(s.OneOf) > 0:
		names := make([]string, len(s.OneOf))
		for i, one := range s.OneOf {
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
