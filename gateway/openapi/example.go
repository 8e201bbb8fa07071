package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// command is a line that a reader can copy: every operation that curl can do has one.
func command(r huma.Registry, op *huma.Operation) string {
	if op.Responses["101"] != nil {
		return "" // a WebSocket
	}
	line := "curl"
	if op.Responses["200"] != nil && op.Responses["200"].Content["text/event-stream"] != nil {
		line += " -N"
	}
	if !isOpen(op) {
		line += " -H \"Authorization: Bearer $KEY\""
	}
	if body, ok := bodyOf(r, op); ok {
		line += " -H 'Content-Type: application/json' \\\n  -d '" + body + "'"
	}
	if op.Method != "GET" && (op.Method != "POST" || !strings.Contains(line, " -d ")) {
		line += " -X " + op.Method
	}
	return line + " \\\n  $GATEWAY" + strings.ReplaceAll(op.Path, "{id}", "$ID")
}

// bodyOf is the example of a JSON body: that of the route's row, else what is required.
func bodyOf(r huma.Registry, op *huma.Operation) (string, bool) {
	if op.RequestBody == nil || op.RequestBody.Content["application/json"] == nil {
		return "", false
	}
	body := op.RequestBody.Content["application/json"]
	value := body.Example
	if value == nil {
		value = sample(r, body.Schema, 0, true)
	}
	raw, err := json.Marshal(value)
	return string(raw), err == nil && (body.Example != nil || op.RequestBody.Required || len(raw) > len("{}"))
}

// answerOf is an example of an answer, laid out to be read; "" where it has no JSON.
func answerOf(r huma.Registry, s *huma.Schema) string {
	if s == nil {
		return ""
	}
	raw, err := json.MarshalIndent(sample(r, s, 0, false), "", "  ")
	if err != nil {
		return ""
	}
	return string(raw)
}

// sample makes a value that a schema allows; of an object all fields, or only those that are required.
func sample(r huma.Registry, s *huma.Schema, depth int, required bool) any {
	s = resolve(r, s)
	switch {
	case s == nil || depth > 4:
		return nil
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	case len(s.OneOf) > 0:
		return sample(r, s.OneOf[0], depth+1, required)
	}
	switch s.Type {
	case huma.TypeObject:
		object := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if !required || slices.Contains(s.Required, name) {
				object[name] = sample(r, s.Properties[name], depth+1, required)
			}
		}
		return object
	case huma.TypeArray:
		return []any{sample(r, s.Items, depth+1, required)}
	case huma.TypeBoolean:
		return true
	case huma.TypeInteger, huma.TypeNumber:
		if s.Minimum != nil {
			return *s.Minimum
		}
		return 1
	case huma.TypeString:
		return sampleText(s.Format)
	}
	return map[string]any{}
}

func sampleText(format string) string {
	switch format {
	case "date-time":
		return "2026-11-30T12:00:00Z"
	case "uri":
		return "https://example.com/hook"
	}
	return "…"
}

// bound writes a limit as people do: 31,536,000 and not 3.1536e+07.
func bound(n float64) string {
	digits := fmt.Sprintf("%.0f", n)
	if float64(int64(n)) != n || len(strings.TrimPrefix(digits, "-")) < 4 {
		return fmt.Sprint(n)
	}
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
