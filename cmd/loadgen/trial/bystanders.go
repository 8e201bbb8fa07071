package trial

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/loadgen/figures"
	"switchboard/cmd/loadgen/load"
)

// bystanders are ordinary sessions at the pace of live speech, and a few that talk to the
// stand-in without a gateway: their latency is the machine's own.
type bystanders struct {
	through, control *load.Measurement
}

// latencies are those of one window; of the controls only those of deltas.
type latencies struct{ both, control figures.Quantiles }

func newBystanders(node, standIn endpoint.Target, n int) *bystanders {
	paced, _ := endpoint.ScenarioNamed("paced") // it exists: a test opens it
	paced.Sessions = n
	heard := paced
	heard.Sessions, heard.Append = controls, 0
	standIn.Mode, standIn.Model = endpoint.ModeOpenAI, node.Model
	return &bystanders{
		through: &load.Measurement{Target: node, StandIn: standIn, Scenario: paced, Meter: &load.Meter{}},
		control: &load.Measurement{Target: standIn, StandIn: standIn, Scenario: heard, Meter: &load.Meter{}},
	}
}

// attach opens all sessions and has them talk. The returned func ends them.
func (b *bystanders) attach(ctx context.Context) (hangUp func()) {
	var all []func()
	for _, m := range []*load.Measurement{b.through, b.control} {
		legs := m.Connect(ctx)
		m.Window.Connected = len(legs)
		all = append(all, m.Call(ctx, legs))
	}
	return sync.OnceFunc(func() {
		for _, end := range all {
			end()
		}
		b.through.Target.HangUp()
	})
}

// window measures for d.
func (b *bystanders) window(ctx context.Context, d time.Duration) (latencies, error) {
	up := &b.through.Meter.UpLate
	for _, h := range []*figures.Histogram{up, &b.through.Meter.DownLate, &b.control.Meter.DownLate} {
		h.Clear()
	}
	if err := endpoint.Sleep(ctx, b.through.Scenario.Warmup); err != nil {
		return latencies{}, err
	}
	if !b.through.StandIn.ResetArrivals(ctx) {
		return latencies{}, fmt.Errorf("the stand-in does not count arrivals: %w", errUntold)
	}
	b.count(true)
	err := endpoint.Sleep(ctx, d)
	b.count(false)
	if err != nil {
		return latencies{}, err
	}
	seen, err := b.through.StandIn.Arrivals(ctx)
	if err != nil {
		return latencies{}, err
	}
	seen.AddTo(up)
	return latencies{both: b.through.Meter.Latencies(), control: figures.QuantilesOf(&b.control.Meter.DownLate)}, nil
}

func (b *bystanders) count(on bool) {
	b.through.Meter.Counting.Store(on)
	b.control.Meter.Counting.Store(on)
}

// troubles are what went wrong in sessions through the gateway, once they have ended.
func (b *bystanders) troubles() (found []string) {
	m := b.through.Meter
	m.Mu.Lock()
	defer m.Mu.Unlock()
	for _, what := range slices.Sorted(maps.Keys(m.Troubles)) {
		for range m.Troubles[what] {
			found = append(found, what)
		}
	}
	return found
}
