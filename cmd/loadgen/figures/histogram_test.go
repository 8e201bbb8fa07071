package figures

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogramBuckets(t *testing.T) {
	previous := -1
	for _, ns := range []uint64{0, 1, 31, 32, 33, 63, 64, 65, 1000, 1 << 20, 1<<20 + 1<<15, longest, math.MaxUint64} {
		b := bucketOf(ns)
		if b < previous || b >= buckets {
			t.Errorf("bucketOf(%d) = %d after %d, of %d", ns, b, previous, buckets)
		}
		previous = b
		if got, want := float64(middleOf(b)), float64(min(ns, longest)); math.Abs(got-want) > want/(2*sub)+1 {
			t.Errorf("middle of %d's bucket is %.0f", ns, got)
		}
	}
}

func TestQuantiles(t *testing.T) {
	var h, other Histogram
	var all []float64
	for i := range 20_000 {
		d := time.Duration(math.Exp(rand.Float64()*10) * 1000)
		all = append(all, Micros(d))
		if i%2 == 0 {
			h.Add(d)
		} else {
			other.Add(d)
		}
	}
	slices.Sort(all)
	q := QuantilesOf(&h, &other)
	if q.Count != 20_000 {
		t.Errorf("count is %d", q.Count)
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{{"p50", q.P50, all[10_000]}, {"p95", q.P95, all[19_000]}, {"p99", q.P99, all[19_800]}, {"max", q.Max, all[19_999]}} {
		if math.Abs(c.got-c.want) > 0.02*c.want {
			t.Errorf("%s is %.1f, should be %.1f", c.name, c.got, c.want)
		}
	}
}

func TestQuantilesOfFew(t *testing.T) {
	var h Histogram
	if q := QuantilesOf(&h); q != (Quantiles{}) {
		t.Errorf("of none: %+v", q)
	}
	h.Add(-time.Second)
	if q := QuantilesOf(&h); q.Count != 1 || q.P50 != 0 || q.Max != 0 {
		t.Errorf("of a negative one: %+v", q)
	}
	h.Add(time.Hour)
	if q := QuantilesOf(&h); q.Max != Micros(time.Hour) || q.P99 > q.Max {
		t.Errorf("of a very long one: %+v", q)
	}
}
