package load

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"switchboard/cmd/loadgen/figures"
)

// quantileRows are the lines of a target's table.
var quantileRows = []struct {
	name string
	of   func(Window) figures.Quantiles
}{
	{"set-up", func(w Window) figures.Quantiles { return w.SetUp }},
	{"latency up", func(w Window) figures.Quantiles { return w.UpLate }},
	{"latency down", func(w Window) figures.Quantiles { return w.DownLate }},
	{"latency, both ways", func(w Window) figures.Quantiles { return w.Late }},
	{"first audio", func(w Window) figures.Quantiles { return w.FirstAudio }},
	{"commit to committed", func(w Window) figures.Quantiles { return w.RoundTrip }},
	{"pacing late (ours)", func(w Window) figures.Quantiles { return w.Pacing }},
}

var quantileColumns = []struct {
	name string
	of   func(figures.Quantiles) float64
}{
	{"p50", func(q figures.Quantiles) float64 { return q.P50 }},
	{"p95", func(q figures.Quantiles) float64 { return q.P95 }},
	{"p99", func(q figures.Quantiles) float64 { return q.P99 }},
	{"max", func(q figures.Quantiles) float64 { return q.Max }},
}

// report writes what a run found for people: a table a target, then how the first
// relates to each other one.
func report(w io.Writer, rs Results) error {
	names := rs.Targets()
	for _, name := range names {
		if err := reportTarget(w, rs, name); err != nil {
			return err
		}
	}
	for _, other := range names[min(1, len(names)):] {
		if _, err := fmt.Fprintf(w, "\n%s against %s, medians of what is seen within a round\n", names[0], other); err != nil {
			return err
		}
		if err := comparison(rs, names[0], other).Plain(w); err != nil {
			return err
		}
	}
	return nil
}

func reportTarget(w io.Writer, rs Results, name string) error {
	own := rs.Of(name)
	fmt.Fprintf(w, "\n%s, %s, medians of %d: %s %% of sessions ok, %s events/s\n",
		name, own[0].Scenario, len(own), figures.Figure(own.Median(name, Kept)), figures.Figure(own.Median(name, Rate)))
	t := figures.Table{Head: []string{"µs", "count", "p50", "p95", "p99", "max"}}
	for _, row := range quantileRows {
		cells := []string{row.name, "0"}
		for _, window := range own {
			if n := row.of(window).Count; n > 0 {
				cells[1] = figures.Count(n)
			}
		}
		for _, column := range quantileColumns {
			cells = append(cells, figures.Figure(own.Median(name, quantile(row.of, column.of))))
		}
		if cells[1] != "0" {
			t.Add(cells...)
		}
	}
	if err := t.Plain(w); err != nil {
		return err
	}
	if used := own.Median(name, PerConnect); used != nil {
		fmt.Fprintf(w, "CPU: %s µs an event, %s µs a session opened; memory: %s KiB a session\n",
			figures.Figure(own.Median(name, PerEvent)), figures.Figure(used), figures.Figure(own.Median(name, PerSession)))
	}
	if last := own[len(own)-1]; last.Pacing.Count > 0 && last.UpLate.Count == 0 {
		fmt.Fprintln(w, "latency up is not known: no stand-in told when appends arrived (--stand-in)")
	}
	return ReportTroubles(w, "", own)
}

// ReportTroubles lists what went wrong for a target, each line behind a prefix.
func ReportTroubles(w io.Writer, prefix string, own Results) error {
	sum := make(map[string]int)
	for _, window := range own {
		for what, n := range window.Troubles {
			sum[what] += n
		}
	}
	for _, what := range slices.Sorted(maps.Keys(sum)) {
		if _, err := fmt.Fprintf(w, "%serror, %d times: %s\n", prefix, sum[what], what); err != nil {
			return err
		}
	}
	return nil
}

// comparison relates a target to another: in ratios, and for latencies in what is added.
func comparison(rs Results, target, other string) *figures.Table {
	t := &figures.Table{Head: []string{"", "× p50", "× p95", "× p99", "added p50 µs", "added p99 µs"}}
	for _, row := range quantileRows[:len(quantileRows)-1] {
		cells := []string{row.name}
		for _, column := range quantileColumns[:3] {
			cells = append(cells, figures.Figure(Median(rs.Ratios(target, other, quantile(row.of, column.of)))))
		}
		cells = append(cells,
			figures.Figure(rs.Added(target, other, quantile(row.of, quantileColumns[0].of))),
			figures.Figure(rs.Added(target, other, quantile(row.of, quantileColumns[2].of))))
		if cells[1] != figures.Figure(nil) {
			t.Add(cells...)
		}
	}
	for _, one := range []struct {
		name string
		f    Reads
	}{{"events/s", Rate}, {"CPU an event", PerEvent}, {"CPU a session opened", PerConnect}, {"memory a session", PerSession}} {
		if x := Median(rs.Ratios(target, other, one.f)); x != nil {
			t.Add(one.name, figures.Figure(x), "", "", "", "")
		}
	}
	return t
}

// quantile reads one cell of the quantile table.
func quantile(row func(Window) figures.Quantiles, column func(figures.Quantiles) float64) Reads {
	return func(w Window) *float64 {
		q := row(w)
		return Counted(q.Count, column(q))
	}
}
