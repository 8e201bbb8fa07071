package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// quantileRows are the lines of a target's table.
var quantileRows = []struct {
	name string
	of   func(Window) Quantiles
}{
	{"set-up", func(w Window) Quantiles { return w.SetUp }},
	{"latency up", func(w Window) Quantiles { return w.UpLate }},
	{"latency down", func(w Window) Quantiles { return w.DownLate }},
	{"latency, both ways", func(w Window) Quantiles { return w.Late }},
	{"first audio", func(w Window) Quantiles { return w.FirstAudio }},
	{"commit to committed", func(w Window) Quantiles { return w.RoundTrip }},
	{"pacing late (ours)", func(w Window) Quantiles { return w.Pacing }},
}

var quantileColumns = []struct {
	name string
	of   func(Quantiles) float64
}{
	{"p50", func(q Quantiles) float64 { return q.P50 }},
	{"p95", func(q Quantiles) float64 { return q.P95 }},
	{"p99", func(q Quantiles) float64 { return q.P99 }},
	{"max", func(q Quantiles) float64 { return q.Max }},
}

// report writes what a run found for people: a table a target, then how the first
// relates to each other one.
func report(w io.Writer, rs results) error {
	names := rs.targets()
	for _, name := range names {
		if err := reportTarget(w, rs, name); err != nil {
			return err
		}
	}
	for _, other := range names[min(1, len(names)):] {
		if _, err := fmt.Fprintf(w, "\n%s against %s, medians of what is seen within a round\n", names[0], other); err != nil {
			return err
		}
		if err := comparison(rs, names[0], other).plain(w); err != nil {
			return err
		}
	}
	return nil
}

func reportTarget(w io.Writer, rs results, name string) error {
	own := rs.of(name)
	fmt.Fprintf(w, "\n%s, %s, medians of %d: %s %% of sessions ok, %s events/s\n",
		name, own[0].Scenario, len(own), figure(own.median(name, kept)), figure(own.median(name, rate)))
	t := table{head: []string{"µs", "count", "p50", "p95", "p99", "max"}}
	for _, row := range quantileRows {
		cells := []string{row.name, "0"}
		for _, window := range own {
			if n := row.of(window).Count; n > 0 {
				cells[1] = count(n)
			}
		}
		for _, column := range quantileColumns {
			cells = append(cells, figure(own.median(name, quantile(row.of, column.of))))
		}
		if cells[1] != "0" {
			t.add(cells...)
		}
	}
	if err := t.plain(w); err != nil {
		return err
	}
	if used := own.median(name, perConnect); used != nil {
		fmt.Fprintf(w, "CPU: %s µs an event, %s µs a session opened; memory: %s KiB a session\n",
			figure(own.median(name, perEvent)), figure(used), figure(own.median(name, perSession)))
	}
	if last := own[len(own)-1]; last.Pacing.Count > 0 && last.UpLate.Count == 0 {
		fmt.Fprintln(w, "latency up is not known: no stand-in told when appends arrived (--stand-in)")
	}
	return reportTroubles(w, "", own)
}

// reportTroubles lists what went wrong for a target, each line behind a prefix.
func reportTroubles(w io.Writer, prefix string, own results) error {
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
func comparison(rs results, target, other string) *table {
	t := &table{head: []string{"", "× p50", "× p95", "× p99", "added p50 µs", "added p99 µs"}}
	for _, row := range quantileRows[:len(quantileRows)-1] {
		cells := []string{row.name}
		for _, column := range quantileColumns[:3] {
			cells = append(cells, figure(median(rs.ratios(target, other, quantile(row.of, column.of)))))
		}
		cells = append(cells,
			figure(rs.added(target, other, quantile(row.of, quantileColumns[0].of))),
			figure(rs.added(target, other, quantile(row.of, quantileColumns[2].of))))
		if cells[1] != figure(nil) {
			t.add(cells...)
		}
	}
	for _, one := range []struct {
		name string
		f    reads
	}{{"events/s", rate}, {"CPU an event", perEvent}, {"CPU a session opened", perConnect}, {"memory a session", perSession}} {
		if x := median(rs.ratios(target, other, one.f)); x != nil {
			t.add(one.name, figure(x), "", "", "", "")
		}
	}
	return t
}

// quantile reads one cell of the quantile table.
func quantile(row func(Window) Quantiles, column func(Quantiles) float64) reads {
	return func(w Window) *float64 {
		q := row(w)
		return counted(q.Count, column(q))
	}
}
