package gateway_test

import (
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway"
	"switchboard/gateway/openapi"
)

// A compressed body is refused for what it is, on every route, also where nobody is known.
func TestCompressedBodiesAreRefusedByName(t *testing.T) {
	r := newRig(t, standin.Faults{}, func(o *gateway.Options) {
		o.Routes.Routes = []openapi.Route{{Method: "POST", Path: "/beside", ID: "beside", Do: openapi.Upload(openapi.Shape{}, func(c *gin.Context) { c.Status(200) })}}
	})
	for _, path := range []string{"/realtime/sessions", "/v1/realtime/client_secrets", "/realtime/broadcasts", "/beside", "/internal/sessions/x", "/nowhere"} {
		for _, coding := range []string{"gzip", "identity, br", "zstd"} {
			a := r.do("POST", path, operator, "\x1f\x8b\x08", "Content-Encoding", coding)
			if name := strings.TrimPrefix(coding, "identity, "); a.StatusCode != 415 || !strings.Contains(string(a.body), "Content-Encoding") || !strings.Contains(string(a.body), name) {
				t.Errorf("%s, %s: %d %s", path, coding, a.StatusCode, a.body)
			}
		}
	}
	if a := r.do("POST", "/beside", app, "{}", "Content-Encoding", "identity"); a.StatusCode != 200 {
		t.Errorf("identity: %d %s", a.StatusCode, a.body)
	}
}

// What was sent is repeated in errors only so far that one recognises it.
func TestErrorsAreShortWhateverWasSent(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	long := strings.Repeat("n", 500<<10)
	var names []string
	for i := range 2000 {
		names = append(names, `"`+strings.Repeat("x", i%7)+long[:100]+string(rune('a'+i%26))+strings.Repeat("y", i/26)+`":1`)
	}
	for name, body := range map[string]string{
		"one long name":     `{"` + long + `":1}`,
		"many names":        `{` + strings.Join(names, ",") + `}`,
		"a long name twice": `{"` + long[:1000] + `":1,"` + long[:1000] + `":1}`,
		"a long value":      `{"session_id":"` + long + `"}`,
		"a long label":      `{"labels":{"` + long + `":7}}`,
	} {
		for _, path := range []string{"/realtime/sessions", "/v1/realtime/client_secrets"} {
			if a := r.do("POST", path, app, body); a.StatusCode < 400 || len(a.body) > 32<<10 {
				t.Errorf("%s to %s: %d, %d bytes", name, path, a.StatusCode, len(a.body))
			}
		}
	}
	if a := r.do("GET", "/realtime/sessions?label="+long[:8<<10]+"&status="+long[:4<<10], app, ""); len(a.body) > 4<<10 {
		t.Errorf("a long query: %d, %d bytes", a.StatusCode, len(a.body))
	}
}
