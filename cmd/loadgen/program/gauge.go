package program

import (
	"time"

	"switchboard/cmd/loadgen/figures"
)

// Gauge reads what a target's processes have used. Without a process to look at every
// reading is empty, and so is all that is made of it.
type Gauge struct{ process *process }

// GaugeOf makes a Gauge of a process; without a PID it reads nothing.
func GaugeOf(pid int) Gauge {
	if pid == 0 {
		return Gauge{}
	}
	return Gauge{&process{proc: "/proc", pid: pid}}
}

// Reading is one look at a process tree.
type Reading struct {
	known bool
	cpu   time.Duration
	rss   int64 // bytes
}

// Read takes a reading.
func (g Gauge) Read() (Reading, error) {
	if g.process == nil {
		return Reading{}, nil
	}
	cpu, err := g.process.CPU()
	if err != nil {
		return Reading{}, err
	}
	rss, err := g.process.rss()
	return Reading{known: true, cpu: cpu, rss: rss}, err
}

// CpuSince is the CPU used since an earlier reading in microseconds for each of n.
func (r Reading) CpuSince(earlier Reading, n int64) *float64 {
	if !r.known || n == 0 {
		return nil
	}
	return new(figures.Micros(r.cpu-earlier.cpu) / float64(n))
}

// KibSince is the memory gained since an earlier reading for each of n.
func (r Reading) KibSince(earlier Reading, n int) *float64 {
	if !r.known || n == 0 {
		return nil
	}
	return new(float64(r.rss-earlier.rss) / 1024 / float64(n))
}

// KiB is the memory in use; nil if it was not read.
func (r Reading) KiB() *float64 {
	if !r.known {
		return nil
	}
	return new(float64(r.rss) / 1024)
}
