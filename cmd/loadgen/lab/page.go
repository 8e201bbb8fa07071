package lab

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/loadgen/figures"
	"switchboard/cmd/loadgen/load"
)

// page is what a bench found, as docs/benchmarks.md shows it.
type page struct {
	begin   time.Time
	took    time.Duration
	gateway string // program
	nginx   string // program
	results map[string]load.Results
}

// benchColumns are the columns of a scenario's table; those that nobody has a figure
// for are left out.
var benchColumns = []struct {
	head string
	cell func(rs load.Results, target string) string
}{
	{"n", func(rs load.Results, t string) string { return figures.Count(len(rs.Of(t))) }},
	{"ok %", medianOf(load.Kept)},
	{"events/s", medianOf(load.Rate)},
	{"× nginx", ratioOf(load.Rate)},
	{"p50 µs", medianOf(load.P50)},
	{"p95", medianOf(load.P95)},
	{"p99", medianOf(load.P99)},
	{"+p50", addedOf(load.P50)},
	{"+p99", addedOf(load.P99)},
	{"set-up p50 µs", medianOf(load.SetUp)},
	{"first audio p50 µs", medianOf(load.FirstAudio)},
	{"CPU µs/event", medianOf(load.PerEvent)},
	{"× nginx", ratioOf(load.PerEvent)},
	{"min…max ×", rangeOf(load.PerEvent)},
	{"CPU µs/connect", medianOf(load.PerConnect)},
	{"KiB/session", medianOf(load.PerSession)},
	{"× nginx", ratioOf(load.PerSession)},
	{"our pacing late p50 µs", medianOf(func(w load.Window) *float64 { return load.Counted(w.Pacing.Count, w.Pacing.P50) })},
}

func medianOf(f load.Reads) func(load.Results, string) string {
	return func(rs load.Results, t string) string { return figures.Figure(rs.Median(t, f)) }
}

func ratioOf(f load.Reads) func(load.Results, string) string {
	return func(rs load.Results, t string) string { return figures.Figure(load.Median(rs.Ratios(t, nameNginx, f))) }
}

func addedOf(f load.Reads) func(load.Results, string) string {
	return func(rs load.Results, t string) string { return figures.Figure(rs.Added(t, nameDirect, f)) }
}

func rangeOf(f load.Reads) func(load.Results, string) string {
	return func(rs load.Results, t string) string {
		xs := rs.Ratios(t, nameNginx, f)
		if len(xs) == 0 {
			return figures.Figure(nil)
		}
		return figures.Figure(new(slices.Min(xs))) + "…" + figures.Figure(new(slices.Max(xs)))
	}
}

func (p page) write(w io.Writer) error {
	fmt.Fprintf(w, "Measured %s in %s: %s.\n", p.begin.UTC().Format(time.DateOnly), p.took.Round(time.Second), Machine(p.gateway, p.nginx))
	if err := p.writeBudget(w); err != nil {
		return err
	}
	for _, sc := range endpoint.Scenarios {
		if rs := p.results[sc.Name]; len(rs) > 0 {
			if err := writeScenario(w, sc, rs); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeScenario(w io.Writer, sc endpoint.Scenario, rs load.Results) error {
	calm, dropped := rs.Calm(nameDirect)
	fmt.Fprintf(w, "\n### %s: %s\n\n", rs[0].Scenario, sc.About)
	if dropped > 0 {
		fmt.Fprintf(w, "Rounds left out because the machine was disturbed: %d.\n\n", dropped)
	}
	if err := benchTable(calm).Markdown(w); err != nil {
		return err
	}
	var troubles strings.Builder
	for _, name := range calm.Targets() {
		if err := load.ReportTroubles(&troubles, "- "+name+": ", calm.Of(name)); err != nil {
			return err
		}
	}
	if troubles.Len() > 0 {
		fmt.Fprintf(w, "\n%s", troubles.String())
	}
	return nil
}

// writeBudget holds the gateway's figures against the budget.
func (p page) writeBudget(w io.Writer) error {
	t := &figures.Table{Head: []string{"budget", "measured", "limit", "goal", "met"}}
	for _, b := range budget {
		rs, _ := p.results[b.scenario].Calm(nameDirect)
		if len(rs.Of(nameGateway)) == 0 {
			continue
		}
		x := b.of(rs, nameGateway)
		t.Add(b.name, figures.Figure(x), figures.Figure(&b.limit), figures.Figure(&b.goal), map[bool]string{true: "yes", false: "**no**"}[b.met(x)])
	}
	if len(t.Rows) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\n### Budget\n\n")
	return t.Markdown(w)
}

// benchTable is one scenario's table, a row for each target.
func benchTable(rs load.Results) *figures.Table {
	t := &figures.Table{Head: []string{"target"}}
	names := slices.Sorted(slices.Values(rs.Targets()))
	for _, name := range names {
		t.Add(name)
	}
	for _, column := range benchColumns {
		cells := make([]string, len(names))
		for i, name := range names {
			cells[i] = column.cell(rs, name)
		}
		if !slices.ContainsFunc(cells, func(s string) bool { return s != figures.Figure(nil) }) {
			continue
		}
		t.Head = append(t.Head, column.head)
		for i := range t.Rows {
			t.Rows[i] = append(t.Rows[i], cells[i])
		}
	}
	return t
}

// Machine tells what the figures were taken on.
func Machine(gateway, nginx string) string {
	memory, _ := strconv.Atoi(strings.TrimSuffix(labelled("/proc/meminfo", "MemTotal:"), " kB"))
	said := []string{
		fmt.Sprintf("%d cores of %s", runtime.NumCPU(), labelled("/proc/cpuinfo", "model name\t:")),
		fmt.Sprintf("%d GiB", (memory+1<<19)>>20),
		"Linux " + labelled("/proc/sys/kernel/osrelease", ""),
		runtime.Version(),
	}
	if version, err := exec.Command(nginx, "-v").CombinedOutput(); err == nil {
		said = append(said, strings.TrimPrefix(strings.TrimSpace(string(version)), "nginx version: "))
	}
	if built, err := buildinfo.ReadFile(gateway); err == nil {
		for _, setting := range built.Settings {
			if setting.Key == "vcs.revision" {
				said = append(said, "gateway at "+setting.Value[:min(12, len(setting.Value))])
			}
		}
	}
	return strings.Join(said, ", ")
}

// labelled is the rest of the first line that begins with a label.
func labelled(file, label string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, label); found {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// ReplacePart puts text into a page, between the marks of its name.
func ReplacePart(page, name string, text []byte) error {
	old, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("read page: %w", err)
	}
	begin, end := "<!-- "+name+":begin -->\n", "<!-- "+name+":end -->"
	before, rest, begins := bytes.Cut(old, []byte(begin))
	_, after, ends := bytes.Cut(rest, []byte(end))
	if !begins || !ends {
		return fmt.Errorf("replace figures: %s has no %q followed by %q", page, strings.TrimSpace(begin), end)
	}
	whole := slices.Concat(before, []byte(begin), text, []byte(end), after)
	if err := os.WriteFile(page, whole, 0o644); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}
