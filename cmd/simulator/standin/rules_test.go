package standin

import "testing"

// Maps have no order, so that one look would not tell.
func TestFirstWrongMemberByNameIsTold(t *testing.T) {
	check := object(fields{"a": text, "b": text, "c": object(fields{"d": text}), "f": text}, "a")
	for _, row := range []struct {
		members map[string]any
		param   string
	}{
		{map[string]any{"a": "", "b": 1.0, "c": nil, "f": true}, "b"},
		{map[string]any{"a": "", "b": "", "c": map[string]any{"d": 1.0, "e": 1.0}, "f": 1.0}, "c.d"},
		{map[string]any{"a": "", "c": map[string]any{}, "e": 1.0, "f": 1.0, "z": 1.0}, "e"},
		{map[string]any{"a": 1.0, "B": 1.0, "b": 1.0}, "B"},
		{map[string]any{"b": 1.0, "z": 1.0}, "a"},
	} {
		for range 50 {
			if e := check(row.members, ""); e == nil || e.param != row.param {
				t.Fatalf("of %v %+v is told, want %s", row.members, e, row.param)
			}
		}
	}
	if e := check(map[string]any{"a": "", "c": map[string]any{"d": ""}}, ""); e != nil {
		t.Error(e)
	}
}
