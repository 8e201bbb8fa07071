package gateway

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

//go:embed docs.html
var docsTemplate string

//go:embed docs.css
var docsStyle []byte

type (
	docsModel struct {
		Title, Text string
		Groups      []docsGroup
		Problem     []docsField
	}
	docsGroup struct {
		Name string
		Ops  []docsOp
	}
	docsOp struct {
		ID, Method, Path, Summary, Text string
		Params, Body                    []docsField
		Example                         string
		Answers                         []docsAnswer
		Errors                          []string // statuses
		Open                            bool     // no key needed
	}
	docsField struct {
		Name, Type, Text string
		Required         bool
		Depth            int
	}
	docsAnswer struct {
		Status, Text string
		Fields       []docsField
		Example      string // JSON
	}
)

// docsPage renders the OpenAPI document: one page, no script, nothing from elsewhere.
func docsPage(doc *huma.OpenAPI) ([]byte, error) {
	t, err := template.New("docs").Parse(docsTemplate)
	if err != nil {
		return nil, err
	}
	m := docsModel{Title: doc.Info.Title, Text: doc.Info.Description}
	m.Problem = fieldsOf(doc.Components.Schemas, huma.SchemaFromType(doc.Components.Schemas, typeOf[problem.Problem]()), 0)
	groups := map[string][]docsOp{}
	for op := range operations(doc) {
		groups[op.Tags[0]] = append(groups[op.Tags[0]], describeOp(doc.Components.Schemas, op))
	}
	for _, tag := range doc.Tags {
		if len(groups[tag.Name]) > 0 {
			m.Groups = append(m.Groups, docsGroup{Name: tag.Name, Ops: groups[tag.Name]})
		}
	}
	var out bytes.Buffer
	err = t.Execute(&out, m)
	return out.Bytes(), err
}

// open reports whether an operation asks for no key.
func open(op *huma.Operation) bool { return len(op.Security) == 1 && len(op.Security[0]) == 0 }

func describeOp(r huma.Registry, op *huma.Operation) docsOp {
	d := docsOp{ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Text: op.Description,
		Open: open(op), Example: command(r, op)}
	for _, p := range op.Parameters {
		d.Params = append(d.Params, docsField{Name: p.Name, Type: p.In + " " + typeName(r, p.Schema), Text: p.Description, Required: p.Required})
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
		a := docsAnswer{Status: status, Text: op.Responses[status].Description}
		if c := op.Responses[status].Content["application/json"]; c != nil {
			a.Fields, a.Example = fieldsOf(r, c.Schema, 0), answerOf(r, c.Schema)
		}
		d.Answers = append(d.Answers, a)
	}
	return d
}

// fieldsOf lists a schema's fields, each followed by its own, down to three levels.
func fieldsOf(r huma.Registry, s *huma.Schema, depth int) []docsField {
	s = resolve(r, s)
	if s == nil || depth > 2 {
		return nil
	}
	if s.Type == huma.TypeArray {
		return fieldsOf(r, s.Items, depth)
	}
	var out []docsField
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		text := p.Description
		if full := resolve(r, p); text == "" && full != nil {
			text = full.Description
		}
		out = append(out, docsField{Name: name, Type: typeName(r, p), Text: text, Required: slices.Contains(s.Required, name), Depth: depth})
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
