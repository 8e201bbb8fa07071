package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchboard/cmd/loadgen/figures"
	"switchboard/cmd/loadgen/load"
)

// Three rounds of three; in the last one the machine was disturbed.
func sample() load.Results {
	var rs load.Results
	for round, direct := range []float64{100, 110, 900} {
		add := func(name string, p50, p99, cpu float64) {
			w := load.Window{Scenario: "vad-2", Target: name, Round: round, Wanted: 2, Connected: 2, Kept: 2, Seconds: 2, Up: 100, Down: 80}
			w.Late = figures.Quantiles{Count: 180, P50: p50, P95: p50 * 2, P99: p99, Max: p99}
			if cpu > 0 {
				w.CPUPerEvent, w.SessionKiB = &cpu, new(18.0)
			}
			rs = append(rs, w)
		}
		add(nameDirect, direct/2, direct, 0)
		add(nameNginx, direct/2+100, direct+300, 12)
		add(nameGateway, direct/2+120, direct+300*float64(round+1), 12*float64(round+1))
	}
	return rs
}

func near(t *testing.T, what string, got *float64, want float64) {
	t.Helper()
	if figures.Figure(got) != figures.Figure(&want) {
		t.Errorf("%s is %s, should be %s", what, figures.Figure(got), figures.Figure(&want))
	}
}

func TestResults(t *testing.T) {
	rs := sample()
	near(t, "median CPU", rs.Median(nameGateway, load.PerEvent), 24)
	near(t, "ratio of CPU", load.Median(rs.Ratios(nameGateway, nameNginx, load.PerEvent)), 2)
	near(t, "added p50", rs.Added(nameGateway, nameDirect, load.P50), 120)
	near(t, "added p50 over nginx's", addedOverNginx(load.P50)(rs, nameGateway), 1.2)
	near(t, "added p99 over nginx's", addedOverNginx(load.P99)(rs, nameGateway), 2)
	near(t, "events/s", rs.Median(nameNginx, load.Rate), 90)
	near(t, "wrong", wrong(rs, nameGateway), 0)
	if xs := rs.Ratios(nameGateway, nameDirect, load.PerEvent); len(xs) != 0 {
		t.Errorf("ratios to who has no CPU: %v", xs)
	}
	if rs.Median("nobody", load.P50) != nil || wrong(rs, "nobody") != nil {
		t.Error("nobody has figures")
	}
	rs[2].Troubles = map[string]int{"listen: EOF": 1, "error event: x": 2}
	near(t, "wrong", wrong(rs, nameGateway), 3)
}

func TestResultsCalm(t *testing.T) {
	calm, dropped := sample().Calm(nameDirect)
	if dropped != 1 || len(calm) != 6 {
		t.Errorf("%d rounds left out, %d windows left", dropped, len(calm))
	}
	if again, dropped := calm.Of(nameNginx).Calm(nameDirect); dropped != 0 || len(again) != 2 {
		t.Errorf("without direct %d rounds were left out", dropped)
	}
}

func TestBudget(t *testing.T) {
	c := Command{Targets: []string{nameGateway}}
	all := map[string]load.Results{"vad": sample()}
	if err := c.verdict(all); err != nil {
		t.Errorf("within the budget: %v", err)
	}
	for i := range all["vad"] {
		if w := &all["vad"][i]; w.Target == nameGateway {
			w.CPUPerEvent = new(100.0)
		}
	}
	if err := c.verdict(all); err == nil || !strings.Contains(err.Error(), "CPU per event") {
		t.Errorf("over the budget: %v", err)
	}
	c.Short = true
	if err := c.verdict(all); err != nil {
		t.Errorf("a short one is not held to it: %v", err)
	}
	c.Targets = []string{nameNginx}
	if err := c.verdict(all); err != nil {
		t.Errorf("who takes no part misses nothing: %v", err)
	}
}

func TestPage(t *testing.T) {
	var text strings.Builder
	p := page{gateway: "none", nginx: "none", results: map[string]load.Results{"vad": sample()}}
	if err := p.write(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"### Budget", "### vad-2:", "left out because the machine was disturbed: 1",
		"| CPU per event, with VAD, × nginx | 1.50 | 1.90 | 1.40 | yes |", "| gateway | 2 | 100 | 90.0 |", "| 1.50 | 1.00…2.00 |",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("page lacks %q:\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "first audio") {
		t.Error("a column without a figure is shown")
	}
}

func TestReplacePart(t *testing.T) {
	const begin, end = "<!-- some:begin -->\n", "<!-- some:end -->\n"
	name := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(name, []byte("above\n"+begin+"old\n"+end+"\nbelow\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"new\n", "newer\n"} {
		if err := ReplacePart(name, "some", []byte(text)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if want := "above\n" + begin + text + end + "\nbelow\n"; err != nil || string(got) != want {
			t.Errorf("page is %q, %v", got, err)
		}
	}
	if err := os.WriteFile(name, []byte("no marks"), 0o644); err != nil {
		t.Fatal(err)
	}
	if ReplacePart(name, "some", nil) == nil {
		t.Error("a page without marks was taken")
	}
}
