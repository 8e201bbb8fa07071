package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// value draws what a schema allows.
func (d *description) value(t *rapid.T, schema any, depth int) any {
	s := d.resolved(schema)
	if words, ok := s["enum"].([]any); ok {
		return rapid.SampledFrom(words).Draw(t, "word")
	}
	number := func(name string, fallback int64) int64 {
		if n, ok := s[name].(json.Number); ok {
			f, _ := n.Float64()
			return int64(f)
		}
		return fallback
	}
	switch kind, _ := typeIn(s); kind {
	case "boolean":
		return rapid.Bool().Draw(t, "flag")
	case "integer", "number":
		least := number("minimum", 0)
		return rapid.Int64Range(least, max(least, number("maximum", 1<<40))).Draw(t, "number")
	case "array":
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) any { return d.value(t, s["items"], depth+1) }), int(number("minItems", 0)), int(number("minItems", 0))+2).Draw(t, "list")
	case "string":
		return d.text(t, s, int(number("minLength", 0)), int(number("maxLength", 20)))
	case "object":
		return d.object(t, s, depth)
	}
	return rapid.SampledFrom([]any{"x", 1, true, map[string]any{}, []any{}}).Draw(t, "anything")
}

func (d *description) text(t *rapid.T, s map[string]any, least, most int) string {
	if pattern, ok := s["pattern"].(string); ok {
		return rapid.StringMatching(strings.Trim(pattern, "^$")).Draw(t, "matching")
	}
	switch s["format"] {
	case "uri":
		return "http://127.0.0.1:1/x"
	case "date-time":
		return "2099-01-01T00:00:00Z"
	}
	return rapid.StringN(least, max(least, min(most, 30)), -1).Draw(t, "text")
}

func (d *description) object(t *rapid.T, s map[string]any, depth int) map[string]any {
	value := map[string]any{}
	properties, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if slices.Contains(required, any(name)) || depth < 3 && rapid.Bool().Draw(t, name) {
			value[name] = d.value(t, properties[name], depth+1)
		}
	}
	if others, ok := s["additionalProperties"].(map[string]any); ok && rapid.Bool().Draw(t, "another") {
		value["team"] = d.value(t, others, depth+1)
	}
	return value
}

// place is a member of a body.
type place struct {
	in       map[string]any
	name     string
	schema   map[string]any
	required bool
}

// places are the members of a value that a schema describes.
func (d *description) places(value any, schema map[string]any) (all []place) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			all = append(all, d.places(item, d.resolved(schema["items"]))...)
		}
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		required, _ := schema["required"].([]any)
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if of := d.resolved(properties[name]); of != nil {
				all = append(all, place{v, name, of, slices.Contains(required, any(name))})
				all = append(all, d.places(v[name], of)...)
			}
		}
	}
	return all
}

// mutate changes one place, and reports whether the schema does not allow the result.
func mutate(how string, p place) (wrong bool) {
	kind, nullable := typeIn(p.schema)
	switch how {
	case "null":
		p.in[p.name] = nil
		return !nullable
	case "type":
		if kind != "" {
			p.in[p.name] = map[string]any{"string": 7, "integer": "x", "number": "x", "boolean": "x", "array": map[string]any{}, "object": []any{}}[kind]
		}
		return kind != ""
	case "missing":
		delete(p.in, p.name)
		return p.required
	case "bound":
		return exceed(kind, p)
	}
	return false
}

// exceed goes just beyond a bound, if there is one.
func exceed(kind string, p place) bool {
	limit := func(name string) (int, bool) {
		n, ok := p.schema[name].(json.Number)
		f, _ := n.Float64()
		return int(f), ok
	}
	if p.schema["enum"] != nil || p.schema["pattern"] != nil {
		p.in[p.name] = "no such word"
		return true
	}
	if most, ok := limit("maximum"); ok {
		p.in[p.name] = most + 1
		return true
	}
	if least, ok := limit("minimum"); ok {
		p.in[p.name] = least - 1
		return true
	}
	if most, ok := limit("maxLength"); ok {
		p.in[p.name] = strings.Repeat("x", most+1)
		return true
	}
	if least, ok := limit("minLength"); ok && least > 0 {
		p.in[p.name] = ""
		return true
	}
	if kind == "integer" {
		p.in[p.name] = json.Number("1.5")
	}
	return kind == "integer"
}
