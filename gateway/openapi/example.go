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
func command(op *huma.Operation) string {
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
	if body := bodyOf(op); body != "" {
		line += " -H 'Content-Type: application/json' \\\n  -d '" + body + "'"
	}
	if op.Method != "GET" && (op.Method != "POST" || !strings.Contains(line, " -d ")) {
		line += " -X " + op.Method
	}
	return line + " \\\n  $GATEWAY" + strings.ReplaceAll(op.Path, "{id}", "$ID")
}

// exemplify gives the JSON of an operation, sent and answered, examples: what its row has, or what is made of the schema.
func exemplify(r huma.Registry, op *huma.Operation, sent, answered any) {
	if op.RequestBody != nil {
		if body := op.RequestBody.Content["application/json"]; body != nil {
			body.Example = exampleOf(r, body.Schema, sent, true)
		}
	}
	for status, answer := range op.Responses {
		if body := answer.Content["application/json"]; body != nil && status < "4" {
			body.Example = exampleOf(r, body.Schema, answered, false)
		}
	}
}

// exampleOf is an example that is given, or one that is made of a schema: of the fields that are required, or of all.
func exampleOf(r huma.Registry, s *huma.Schema, given any, required bool) any {
	if given != nil {
		return given
	}
	return sample(r, s, "", 0, required)
}

// bodyOf is the example of a JSON body on one line; "" if there is none, or if it need not be sent and would be empty.
func bodyOf(op *huma.Operation) string {
	if op.RequestBody == nil || op.RequestBody.Content["application/json"] == nil {
		return ""
	}
	raw, err := json.Marshal(op.RequestBody.Content["application/json"].Example)
	if err != nil || string(raw) == "{}" && !op.RequestBody.Required {
		return ""
	}
	return string(raw)
}

// pretty lays an example out to be read; "" where there is none.
func pretty(example any) string {
	if example == nil {
		return ""
	}
	raw, err := json.MarshalIndent(example, "", "  ")
	if err != nil {
		return ""
	}
	return string(raw)
}

// sample makes a value that a schema allows; of an object all fields, or only those that are required.
func sample(r huma.Registry, s *huma.Schema, name string, depth int, required bool) any {
	s = resolve(r, s)
	switch {
	case s == nil || depth > 8:
		return nil
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	case len(s.OneOf) > 0:
		return sample(r, s.OneOf[0], name, depth+1, required)
	}
	switch s.Type {
	case huma.TypeObject:
		return sampleObject(r, s, depth, required)
	case huma.TypeArray:
		return []any{sample(r, s.Items, strings.TrimSuffix(name, "s"), depth+1, required)}
	case huma.TypeBoolean:
		return true
	case huma.TypeInteger, huma.TypeNumber:
		if strings.HasSuffix(name, "_at") {
			return 1796040000 // Unix seconds
		}
		if s.Minimum != nil && *s.Minimum > 1 {
			return *s.Minimum
		}
		return 1
	case huma.TypeString:
		return sampleText(name, s.Format)
	}
	return map[string]any{}
}

func sampleObject(r huma.Registry, s *huma.Schema, depth int, required bool) map[string]any {
	object := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if !s.Properties[name].Deprecated && (!required || slices.Contains(s.Required, name)) {
			object[name] = sample(r, s.Properties[name], name, depth+1, required)
		}
	}
	if others, ok := s.AdditionalProperties.(*huma.Schema); ok && len(s.Properties) == 0 && !required {
		object["team"] = sample(r, others, "team", depth+1, required)
	}
	return object
}

// texts that are clear to a reader, by the name of their field.
var sampleTexts = map[string]string{
	"session_id": "rs_…", "item_id": "item_…", "call_id": "call_…", "batch_id": "batch_…", "file_id": "file-…",
	"model": "gpt-realtime-2.1", "key": "support", "by": "ops", "key_name": "support", "team": "support",
	"text": "Hello, how can I help?", "instructions": "Be brief.", "arguments": `{"city":"Ghent"}`, "output": `{"temperature":21}`,
	"url": "https://app.example.com/hook", "relay_url": "wss://voice.example.com/realtime/sessions/rs_…/relay",
	"event_type": "batch.completed", "policy": "voice", "ended_by": "client", "reason": "ended by the caller", "completion_window": "24h", "node": "http://10.0.0.7:8080", "endpoint": "/v1/responses",
}

func sampleText(name, format string) string {
	switch format {
	case "date-time":
		return "2026-11-30T12:00:00Z"
	case "date":
		return "2026-11-30"
	case "uri":
		return "https://app.example.com/hook"
	}
	if text := sampleTexts[name]; text != "" {
		return text
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
