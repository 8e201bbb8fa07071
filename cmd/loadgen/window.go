package main

import (
	"context"
	"fmt"
	"sync"
	"time"
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

	Seconds    float64   `json:"seconds"`
	Up         int64     `json:"events_up"`
	Down       int64     `json:"events_down"`
	SetUp      Quantiles `json:"set_up,omitzero"`
	UpLate     Quantiles `json:"latency_up,omitzero"`
	DownLate   Quantiles `json:"latency_down,omitzero"`
	Late       Quantiles `json:"latency,omitzero"` // both ways together
	FirstAudio Quantiles `json:"first_audio,omitzero"`
	RoundTrip  Quantiles `json:"round_trip,omitzero"`
	Pacing     Quantiles `json:"pacing_late,omitzero"`

	CPUPerEvent   *float64 `json:"cpu_us_per_event,omitempty"`
	CPUPerConnect *float64 `json:"cpu_us_per_connect,omitempty"`
	BaseKiB       *float64 `json:"base_kib,omitempty"`
	SessionKiB    *float64 `json:"kib_per_session,omitempty"`
}

// okPercent is the share of sessions that were opened and lived to the end.
func (w Window) okPercent() float64 { return 100 * float64(w.Kept) / float64(max(w.Wanted, 1)) }

// eventsPerSecond counts both ways.
func (w Window) eventsPerSecond() float64 { return float64(w.Up+w.Down) / max(w.Seconds, 1e-9) }

// measurement is one window while it is being measured.
type measurement struct {
	target   Target
	standIn  Target // asked for arrivals
	scenario Scenario
	meter    *meter
	gauge    gauge
	window   Window
}

// measure opens the scenario's sessions, lets them talk, counts for the length of the
// window, and ends them.
func measure(ctx context.Context, target, standIn Target, sc Scenario, show *progress) (Window, error) {
	m := &measurement{target: target, standIn: standIn, scenario: sc, meter: &meter{}, gauge: newGauge(target.PID)}
	m.window = Window{Scenario: sc.title(), Target: target.Name, Wanted: sc.Sessions}
	defer target.hangUp()
	defer show.watch(m.window, m.meter)()

	base, err := m.gauge.read()
	if err != nil {
		return m.window, err
	}
	legs := m.connect(ctx)
	connected, err := m.gauge.read()
	m.window.Connected = len(legs)
	m.window.CPUPerConnect = connected.cpuSince(base, int64(len(legs)))
	hangUp := m.call(ctx, legs)
	if err == nil {
		err = m.count(ctx, base)
	}
	hangUp()
	m.sum()
	return m.window, err
}

// call sets a caller on every leg; the returned func ends them and counts who was left.
func (m *measurement) call(ctx context.Context, legs []leg) (hangUp func()) {
	ctx, cancel := context.WithCancel(ctx)
	var callers sync.WaitGroup
	ends := make(chan error, len(legs))
	for _, l := range legs {
		callers.Go(func() { ends <- newCaller(l, m.meter, m.scenario).run(ctx) })
	}
	return func() {
		cancel()
		callers.Wait()
		close(ends)
		for end := range ends {
			if end != nil {
				m.meter.trouble(end.Error())
			} else {
				m.window.Kept++
			}
		}
	}
}

// connect opens the sessions, a few at a time. Those that could not be opened are
// troubles, not the end.
func (m *measurement) connect(ctx context.Context) []leg {
	var wg sync.WaitGroup
	todo, done := make(chan struct{}), make(chan leg, m.scenario.Sessions)
	for range m.scenario.Opening {
		wg.Go(func() {
			for range todo {
				l, err := m.target.open(ctx, m.scenario)
				if err != nil {
					m.meter.trouble(err.Error())
					continue
				}
				m.meter.setUp.add(l.setUp)
				m.meter.connected.Add(1)
				done <- l
			}
		})
	}
	for range m.scenario.Sessions {
		if ctx.Err() == nil {
			todo <- struct{}{}
		}
	}
	close(todo)
	wg.Wait()
	close(done)
	legs := make([]leg, 0, m.scenario.Sessions)
	for l := range done {
		legs = append(legs, l)
	}
	return legs
}

// count waits for the warm-up to pass and counts what happens in the window.
func (m *measurement) count(ctx context.Context, base reading) error {
	if err := sleep(ctx, m.scenario.Warmup+m.scenario.Settle); err != nil {
		return err
	}
	timed := m.scenario.Append > 0 && m.standIn.resetArrivals(ctx)
	before, err := m.gauge.read()
	if err != nil {
		return err
	}
	begin, up, down := time.Now(), m.meter.up.Load(), m.meter.down.Load()
	m.meter.counting.Store(true)
	if err := sleep(ctx, m.scenario.Window); err != nil {
		return err
	}
	if err := m.untilSeen(ctx, up, down, timed); err != nil {
		return err
	}
	m.meter.counting.Store(false)
	m.window.Seconds = time.Since(begin).Seconds()
	m.window.Up, m.window.Down = m.meter.up.Load()-up, m.meter.down.Load()-down
	after, err := m.gauge.read()
	if err != nil {
		return err
	}
	if timed {
		seen, err := m.standIn.arrivals(ctx)
		if err != nil {
			return err
		}
		seen.addTo(&m.meter.upLate)
	}
	m.window.CPUPerEvent = after.cpuSince(before, m.window.Up+m.window.Down)
	m.window.BaseKiB, m.window.SessionKiB = base.kib(), after.kibSince(base, m.window.Connected)
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
func (m *measurement) untilSeen(ctx context.Context, up, down int64, timed bool) error {
	limit := time.Now().Add(seenLimit)
	for m.window.Connected > 0 && m.meter.troubled() == 0 && time.Now().Before(limit) {
		if m.seen(up, down) && (!timed || m.arrived(ctx)) {
			return nil
		}
		if err := sleep(ctx, seenEvery); err != nil {
			return err
		}
	}
	return nil
}

func (m *measurement) seen(up, down int64) bool {
	sc, r := m.scenario, m.meter
	speaks, hears, paced := sc.Append > 0, sc.Deltas != "" || sc.Turns, !sc.flat()
	for _, part := range []struct{ wanted, there bool }{
		{speaks, r.up.Load() > up},
		{speaks && paced, r.pacing.any()},
		{hears, r.down.Load() > down},
		{hears && paced, r.firstAudio.any()},
		{hears && paced && !sc.Turns, r.downLate.any()},
		{sc.Turns, r.roundTrip.any()},
	} {
		if part.wanted && !part.there {
			return false
		}
	}
	return true
}

// arrived reports whether the stand-in has had an append since it was asked to count.
func (m *measurement) arrived(ctx context.Context) bool {
	seen, err := m.standIn.arrivals(ctx)
	return err == nil && seen.Timed > 0
}

// sum closes the books.
func (m *measurement) sum() {
	w, r := &m.window, m.meter
	w.SetUp, w.RoundTrip, w.Pacing = quantiles(&r.setUp), quantiles(&r.roundTrip), quantiles(&r.pacing)
	if !m.scenario.flat() {
		w.FirstAudio = quantiles(&r.firstAudio)
		w.UpLate, w.DownLate, w.Late = quantiles(&r.upLate), quantiles(&r.downLate), r.latencies()
	}
	w.Troubles = r.troubles
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stopped: %w", context.Cause(ctx))
	}
}
