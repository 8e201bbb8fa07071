package sessiontest

import (
	"context"
	"maps"
	"testing"
	"time"

	"switchboard/session/series"
)

// interval is the place of samples in Memory.
type interval struct {
	step  series.Step
	begin time.Time
}

// PutSample implements [series.Store].
func (m *Memory) PutSample(_ context.Context, step series.Step, at time.Time, node string, s series.Sample) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	place := interval{step, step.Begin(at)}
	if m.samples[place] == nil {
		m.samples[place] = map[string]series.Sample{}
	}
	m.samples[place][node] = s
	return nil
}

// Samples implements [series.Store].
func (m *Memory) Samples(_ context.Context, step series.Step, from, to time.Time) (list []series.Interval, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	for begin := step.Begin(from); !begin.After(to); begin = begin.Add(time.Duration(step)) {
		nodes := maps.Clone(m.samples[interval{step, begin}])
		if nodes == nil {
			nodes = map[string]series.Sample{}
		}
		list = append(list, series.Interval{Begin: begin, Nodes: nodes})
	}
	return list, nil
}

// TestSeries is what every [series.Store] must pass. open returns an empty one.
func TestSeries(t *testing.T, open func(t *testing.T) series.Store) {
	s := open(t)
	var h series.Histogram
	h.Observe(300 * time.Millisecond)
	h.Observe(time.Hour)
	first := series.Sample{
		Live: 1, Clients: 2, Opened: 3, Ended: 4, Failed: 5, Turns: 6, Tokens: 7, CostUSD: .25, Errors: [4]int64{1, 0, 2, 3},
		Renewals: 8, HandedOver: 9, Claimed: 10, FirstAudio: h.Read(),
	}
	at := time.Now().UTC().Truncate(time.Hour).Add(30*time.Minute + 20*time.Second)
	put := func(step series.Step, at time.Time, node string, sample series.Sample) {
		t.Helper()
		must(t, s.PutSample(t.Context(), step, at, node, sample))
	}
	put(series.Minute, at, "http://a 1", series.Sample{Live: 9})
	put(series.Minute, at.Add(30*time.Second), "http://a 1", first) // in its place
	put(series.Minute, at, "http://b}{ 1", series.Sample{Turns: 1})
	put(series.Minute, at.Add(time.Minute), "http://a 1", series.Sample{Turns: 2})
	put(series.Hour, at, "http://a 1", series.Sample{Turns: 3})

	begin := at.Truncate(time.Minute)
	got, err := s.Samples(t.Context(), series.Minute, at.Add(-time.Minute), at.Add(time.Minute))
	must(t, err)
	wantSame(t, "minutes", got, []series.Interval{
		{Begin: begin.Add(-time.Minute), Nodes: map[string]series.Sample{}},
		{Begin: begin, Nodes: map[string]series.Sample{"http://a 1": first, "http://b}{ 1": {Turns: 1}}},
		{Begin: begin.Add(time.Minute), Nodes: map[string]series.Sample{"http://a 1": {Turns: 2}}},
	})
	got, err = s.Samples(t.Context(), series.Hour, at, at)
	must(t, err)
	wantSame(t, "hours", got, []series.Interval{{Begin: at.Truncate(time.Hour), Nodes: map[string]series.Sample{"http://a 1": {Turns: 3}}}})
	got, err = s.Samples(t.Context(), series.Hour, at, at.Add(-2*time.Hour))
	if must(t, err); len(got) > 0 {
		t.Fatalf("from after to: %v", got)
	}
}
