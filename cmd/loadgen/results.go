package main

import "slices"

// results are the windows of one scenario.
type results []Window

// reads takes one figure from a window; nil when it has none.
type reads func(Window) *float64

// of lists a target's windows, by round.
func (rs results) of(target string) results {
	var own results
	for _, w := range rs {
		if w.Target == target {
			own = append(own, w)
		}
	}
	slices.SortFunc(own, func(a, b Window) int { return a.Round - b.Round })
	return own
}

// targets lists who took part, in the order of the first round.
func (rs results) targets() []string {
	var names []string
	for _, w := range rs {
		if !slices.Contains(names, w.Target) {
			names = append(names, w.Target)
		}
	}
	return names
}

// median of one figure over a target's rounds.
func (rs results) median(target string, f reads) *float64 {
	var xs []float64
	for _, w := range rs.of(target) {
		if x := f(w); x != nil {
			xs = append(xs, *x)
		}
	}
	return median(xs)
}

// ratios of a figure to the other's in the same round. A ratio does away with drift,
// not with bursts: for these there are rounds, and the median.
func (rs results) ratios(target, other string, f reads) []float64 {
	var xs []float64
	for _, w := range rs.of(target) {
		a, b := f(w), rs.at(other, w.Round, f)
		if a != nil && b != nil && *b > 0 {
			xs = append(xs, *a / *b)
		}
	}
	return xs
}

// added is how much a figure is above the other's in the same round, the median.
func (rs results) added(target, other string, f reads) *float64 {
	return rs.median(target, rs.addedOver(other, f))
}

// addedOver reads how much a figure is above the other's in the same round.
func (rs results) addedOver(other string, f reads) reads {
	return func(w Window) *float64 {
		a, b := f(w), rs.at(other, w.Round, f)
		if a == nil || b == nil {
			return nil
		}
		return new(*a - *b)
	}
}

// at is a target's figure in one round.
func (rs results) at(target string, round int, f reads) *float64 {
	for _, w := range rs {
		if w.Target == target && w.Round == round {
			return f(w)
		}
	}
	return nil
}

// calm leaves out the rounds in which the machine was disturbed: direct's p99 over twice
// its median. It tells how many these were.
func (rs results) calm(direct string) (results, int) {
	usual := rs.median(direct, p99)
	if usual == nil {
		return rs, 0
	}
	bad := make(map[int]bool)
	for _, w := range rs.of(direct) {
		if x := p99(w); x != nil && *x > 2**usual {
			bad[w.Round] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(rs), func(w Window) bool { return bad[w.Round] }), len(bad)
}

// median of xs, nil of none.
func median(xs []float64) *float64 {
	if len(xs) == 0 {
		return nil
	}
	xs = slices.Sorted(slices.Values(xs))
	mid := len(xs) / 2
	if len(xs)%2 == 1 {
		return &xs[mid]
	}
	return new((xs[mid-1] + xs[mid]) / 2)
}

// Figures of a window.
func kept(w Window) *float64       { return new(w.okPercent()) }
func rate(w Window) *float64       { return counted(uint64(w.Up+w.Down), w.eventsPerSecond()) }
func p50(w Window) *float64        { return counted(w.Late.Count, w.Late.P50) }
func p95(w Window) *float64        { return counted(w.Late.Count, w.Late.P95) }
func p99(w Window) *float64        { return counted(w.Late.Count, w.Late.P99) }
func setUp(w Window) *float64      { return counted(w.SetUp.Count, w.SetUp.P50) }
func firstAudio(w Window) *float64 { return counted(w.FirstAudio.Count, w.FirstAudio.P50) }
func perEvent(w Window) *float64   { return w.CPUPerEvent }
func perConnect(w Window) *float64 { return w.CPUPerConnect }
func perSession(w Window) *float64 { return w.SessionKiB }

func counted(n uint64, x float64) *float64 {
	if n == 0 {
		return nil
	}
	return &x
}
