package gateway

import (
	"context"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"switchboard/session/contain"
	"switchboard/session/hub"
	"switchboard/session/series"
)

const (
	vitalsEvery = 2 * time.Second
	sampleEvery = 5 * time.Second
	vitalsTime  = 2 * time.Second // for one report to be stored
	lately      = 5 * time.Minute // upstream errors are shown for so long
)

// Measure stores what this node does and how it is, and drains it when an operator wants that,
// until ctx is done. While the store is unavailable the charts have a gap.
func (g *Gateway) Measure(ctx context.Context) {
	if g.options.Lives == nil || g.options.Series == nil {
		return
	}
	m := newMeter(g)
	defer m.stop()
	beat, sample := time.NewTicker(vitalsEvery), time.NewTicker(sampleEvery)
	defer beat.Stop()
	defer sample.Stop()
	m.beat(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			m.beat(ctx)
		case <-sample.C:
			m.sample(ctx)
		}
	}
}

// meter reads this node's numbers. Only Measure uses it.
type meter struct {
	g       *Gateway
	steps   []*course
	cpu     usage
	trip    time.Duration // of the report before
	errors  []reading     // of the last minutes, oldest first
	silence time.Time     // since when reports fail; zero: they do not

	undrain context.CancelFunc // set while an operator wants this node drained
	drained chan struct{}
}

// reading is what a node's errors were at a time.
type reading struct {
	at     time.Time
	errors [4]int64
}

func newMeter(g *Gateway) *meter {
	now, total := time.Now(), total(g.options.Hub.Stats())
	m := &meter{g: g}
	for _, step := range []series.Step{series.Minute, series.Hour} {
		m.steps = append(m.steps, &course{step, step.Begin(now), total})
	}
	m.cpu.of()
	return m
}

// total is what a node has done since its start.
func total(s hub.Stats) series.Sample {
	sample := series.Sample{
		Live: s.Sessions, Clients: int(s.Clients), Opened: s.Opened, Ended: s.Ended, Failed: s.Failed, Turns: s.Responses, Tokens: s.Tokens,
		Errors: s.Errors, Renewals: s.Renewals, HandedOver: s.HandedOver, Claimed: s.Claimed, FirstAudio: s.FirstAudio,
	}
	for _, usd := range s.Costs.Models {
		sample.CostUSD += usd
	}
	return sample
}

// course is the interval that is being written, and what the node had done when it began.
type course struct {
	step  series.Step
	begin time.Time
	base  series.Sample
}

// sample stores what the node has done in the present intervals. In a new one, that of the
// interval before is stored for the last time.
func (m *meter) sample(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, vitalsTime)
	defer cancel()
	now, total := time.Now(), total(m.g.options.Hub.Stats())
	for _, c := range m.steps {
		m.put(ctx, c, total)
		if begin := c.step.Begin(now); begin != c.begin {
			c.begin, c.base = begin, total
			m.put(ctx, c, total)
		}
	}
}

func (m *meter) put(ctx context.Context, c *course, total series.Sample) {
	if err := m.g.options.Series.PutSample(ctx, c.step, c.begin, m.life(), total.Since(c.base)); err != nil {
		m.g.options.Logger.Debug("sample not stored", "err", err)
	}
}

func (m *meter) life() string { return series.Life(m.g.options.Node, m.g.started) }

// beat stores how the node is, and learns whether it is to be drained.
func (m *meter) beat(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, vitalsTime)
	defer cancel()
	began := time.Now()
	by, err := m.g.options.Lives.PutVitals(ctx, m.vitals())
	m.trip = time.Since(began)
	switch {
	case err != nil && m.silence.IsZero() && ctx.Err() == nil:
		m.silence = began
		m.g.options.Logger.Warn("this node's state is not stored", "err", err)
	case err == nil:
		m.silence = time.Time{}
		m.follow(by)
	}
}

func (m *meter) vitals() series.Vitals {
	o, s := m.g.options, m.g.options.Hub.Stats()
	v := series.Vitals{
		Node: o.Node, Started: m.g.started, Version: o.Version, Sessions: s.Sessions, Clients: int(s.Clients), Draining: m.g.leaving(),
		JournalPending: s.JournalPending, JournalDropped: s.JournalDropped, StoreAway: s.StoreAway, StoreTrip: m.trip, LeaseAge: s.HeartbeatAge,
		UpstreamErrors: m.lately(s.Errors),
	}
	v.CPU, v.Cores = m.cpu.of(), m.cpu.cores()
	v.Memory, v.MemoryMost, v.Goroutines = memory()
	if m.g.recorder != nil {
		v.AuditPending, v.AuditLost = m.g.recorder.Pending()
	}
	for _, model := range m.g.shutdowns.list() {
		if day, err := time.Parse(time.DateOnly, model.Shutdown); err == nil {
			v.Models = append(v.Models, series.Model{Name: model.Model, Ends: day})
		}
	}
	return v
}

// lately is by how many errors of each class there are more than some minutes ago.
func (m *meter) lately(errors [4]int64) (recent [4]int64) {
	now := time.Now()
	for len(m.errors) > 1 && now.Sub(m.errors[1].at) >= lately {
		m.errors = m.errors[1:]
	}
	if n := len(m.errors); n == 0 || now.Sub(m.errors[n-1].at) >= lately/10 {
		m.errors = append(m.errors, reading{now, errors})
	}
	for class := range errors {
		recent[class] = errors[class] - m.errors[0].errors[class]
	}
	return recent
}

// follow begins or ends to drain this node.
func (m *meter) follow(by string) {
	switch {
	case by != "" && m.undrain == nil:
		m.g.options.Logger.Info("draining this node", "by", by)
		ctx, cancel := context.WithCancel(context.Background())
		m.undrain, m.drained = cancel, make(chan struct{})
		go func() {
			defer close(m.drained)
			contain.Keep(ctx, m.g.options.Logger, "drain", func() { m.g.options.Hub.Drain(ctx) })
		}()
	case by == "" && m.undrain != nil:
		m.g.options.Logger.Info("this node takes sessions again")
		m.endDrain()
	}
}

func (m *meter) endDrain() {
	if m.undrain == nil {
		return
	}
	m.undrain()
	<-m.drained
	m.undrain = nil
}

// stop takes this node off those that are shown.
func (m *meter) stop() {
	m.endDrain()
	ctx, cancel := context.WithTimeout(context.Background(), vitalsTime)
	defer cancel()
	m.sample(ctx)
	if err := m.g.options.Lives.EndLife(ctx, m.life()); err != nil {
		m.g.options.Logger.Debug("this node is shown until its silence is noticed", "err", err)
	}
}

// leaving reports whether this node opens no sessions.
func (g *Gateway) leaving() bool { return g.draining.Load() || g.options.Hub.Draining() }

// memory is what the process has of the system, its soft limit (0: none) and how many goroutines there are.
func memory() (bytes, most int64, goroutines int) {
	all := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/sched/goroutines:goroutines"},
	}
	metrics.Read(all)
	if most = debug.SetMemoryLimit(-1); most == math.MaxInt64 {
		most = 0
	}
	return int64(all[0].Value.Uint64() - all[1].Value.Uint64()), most, int(all[2].Value.Uint64())
}
