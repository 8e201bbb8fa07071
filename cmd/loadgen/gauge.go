package main

import "time"

// gauge reads what a target's processes have used. Without a process to look at every
// reading is empty, and so is all that is made of it.
type gauge struct{ process *process }

func newGauge(pid int) gauge {
	if pid == 0 {
		return gauge{}
	}
	return gauge{&process{proc: "/proc", pid: pid}}
}

// reading is one look at a process tree.
type reading struct {
	known bool
	cpu   time.Duration
	rss   int64 // bytes
}

func (g gauge) read() (reading, error) {
	if g.process == nil {
		return reading{}, nil
	}
	cpu, err := g.process.cpu()
	if err != nil {
		return reading{}, err
	}
	rss, err := g.process.rss()
	return reading{known: true, cpu: cpu, rss: rss}, err
}

// cpuSince is the CPU used since an earlier reading in microseconds for each of n.
func (r reading) cpuSince(earlier reading, n int64) *float64 {
	if !r.known || n == 0 {
		return nil
	}
	return new(micros(r.cpu-earlier.cpu) / float64(n))
}

// kibSince is the memory gained since an earlier reading for each of n.
func (r reading) kibSince(earlier reading, n int) *float64 {
	if !r.known || n == 0 {
		return nil
	}
	return new(float64(r.rss-earlier.rss) / 1024 / float64(n))
}

func (r reading) kib() *float64 {
	if !r.known {
		return nil
	}
	return new(float64(r.rss) / 1024)
}
