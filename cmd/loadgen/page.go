package main

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
)

// page is what a bench found, as docs/benchmarks.md shows it.
type page struct {
	begin   time.Time
	took    time.Duration
	gateway string // program
	nginx   string // program
	results map[string]results
}

// benchColumns are the columns of a scenario's table; those that nobody has a figure
// for are left out.
var benchColumns = []struct {
	head string
	cell func(rs results, target string) string
}{
	{"n", func(rs results, t string) string { return count(len(rs.of(t))) }},
	{"ok %", medianOf(kept)},
	{"events/s", medianOf(rate)},
	{"× nginx", ratioOf(rate)},
	{"p50 µs", medianOf(p50)},
	{"p95", medianOf(p95)},
	{"p99", medianOf(p99)},
	{"+p50", addedOf(p50)},
	{"+p99", addedOf(p99)},
	{"set-up p50 µs", medianOf(setUp)},
	{"first audio p50 µs", medianOf(firstAudio)},
	{"CPU µs/event", medianOf(perEvent)},
	{"× nginx", ratioOf(perEvent)},
	{"min…max ×", rangeOf(perEvent)},
	{"CPU µs/connect", medianOf(perConnect)},
	{"KiB/session", medianOf(perSession)},
	{"× nginx", ratioOf(perSession)},
	{"our pacing late p50 µs", medianOf(func(w Window) *float64 { return counted(w.Pacing.Count, w.Pacing.P50) })},
}

func medianOf(f reads) func(results, string) string {
	return func(rs results, t string) string { return figure(rs.median(t, f)) }
}

func ratioOf(f reads) func(results, string) string {
	return func(rs results, t string) string { return figure(median(rs.ratios(t, nameNginx, f))) }
}

func addedOf(f reads) func(results, string) string {
	return func(rs results, t string) string { return figure(rs.added(t, nameDirect, f)) }
}

func rangeOf(f reads) func(results, string) string {
	return func(rs results, t string) string {
		xs := rs.ratios(t, nameNginx, f)
		if len(xs) == 0 {
			return figure(nil)
		}
		return figure(new(slices.Min(xs))) + "…" + figure(new(slices.Max(xs)))
	}
}

func (p page) write(w io.Writer) error {
	fmt.Fprintf(w, "Measured %s in %s: %s.\n", p.begin.UTC().Format(time.DateOnly), p.took.Round(time.Second), machine(p.gateway, p.nginx))
	if err := p.writeBudget(w); err != nil {
		return err
	}
	for _, sc := range scenarios {
		if rs := p.results[sc.Name]; len(rs) > 0 {
			if err := writeScenario(w, sc, rs); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeScenario(w io.Writer, sc Scenario, rs results) error {
	calm, dropped := rs.calm(nameDirect)
	fmt.Fprintf(w, "\n### %s: %s\n\n", rs[0].Scenario, sc.About)
	if dropped > 0 {
		fmt.Fprintf(w, "Rounds left out because the machine was disturbed: %d.\n\n", dropped)
	}
	if err := benchTable(calm).markdown(w); err != nil {
		return err
	}
	var troubles strings.Builder
	for _, name := range calm.targets() {
		if err := reportTroubles(&troubles, "- "+name+": ", calm.of(name)); err != nil {
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
	t := &table{head: []string{"budget", "measured", "limit", "goal", "met"}}
	for _, b := range budget {
		rs, _ := p.results[b.scenario].calm(nameDirect)
		if len(rs.of(nameGateway)) == 0 {
			continue
		}
		x := b.of(rs, nameGateway)
		t.add(b.name, figure(x), figure(&b.limit), figure(&b.goal), map[bool]string{true: "yes", false: "**no**"}[b.met(x)])
	}
	if len(t.rows) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\n### Budget\n\n")
	return t.markdown(w)
}

// benchTable is one scenario's table, a row for each target.
func benchTable(rs results) *table {
	t := &table{head: []string{"target"}}
	names := slices.Sorted(slices.Values(rs.targets()))
	for _, name := range names {
		t.add(name)
	}
	for _, column := range benchColumns {
		cells := make([]string, len(names))
		for i, name := range names {
			cells[i] = column.cell(rs, name)
		}
		if !slices.ContainsFunc(cells, func(s string) bool { return s != figure(nil) }) {
			continue
		}
		t.head = append(t.head, column.head)
		for i := range t.rows {
			t.rows[i] = append(t.rows[i], cells[i])
		}
	}
	return t
}

// machine tells what the figures were taken on.
func machine(gateway, nginx string) string {
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

// replacePart puts text into a page, between the marks of its name.
func replacePart(page, name string, text []byte) error {
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
