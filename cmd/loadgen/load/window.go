package load

import (
	"context"
	"sync"
	"time"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/loadgen/figures"
	"switchboard/cmd/loadgen/program"
)

// Window is what one measurement saw. Pointers are nil where the process is not known
// or there was nothing to divide by.
type Window struct {
	Scenario string `json:"scenario"`
	Target   string `json:"target"`
	Round    int    `json:"round"`

	Wanted    int            `json:"sessions_wanted"`
	Connected int            `json:"sessions_connected"`
	Kept      int            `json:"sessions_kept"` // alive at the end
	Troubles  map[string]int `json:"errors,omitempty"`

	Seconds    float64           `json:"seconds"`
	Up         int64             `json:"events_up"`
	Down       int64             `json:"events_down"`
	SetUp      figures.Quantiles `json:"set_up,omitzero"`
	UpLate     figures.Quantiles `json:"latency_up,omitzero"`
	DownLate   figures.Quantiles `json:"latency_down,omitzero"`
	Late       figures.Quantiles `json:"latency,omitzero"` // both ways together
	FirstAudio figures.Quantiles `json:"first_audio,omitzero"`
	RoundTrip  figures.Quantiles `json:"round_trip,omitzero"`
	Pacing     figures.Quantiles `json:"pacing_late,omitzero"`

	CPUPerEvent   *float64 `json:"cpu_us_per_event,omitempty"`
	CPUPerConnect *float64 `json:"cpu_us_per_connect,omitempty"`
	BaseKiB       *float64 `json:"base_kib,omitempty"`
	SessionKiB    *float64 `json:"kib_per_session,omitempty"`
}

// okPercent is the share of sessions that were opened and lived to the end.
func (w Window) okPercent() float64 { return 100 * float64(w.Kept) / float64(max(w.Wanted, 1)) }

// eventsPerSecond counts both ways.
func (w Window) eventsPerSecond() float64 { return float64(w.Up+w.Down) / max(w.Seconds, 1e-9) }

// Measurement is one window while it is being measured.
type Measurement struct {
	Target   endpoint.Target
	StandIn  endpoint.Target // asked for arrivals
	Scenario endpoint.Scenario
	Meter    *Meter
	gauge    program.Gauge
	Window   Window
}

// measure opens the scenario's sessions, lets them talk, counts for the length of the
// window, and ends them.
func measure(ctx context.Context, r Running, sc endpoint.Scenario, show *Progress) (Window, error) {
	target := r.Target
	m := &Measurement{Target: target, StandIn: r.StandIn, Scenario: sc, Meter: &Meter{}, gauge: program.GaugeOf(target.PID)}
	m.Window = Window{Scenario: sc.Title(), Target: target.Name, Wanted: sc.Sessions}
	defer target.HangUp()
	defer show.watch(m.Window, m.Meter)()

	base, err := m.gauge.Read()
	if err != nil {
		return m.Window, err
	}
	legs := m.Connect(ctx)
	connected, err := m.gauge.Read()
	m.Window.Connected = len(legs)
	m.Window.CPUPerConnect = connected.CpuSince(base, int64(len(legs)))
	hangUp := m.Call(ctx, legs)
	if err == nil {
		err = m.countHeard(ctx, base, r.Listeners)
	}
	hangUp()
	m.sum()
	return m.Window, err
}

// Call sets a caller on every leg; the returned func ends them and counts who was left.
func (m *Measurement) Call(ctx context.Context, legs []endpoint.Leg) (hangUp func()) {
	ctx, cancel := context.WithCancel(ctx)
	var callers sync.WaitGroup
	ends := make(chan error, len(legs))
	for _, l := range legs {
		callers.Go(func() { ends <- newCaller(l, m.Meter, m.Scenario).run(ctx) })
	}
	return func() {
		cancel()
		callers.Wait()
		close(ends)
		for end := range ends {
			if end != nil {
				m.Meter.trouble(end.Error())
			} else {
				m.Window.Kept++
			}
		}
	}
}

// Connect opens the sessions, a few at a time. Those that could not be opened are
// troubles, not the end.
func (m *Measurement) Connect(ctx context.Context) []endpoint.Leg {
	var wg sync.WaitGroup
	todo, done := make(chan struct{}), make(chan endpoint.Leg, m.Scenario.Sessions)
	for range m.Scenario.Opening {
		wg.Go(func() {
			for range todo {
				l, err := m.Target.Open(ctx, m.Scenario)
				if err != nil {
					m.Meter.trouble(err.Error())
					continue
				}
				m.Meter.setUp.Add(l.SetUp)
				m.Meter.connected.Add(1)
				done <- l
			}
		})
	}
	for range m.Scenario.Sessions {
		if ctx.Err() == nil {
			todo <- struct{}{}
		}
	}
	close(todo)
	wg.Wait()
	close(done)
	legs := make([]endpoint.Leg, 0, m.Scenario.Sessions)
	for l := range done {
		legs = append(legs, l)
	}
	return legs
}

