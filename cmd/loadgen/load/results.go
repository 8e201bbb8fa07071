package load

import "slices"

// Results are the windows of one scenario.
type Results []Window

// Reads takes one figure from a window; nil when it has none.
type Reads func(Window) *float64

// Of lists a target's windows, by round.
func (rs Results) Of(target string) Results {
	var own Results
	for _, w := range rs {
		if w.Target == target {
			own = append(own, w)
		}
	}
	slices.SortFunc(own, func(a, b Window) int { return a.Round - b.Round })
	return own
}

// Targets lists who took part, in the order of the first round.
func (rs Results) Targets() []string {
	var names []string
	for _, w := range rs {
		if !slices.Contains(names, w.Target) {
			names = append(names, w.Target)
		}
	}
	return names
}

// Median of one figure over a target's rounds.
func (rs Results) Median(target string, f Reads) *float64 {
	var xs []float64
	for _, w := range rs.Of(target) {
		if x := f(w); x != nil {
			xs = append(xs, *x)
		}
	}
	return Median(xs)
}

// Ratios of a figure to the other's in the same round. A ratio does away with drift,
// not with bursts: for these there are rounds, and the median.
func (rs Results) Ratios(target, other string, f Reads) []float64 {
	var xs []float64
	for _, w := range rs.Of(target) {
		a, b := f(w), rs.at(other, w.Round, f)
		if a != nil && b != nil && *b > 0 {
			xs = append(xs, *a / *b)
		}
	}
	return xs
}

// Added is how much a figure is above the other's in the same round, the median.
func (rs Results) Added(target, other string, f Reads) *float64 {
	return rs.Median(target, rs.AddedOver(other, f))
}

// AddedOver reads how much a figure is above the other's in the same round.
func (rs Results) AddedOver(other string, f Reads) Reads {
	return func(w Window) *float64 {
		a, b := f(w), rs.at(other, w.Round, f)
		if a == nil || b == nil {
			return nil
		}
		return new(*a - *b)
	}
}

// at is a target's figure in one round.
func (rs Results) at(target string, round int, f Reads) *float64 {
	for _, w := range rs {
		if w.Target == target && w.Round == round {
			return f(w)
		}
	}
	return nil
}

// Calm leaves out the rounds in which the machine was disturbed: direct's p99 over twice
// its median. It tells how many these were.
func (rs Results) Calm(direct string) (Results, int) {
	usual := rs.Median(direct, P99)
	if usual == nil {
		return rs, 0
	}
	bad := make(map[int]bool)
	for _, w := range rs.Of(direct) {
		if x := P99(w); x != nil && *x > 2**usual {
			bad[w.Round] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(rs), func(w Window) bool { return bad[w.Round] }), len(bad)
}

// Median of xs, nil of none.
func Median(xs []float64) *float64 {
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
func Kept(w Window) *float64 { return new(w.okPercent()) }

// Rate is how many events a second were relayed, both ways.
func Rate(w Window) *float64 { return Counted(uint64(w.Up+w.Down), w.eventsPerSecond()) }

// P50 is the median of latencies both ways.
func P50(w Window) *float64 { return Counted(w.Late.Count, w.Late.P50) }

// P95 is the 95th percentile of latencies both ways.
func P95(w Window) *float64 { return Counted(w.Late.Count, w.Late.P95) }

// P99 is the 99th percentile of latencies both ways.
func P99(w Window) *float64 { return Counted(w.Late.Count, w.Late.P99) }

// SetUp is the median time to open a session.
func SetUp(w Window) *float64 { return Counted(w.SetUp.Count, w.SetUp.P50) }

// FirstAudio is the median time to the first audio of an answer.
func FirstAudio(w Window) *float64 { return Counted(w.FirstAudio.Count, w.FirstAudio.P50) }

// PerEvent is the CPU time that an event takes.
func PerEvent(w Window) *float64 { return w.CPUPerEvent }

// PerConnect is the CPU time that opening a session takes.
func PerConnect(w Window) *float64 { return w.CPUPerConnect }

// PerSession is the memory that a session takes.
func PerSession(w Window) *float64 { return w.SessionKiB }

// Counted is a figure, or nil if nothing was counted for it.
func Counted(n uint64, x float64) *float64 {
	if n == 0 {
		return nil
	}
	return &x
}
