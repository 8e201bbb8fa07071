package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"switchboard/cmd/simulator/standin"
)

// schemaTool is a tool whose parameters nest so many levels deep.
func schemaTool(levels int) string {
	return `{"type":"function","name":"f","description":"d","parameters":` +
		strings.Repeat(`{"type":"object","properties":{"a":`, levels) + `{"type":"string"}` + strings.Repeat(`}}`, levels) + `}`
}

// A body may nest as deep, and have as many keys in an object, as an event on a socket.
func TestShapeOfBodies(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	var keys []string
	for i := range 1025 {
		keys = append(keys, fmt.Sprintf(`"k%d":{"type":"string"}`, i))
	}
	wide := func(n int) string {
		return `{"type":"function","name":"f","description":"d","parameters":{"type":"object","properties":{` + strings.Join(keys[:n], ",") + `}}}`
	}
	create := func(tool string) string { return `{"config":{"tools":[` + tool + `]}}` }
	secret := func(tool string) string {
		return `{"session":{"type":"realtime","model":"gpt-realtime","tools":[` + tool + `]}}`
	}
	for path, body := range map[string]func(string) string{"/realtime/sessions": create, "/v1/realtime/client_secrets": secret} {
		for name, c := range map[string]struct {
			tool string
			says string
		}{
			"50 levels":  {schemaTool(50), ""},
			"1000 keys":  {wide(1000), ""},
			"70 levels":  {schemaTool(70), "128 levels"},
			"too many":   {wide(1025), "1024 keys"},
			"9000 deep":  {schemaTool(4500), "128 levels"},
			"20000 deep": {schemaTool(10000), ""},
		} {
			a := r.do("POST", path, app, body(c.tool))
			ok := a.StatusCode < 300
			if name == "20000 deep" {
				if a.StatusCode != 400 && a.StatusCode != 422 {
					t.Errorf("%s, %s: %d %.200s", path, name, a.StatusCode, a.body)
				}
				continue
			}
			if ok != (c.says == "") || !ok && (a.StatusCode != 422 && a.StatusCode != 400 || !strings.Contains(string(a.body), c.says)) {
				t.Errorf("%s, %s: %d %.200s", path, name, a.StatusCode, a.body)
			}
		}
	}
	r.open("one")
	if a := r.do("PATCH", "/realtime/sessions/one", app, `{"tools":[`+schemaTool(50)+`]}`); a.StatusCode != 200 {
		t.Errorf("PATCH: %d %.200s", a.StatusCode, a.body)
	}
}