// countHeard is count while so many listen in.
func (m *Measurement) countHeard(ctx context.Context, base program.Reading, listeners int) error {
	hangUp, err := m.listenIn(ctx, listeners)
	if err != nil {
		return err
	}
	defer hangUp()
	return m.count(ctx, base)
}

// count waits for the warm-up to pass and counts what happens in the window.
func (m *Measurement) count(ctx context.Context, base program.Reading) error {
	if err := endpoint.Sleep(ctx, m.Scenario.Warmup+m.Scenario.Settle); err != nil {
		return err
	}
	timed := m.Scenario.Append > 0 && m.StandIn.ResetArrivals(ctx)
	before, err := m.gauge.Read()
	if err != nil {
		return err
	}
	begin, up, down := time.Now(), m.Meter.up.Load(), m.Meter.down.Load()
	m.Meter.Counting.Store(true)
	if err := endpoint.Sleep(ctx, m.Scenario.Window); err != nil {
		return err
	}
	if err := m.untilSeen(ctx, up, down, timed); err != nil {
		return err
	}
	m.Meter.Counting.Store(false)
	m.Window.Seconds = time.Since(begin).Seconds()
	m.Window.Up, m.Window.Down = m.Meter.up.Load()-up, m.Meter.down.Load()-down
	after, err := m.gauge.Read()
	if err != nil {
		return err
	}
	if timed {
		seen, err := m.StandIn.Arrivals(ctx)
		if err != nil {
			return err
		}
		seen.AddTo(&m.Meter.UpLate)
	}
	m.Window.CPUPerEvent = after.CpuSince(before, m.Window.Up+m.Window.Down)
	m.Window.BaseKiB, m.Window.SessionKiB = base.KiB(), after.KibSince(base, m.Window.Connected)
	return nil
}

// Where a machine is so slow that nothing of something came in a window, the window goes
// on: the kernel holds megabytes of appends that are written flat out, for one, and takes
// no more until a good part of them has been read.
const (
	seenLimit = 30 * time.Second // for a target that stands still
	seenEvery = 20 * time.Millisecond
)

// untilSeen waits until there is something of all that the window is to measure, as long
// as nothing went wrong.
func (m *Measurement) untilSeen(ctx context.Context, up, down int64, timed bool) error {
	limit := time.Now().Add(seenLimit)
	for m.Window.Connected > 0 && m.Meter.troubled() == 0 && time.Now().Before(limit) {
		if m.seen(up, down) && (!timed || m.arrived(ctx)) {
			return nil
		}
		if err := endpoint.Sleep(ctx, seenEvery); err != nil {
			return err
		}
	}
	return nil
}

func (m *Measurement) seen(up, down int64) bool {
	sc, r := m.Scenario, m.Meter
	speaks, hears, paced := sc.Append > 0, sc.Deltas != "" || sc.Turns, !sc.Flat()
	for _, part := range []struct{ wanted, there bool }{
		{speaks, r.up.Load() > up},
		{speaks && paced, r.pacing.Any()},
		{hears, r.down.Load() > down},
		{hears && paced, r.firstAudio.Any()},
		{hears && paced && !sc.Turns, r.DownLate.Any()},
		{sc.Turns, r.roundTrip.Any()},
	} {
		if part.wanted && !part.there {
			return false
		}
	}
	return true
}

// arrived reports whether the stand-in has had an append since it was asked to count.
func (m *Measurement) arrived(ctx context.Context) bool {
	seen, err := m.StandIn.Arrivals(ctx)
	return err == nil && seen.Timed > 0
}

// sum closes the books.
func (m *Measurement) sum() {
	w, r := &m.Window, m.Meter
	w.SetUp, w.RoundTrip, w.Pacing = figures.QuantilesOf(&r.setUp), figures.QuantilesOf(&r.roundTrip), figures.QuantilesOf(&r.pacing)
	if !m.Scenario.Flat() {
		w.FirstAudio = figures.QuantilesOf(&r.firstAudio)
		w.UpLate, w.DownLate, w.Late = figures.QuantilesOf(&r.UpLate), figures.QuantilesOf(&r.DownLate), r.Latencies()
	}
	w.Troubles = r.Troubles
}
