package gateway_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway"
)

func TestMetricsAreWellNamedAndCount(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	problems, err := testutil.CollectAndLint(gateway.Collector(r.hub))
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	r.attach("/realtime/sessions/one/relay", r.open("one")).until("session.created")
	r.must(200, "GET", "/realtime/sessions/one", app, "") // waits until the client has been counted
	text := string(r.must(200, "GET", "/metrics", "", "").body)
	for _, line := range []string{"switchboard_build_info{", "switchboard_sessions 1", "switchboard_clients 1", "go_goroutines ", "process_open_fds "} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("no %q", line)
		}
	}
	page, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (switchboard_\w+) `).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(string(page), "`"+m[1]+"`") {
			t.Errorf("docs/api.md does not tell of %s", m[1])
		}
	}
}
