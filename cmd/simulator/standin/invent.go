package standin

import (
	"maps"
	"math"
	"strings"
)

// inventor makes values that a JSON Schema allows, as far as the schema is made of the
// usual words. Schemas come from clients: depth and left bound those that refer to themselves.
type inventor struct {
	root map[string]any // where "#/..." references start
	left int            // values that may still be made
}

const (
	inventDepth  = 8
	inventValues = 500
	inventLength = 64 // of strings and arrays
)

// invent returns arguments for a tool with these parameters.
func invent(schema map[string]any) any {
	if schema == nil {
		return map[string]any{}
	}
	in := inventor{schema, inventValues}
	return in.value(schema, 0)
}

func (in *inventor) value(schema map[string]any, depth int) any {
	if in.left--; schema == nil || depth > inventDepth || in.left < 0 {
		return nil
	}
	for _, word := range []string{"const", "default"} {
		if v, ok := schema[word]; ok {
			return v
		}
	}
	for _, word := range []string{"enum", "examples"} {
		if list, ok := schema[word].([]any); ok && len(list) > 0 {
			return list[0]
		}
	}
	if ref, ok := schema["$ref"].(string); ok {
		return in.value(in.resolve(ref), depth+1)
	}
	for _, word := range []string{"anyOf", "oneOf", "allOf"} {
		if list, ok := schema[word].([]any); ok && len(list) > 0 {
			return in.value(in.merged(schema, word, list), depth+1)
		}
	}
	return in.typed(schema, depth)
}

func (in *inventor) resolve(ref string) map[string]any {
	var at any = in.root
	for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		at = member(at, strings.NewReplacer("~1", "/", "~0", "~").Replace(name))
	}
	m, _ := at.(map[string]any)
	return m
}

// merged is the schema with its first alternative, or for allOf with all of them, in it.
func (in *inventor) merged(schema map[string]any, word string, list []any) map[string]any {
	if word != "allOf" {
		list = list[:1]
	}
	whole := maps.Clone(schema)
	delete(whole, word)
	properties := map[string]any{}
	addProperties := func(from map[string]any) {
		more, _ := from["properties"].(map[string]any)
		maps.Copy(properties, more)
	}
	addProperties(schema)
	for _, alternative := range list {
		m, _ := alternative.(map[string]any)
		if ref, ok := m["$ref"].(string); ok {
			m = in.resolve(ref)
		}
		addProperties(m)
		maps.Copy(whole, m)
	}
	if len(properties) > 0 {
		whole["properties"] = properties
	}
	return whole
}

func (in *inventor) typed(schema map[string]any, depth int) any {
	kind, _ := schema["type"].(string)
	if list, ok := schema["type"].([]any); ok && len(list) > 0 {
		kind, _ = list[0].(string)
	}
	if kind == "" && schema["properties"] != nil {
		kind = "object"
	}
	switch kind {
	case "object":
		return in.object(schema, depth)
	case "array":
		return in.array(schema, depth)
	case "integer", "number":
		return inventNumber(schema)
	case "boolean":
		return true
	case "null":
		return nil
	}
	return inventString(schema)
}

func (in *inventor) object(schema map[string]any, depth int) any {
	made := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	for name, property := range properties {
		if p, ok := property.(map[string]any); ok {
			made[name] = in.value(p, depth+1)
		}
	}
	return made
}

func (in *inventor) array(schema map[string]any, depth int) any {
	made := []any{}
	each, _ := schema["items"].(map[string]any)
	most := lengthLimit(schema["maxItems"], inventLength)
	for range min(max(1, lengthLimit(schema["minItems"], 0)), most) {
		if each != nil {
			made = append(made, in.value(each, depth+1))
		}
	}
	return made
}

// lengthLimit is a length that a schema states, within reason.
func lengthLimit(v any, otherwise int) int {
	n, ok := v.(float64)
	if !ok {
		return otherwise
	}
	return int(math.Max(0, math.Min(n, inventLength)))
}

func inventNumber(schema map[string]any) any {
	least, hasLeast := schema["minimum"].(float64)
	if above, ok := schema["exclusiveMinimum"].(float64); ok {
		least, hasLeast = math.Floor(above)+1, true
	}
	most, hasMost := schema["maximum"].(float64)
	if below, ok := schema["exclusiveMaximum"].(float64); ok {
		most, hasMost = math.Ceil(below)-1, true
	}
	n := 1.0
	if hasLeast {
		n = math.Max(n, math.Ceil(least))
	}
	if hasMost {
		n = math.Min(n, math.Floor(most))
	}
	if step, ok := schema["multipleOf"].(float64); ok && step >= 1 {
		n = math.Ceil(n/step) * step
	}
	return n
}

// inventString obeys the common formats and the length limits, not patterns.
func inventString(schema map[string]any) any {
	kind, _ := schema["format"].(string)
	s, ok := map[string]string{
		"date": "2026-11-23", "date-time": "2026-11-23T12:00:00Z", "time": "12:00:00Z", "duration": "PT1H", "email": "someone@example.com",
		"uri": "https://example.com/", "url": "https://example.com/", "uuid": "3f2b8f5e-6c1d-4f0a-9d7e-2a1b3c4d5e6f", "hostname": "example.com",
		"ipv4": "192.0.2.1", "ipv6": "2001:db8::1",
	}[kind]
	if !ok {
		s = "example"
	}
	if least := lengthLimit(schema["minLength"], 0); len(s) < least {
		s += strings.Repeat("x", least-len(s))
	}
	return s[:min(len(s), lengthLimit(schema["maxLength"], inventLength))]
}
