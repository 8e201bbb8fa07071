package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// bystanders are ordinary sessions at the pace of live speech, and a few that talk to the
// stand-in without a gateway: their latency is the machine's own.
type bystanders struct {
	through, control *measurement
}

// latencies are those of one window; of the controls only those of deltas.
type latencies struct{ both, control Quantiles }

func newBystanders(node, standIn Target, n int) *bystanders {
	paced, _ := scenarioNamed("paced") // it exists: a test opens it
	paced.Sessions = n
	heard := paced
	heard.Sessions, heard.Append = controls, 0
	standIn.Mode, standIn.Model = modeOpenAI, node.Model
	return &bystanders{
		through: &measurement{target: node, standIn: standIn, scenario: paced, meter: &meter{}},
		control: &measurement{target: standIn, standIn: standIn, scenario: heard, meter: &meter{}},
	}
}

// attach opens all sessions and has them talk. The returned func ends them.
func (b *bystanders) attach(ctx context.Context) (hangUp func()) {
	var all []func()
	for _, m := range []*measurement{b.through, b.control} {
		legs := m.connect(ctx)
		m.window.Connected = len(legs)
		all = append(all, m.call(ctx, legs))
	}
	return sync.OnceFunc(func() {
		for _, end := range all {
			end()
		}
		b.through.target.hangUp()
	})
}

// window measures for d.
func (b *bystanders) window(ctx context.Context, d time.Duration) (latencies, error) {
	up := &b.through.meter.upLate
	for _, h := range []*histogram{up, &b.through.meter.downLate, &b.control.meter.downLate} {
		h.clear()
	}
	if err := sleep(ctx, b.through.scenario.Warmup); err != nil {
		return latencies{}, err
	}
	if !b.through.standIn.resetArrivals(ctx) {
		return latencies{}, fmt.Errorf("the stand-in does not count arrivals: %w", errUntold)
	}
	b.count(true)
	err := sleep(ctx, d)
	b.count(false)
	if err != nil {
		return latencies{}, err
	}
	seen, err := b.through.standIn.arrivals(ctx)
	if err != nil {
		return latencies{}, err
	}
	seen.addTo(up)
	return latencies{both: b.through.meter.latencies(), control: quantiles(&b.control.meter.downLate)}, nil
}

func (b *bystanders) count(on bool) {
	b.through.meter.counting.Store(on)
	b.control.meter.counting.Store(on)
}

// troubles are what went wrong in sessions through the gateway, once they have ended.
func (b *bystanders) troubles() (found []string) {
	m := b.through.meter
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, what := range slices.Sorted(maps.Keys(m.troubles)) {
		for range m.troubles[what] {
			found = append(found, what)
		}
	}
	return found
}
