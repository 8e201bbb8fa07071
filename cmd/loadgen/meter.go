package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// meter is what the callers of one window share. Everything may be used by all at once.
type meter struct {
	counting  atomic.Bool // the window is open: latencies count
	connected atomic.Int64
	up, down  atomic.Int64 // messages written, read

	setUp      histogram
	upLate     histogram // append written to its arrival upstream
	downLate   histogram // delta written upstream to its arrival here
	firstAudio histogram // answer asked for to its first audio
	roundTrip  histogram // commit to committed
	pacing     histogram // how late after its time an append was written: ours, not the target's

	mu       sync.Mutex
	troubles map[string]int // what went wrong, by text
}

// maxTroubles bounds the kinds of errors that are told apart.
const maxTroubles = 20

// trouble counts something that went wrong.
func (m *meter) trouble(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.troubles == nil {
		m.troubles = make(map[string]int)
	}
	if _, known := m.troubles[what]; !known && len(m.troubles) >= maxTroubles {
		what = "others"
	}
	m.troubles[what]++
}

// observe adds a latency to h while the window is open.
func (m *meter) observe(h *histogram, d time.Duration) {
	if m.counting.Load() {
		h.add(d)
	}
}

// latencies is all events of both ways together.
func (m *meter) latencies() Quantiles { return quantiles(&m.upLate, &m.downLate) }

// troubled is how many things went wrong so far.
func (m *meter) troubled() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, count := range m.troubles {
		n += count
	}
	return n
}
