package series

import (
	"sync/atomic"
	"time"
)

// Bounds are the upper bounds of a histogram's buckets, in seconds; one more bucket has what is
// above the last. They suit a relay's delay as well as the time to the first audio.
var Bounds = [...]float64{
	.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .2, .3, .4, .5, .6, .7, .8, 1, 1.25, 1.5, 2, 3, 5, 10, 30,
}

// Buckets is how many a histogram has.
const Buckets = len(Bounds) + 1

// Histogram counts durations by their size. Observe neither locks nor allocates. The zero value is empty.
type Histogram struct {
	counts [Buckets]atomic.Int64
	sum    atomic.Int64 // ns
}

// Observe counts a duration.
func (h *Histogram) Observe(d time.Duration) {
	h.counts[bucketOf(d.Seconds())].Add(1)
	h.sum.Add(int64(d))
}

func bucketOf(seconds float64) int {
	low, high := 0, len(Bounds)
	for low < high {
		if middle := (low + high) / 2; seconds <= Bounds[middle] {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// Read returns what was counted so far.
func (h *Histogram) Read() Counts {
	var c Counts
	for i := range h.counts {
		c.Buckets[i] = h.counts[i].Load()
	}
	c.Sum = time.Duration(h.sum.Load())
	return c
}

// Counts are what a histogram has counted.
type Counts struct {
	Buckets [Buckets]int64
	Sum     time.Duration
}

// Total is the number of durations.
func (c *Counts) Total() (n int64) {
	for _, in := range c.Buckets {
		n += in
	}
	return n
}

// Plus adds up two.
func (c Counts) Plus(o Counts) Counts {
	for i, n := range o.Buckets {
		c.Buckets[i] += n
	}
	c.Sum += o.Sum
	return c
}

// Minus is what was counted since o.
func (c Counts) Minus(o Counts) Counts {
	for i, n := range o.Buckets {
		c.Buckets[i] -= n
	}
	c.Sum -= o.Sum
	return c
}

// Quantile estimates the duration in seconds that a share q of all does not exceed, as Prometheus
// does: evenly spread within a bucket. Of none it is 0.
func (c *Counts) Quantile(q float64) float64 {
	rank := q * float64(c.Total())
	if rank == 0 {
		return 0
	}
	low := 0.0
	for i, n := range c.Buckets {
		if i == len(Bounds) {
			break
		}
		if rank <= float64(n) {
			return low + (Bounds[i]-low)*rank/float64(n)
		}
		rank -= float64(n)
		low = Bounds[i]
	}
	return low
}
