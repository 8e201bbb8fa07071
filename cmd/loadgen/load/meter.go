package load

import (
	"sync"
	"sync/atomic"
	"time"

	"switchboard/cmd/loadgen/figures"
)

// Meter is what the callers of one window share. Everything may be used by all at once.
type Meter struct {
	Counting  atomic.Bool // the window is open: latencies count
	connected atomic.Int64
	up, down  atomic.Int64 // messages written, read

	setUp      figures.Histogram
	UpLate     figures.Histogram // append written to its arrival upstream
	DownLate   figures.Histogram // delta written upstream to its arrival here
	firstAudio figures.Histogram // answer asked for to its first audio
	roundTrip  figures.Histogram // commit to committed
	pacing     figures.Histogram // how late after its time an append was written: ours, not the target's

	Mu       sync.Mutex
	Troubles map[string]int // what went wrong, by text
}

// maxTroubles bounds the kinds of errors that are told apart.
const maxTroubles = 20

// trouble counts something that went wrong.
func (m *Meter) trouble(what string) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if m.Troubles == nil {
		m.Troubles = make(map[string]int)
	}
	if _, known := m.Troubles[what]; !known && len(m.Troubles) >= maxTroubles {
		what = "others"
	}
	m.Troubles[what]++
}

// observe adds a latency to h while the window is open.
func (m *Meter) observe(h *figures.Histogram, d time.Duration) {
	if m.Counting.Load() {
		h.Add(d)
	}
}

// Latencies is all events of both ways together.
func (m *Meter) Latencies() figures.Quantiles { return figures.QuantilesOf(&m.UpLate, &m.DownLate) }

// troubled is how many things went wrong so far.
func (m *Meter) troubled() (n int) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	for _, count := range m.Troubles {
		n += count
	}
	return n
}
