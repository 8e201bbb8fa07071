package series_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"switchboard/session/series"
)

func TestHistogram(t *testing.T) {
	var h series.Histogram
	for ms := range 1000 { // evenly spread over a second
		h.Observe(time.Duration(ms) * time.Millisecond)
	}
	c := h.Read()
	if c.Total() != 1000 || c.Sum != 499500*time.Millisecond {
		t.Fatalf("%d, %v", c.Total(), c.Sum)
	}
	for q, want := range map[float64]float64{.5: .5, .95: .95, 0: 0, 1: 1} {
		if got := c.Quantile(q); math.Abs(got-want) > .01 {
			t.Errorf("quantile %v is %v", q, got)
		}
	}
	var none, long series.Counts
	long.Buckets[series.Buckets-1] = 1
	if none.Quantile(.5) != 0 || long.Quantile(.5) != 30 {
		t.Errorf("of none %v, beyond the last bound %v", none.Quantile(.5), long.Quantile(.5))
	}
	if allocated := testing.AllocsPerRun(100, func() { h.Observe(time.Second) }); allocated != 0 {
		t.Errorf("observing allocates %v times", allocated)
	}
}

func TestSamplesAddUp(t *testing.T) {
	var h series.Histogram
	h.Observe(time.Second)
	one := series.Sample{Live: 1, Turns: 2, Errors: [4]int64{1, 2, 3, 4}, CostUSD: .5, FirstAudio: h.Read()}
	two := one.Plus(one)
	if two.Live != 2 || two.Turns != 4 || two.Errors[3] != 8 || two.FirstAudio.Total() != 2 {
		t.Errorf("sum %+v", two)
	}
	since := two.Since(one)
	since.Live = 1
	if since != one {
		t.Errorf("difference %+v", since)
	}
	raw, err := json.Marshal(two)
	if err != nil {
		t.Fatal(err)
	}
	var back series.Sample
	if err = json.Unmarshal(raw, &back); err != nil || back != two || len(raw) > 300 {
		t.Errorf("%s: %v", raw, err)
	}
	for _, bad := range []string{`{"first_audio":[1,2]}`, `{"first_audio":"x"}`} {
		if json.Unmarshal([]byte(bad), &back) == nil {
			t.Errorf("%s is read", bad)
		}
	}
	if err := json.Unmarshal([]byte(`{"first_audio":[1,999,7,-1,7]}`), &back); err != nil || back.FirstAudio.Total() != 0 {
		t.Errorf("buckets of another release: %v", err)
	}
}
