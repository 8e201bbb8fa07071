package webhooks_test

import (
	"encoding/json"
	"testing"

	"switchboard/webhooks"
	"switchboard/webhooks/queue"
)

// Whatever bytes come, an event is a JSON object with a type that can be part of a key, or an error.
func FuzzEvents(f *testing.F) {
	for _, seed := range []string{someEvent, `{}`, `[]`, `{"type":7}`, `{"type":"a b"}`, `{"type":"","data":null}`, `{"created_at":-1}`, `{"type":"x{y}"}`, `nul`, "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := webhooks.ParseEvent("wh_1", queue.FromOpenAI, raw)
		var object map[string]json.RawMessage
		isObject := json.Valid(raw) && json.Unmarshal(raw, &object) == nil && object != nil
		if (err == nil) != isObject {
			t.Fatalf("object %v, error %v", isObject, err)
		}
		if err != nil {
			return
		}
		if e.Type == "" || len(e.Type) > 128 {
			t.Errorf("type %q", e.Type)
		}
		for _, r := range e.Type {
			if r <= ' ' || r > '~' || r == '{' || r == '}' {
				t.Errorf("type %q", e.Type)
			}
		}
	})
}
