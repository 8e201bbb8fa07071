package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// arrivals is what the stand-in saw of the appends (GET /_simulator/latency,
// docs/simulator.md), for all sessions since it was last reset.
type arrivals struct {
	Appends int64   `json:"appends"`
	Timed   uint64  `json:"timed"`
	Max     float64 `json:"max_us"`
	Buckets []struct {
		Below float64 `json:"le_us"` // upper edge
		Count uint64  `json:"count"`
	} `json:"buckets"`
}

const arrivalsPath = "_simulator/latency"

// resetArrivals begins a count. It reports false where there is no stand-in to ask:
// then nothing is known of the way up.
func (t Target) resetArrivals(ctx context.Context) bool {
	_, err := t.rest(ctx, http.MethodDelete, arrivalsPath, nil)
	return err == nil
}

func (t Target) arrivals(ctx context.Context) (arrivals, error) {
	var a arrivals
	body, err := t.rest(ctx, http.MethodGet, arrivalsPath, nil)
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

// addTo puts the arrivals into a histogram, spread evenly over each of their buckets,
// which are up to an eighth wide, so that a quantile does not move in steps of that.
func (a arrivals) addTo(h *histogram) {
	for _, b := range a.Buckets {
		low, part := b.Below/1.125, b.Count/spread
		for i := range uint64(spread) {
			n := part
			if i == 0 {
				n += b.Count % spread
			}
			at := low + (b.Below-low)*(float64(i)+0.5)/spread
			h.addMany(time.Duration(min(at, a.Max)*float64(time.Microsecond)), n)
		}
	}
}
