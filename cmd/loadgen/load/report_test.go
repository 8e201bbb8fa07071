package load

import (
	"strings"
	"testing"

	"switchboard/cmd/loadgen/figures"
)

func TestReport(t *testing.T) {
	var text strings.Builder
	var rs Results
	for round := range 3 {
		for _, name := range []string{"direct", "nginx"} {
			rs = append(rs, Window{Scenario: "paced-2", Target: name, Round: round, Wanted: 2, Kept: 2, Seconds: 2, Late: figures.Quantiles{Count: 9, P50: 100, P99: 300}})
		}
	}
	rs[0].Troubles = map[string]int{"dial: refused": 3}
	if err := report(&text, rs); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"direct, paced-2, medians of 3", "error, 3 times: dial: refused", "direct against nginx", "latency, both ways"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("report lacks %q:\n%s", want, text.String())
		}
	}
}
