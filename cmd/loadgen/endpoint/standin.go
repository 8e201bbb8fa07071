package endpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"switchboard/cmd/loadgen/figures"
)

// Arrivals is what the stand-in saw of the appends (GET /_simulator/latency,
// docs/simulator.md), for all sessions since it was last reset.
type Arrivals struct {
	Appends int64   `json:"appends"`
	Timed   uint64  `json:"timed"`
	Max     float64 `json:"max_us"`
	Buckets []struct {
		Below float64 `json:"le_us"` // upper edge
		Count uint64  `json:"count"`
	} `json:"buckets"`
}

const arrivalsPath = "_simulator/latency"

// ResetArrivals begins a count. It reports false where there is no stand-in to ask:
// then nothing is known of the way up.
func (t Target) ResetArrivals(ctx context.Context) bool {
	_, err := t.Rest(ctx, http.MethodDelete, arrivalsPath, nil)
	return err == nil
}

// Arrivals reads how late the stand-in received events.
func (t Target) Arrivals(ctx context.Context) (Arrivals, error) {
	var a Arrivals
	body, err := t.Rest(ctx, http.MethodGet, arrivalsPath, nil)
	if err == nil {
		err = json.Unmarshal(body, &a)
	}
	if err != nil {
		return a, fmt.Errorf("ask the stand-in for arrivals: %w", err)
	}
	return a, nil
}

// spread is into how many parts a bucket's count is cut.
const spread = 8

// AddTo puts the arrivals into a histogram, spread evenly over each of their buckets,
// which are up to an eighth wide, so that a quantile does not move in steps of that.
func (a Arrivals) AddTo(h *figures.Histogram) {
	for _, b := range a.Buckets {
		low, part := b.Below/1.125, b.Count/spread
		for i := range uint64(spread) {
			n := part
			if i == 0 {
				n += b.Count % spread
			}
			at := low + (b.Below-low)*(float64(i)+0.5)/spread
			h.AddMany(time.Duration(min(at, a.Max)*float64(time.Microsecond)), n)
		}
	}
}
