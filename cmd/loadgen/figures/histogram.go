package figures

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	subBits = 5                   // 32 buckets in each power of two
	sub     = 1 << subBits        // below this a bucket is one nanosecond
	octaves = 40 - subBits        // up to 2^40 ns, 18 minutes; longer ones count as that
	buckets = (octaves + 1) * sub // 1,152 of 8 bytes
	longest = 1<<(octaves+subBits) - 1
)

// Histogram counts durations in buckets that are a 32nd of their power of two wide, so
// that a quantile is within 1.6 % of the true one. The largest duration is kept exactly.
// Any number of goroutines may add; quantiles are read when they are done.
type Histogram struct {
	counts [buckets]atomic.Uint64
	max    atomic.Int64
}

// Add counts one duration.
func (h *Histogram) Add(d time.Duration) { h.AddMany(d, 1) }

// AddMany counts n times the same duration. A negative one (two clocks, a stamp from
// elsewhere) counts as 0.
func (h *Histogram) AddMany(d time.Duration, n uint64) {
	d = max(d, 0)
	h.counts[bucketOf(uint64(d))].Add(n)
	for {
		old := h.max.Load()
		if int64(d) <= old || h.max.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// Clear forgets what was added. Nobody may add meanwhile.
func (h *Histogram) Clear() {
	for i := range h.counts {
		h.counts[i].Store(0)
	}
	h.max.Store(0)
}

// Any reports whether anything was added.
func (h *Histogram) Any() bool { return h.max.Load() > 0 }

// bucketOf keeps the five bits below the highest one: durations under 64 ns are exact.
func bucketOf(ns uint64) int {
	ns = min(ns, longest)
	if ns < sub {
		return int(ns)
	}
	shift := bits.Len64(ns) - subBits - 1
	return (shift+1)*sub + int(ns>>shift)&(sub-1)
}

// middleOf is the middle of a bucket, the inverse of bucketOf.
func middleOf(bucket int) uint64 {
	if bucket < sub {
		return uint64(bucket)
	}
	shift := bucket/sub - 1
	low := uint64(sub+bucket%sub) << shift
	return low + (1<<shift)/2
}

// Quantiles sums up a histogram, in microseconds.
type Quantiles struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50_us"`
	P95   float64 `json:"p95_us"`
	P99   float64 `json:"p99_us"`
	Max   float64 `json:"max_us"`
}

// QuantilesOf sums up one or more histograms taken together.
func QuantilesOf(hs ...*Histogram) Quantiles {
	var all [buckets]uint64
	var q Quantiles
	var top int64
	for _, h := range hs {
		top = max(top, h.max.Load())
		for i := range h.counts {
			n := h.counts[i].Load()
			all[i] += n
			q.Count += n
		}
	}
	at := func(p float64) float64 {
		rank, seen := uint64(p*float64(q.Count)), uint64(0)
		for i, n := range all {
			if seen += n; seen > rank {
				return Micros(time.Duration(min(int64(middleOf(i)), top)))
			}
		}
		return Micros(time.Duration(top))
	}
	q.P50, q.P95, q.P99, q.Max = at(0.50), at(0.95), at(0.99), Micros(time.Duration(top))
	return q
}

// Micros is a duration in microseconds.
func Micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
