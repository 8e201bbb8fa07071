package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

// The heap may grow by so many percent over what lives before it is collected, unless GOGC says
// otherwise: by calmGrowth while that costs little, so that sessions take little more than what they
// hold; by more while collections take over a twentieth of the CPU, as when thousands of sessions
// begin to talk or webhooks arrive: by up to busyGrowth, or for a small heap by busyHeadroom.
const (
	calmGrowth   = 25
	busyGrowth   = 100
	busyHeadroom = 32 << 20
	mostGrowth   = 400

	costly = 0.05
	cheap  = 0.01

	// starting is how long nothing is concluded from: programs allocate much when they start.
	starting = 5 * time.Second
)

// cgroupLimits are where the kernel tells the memory limit of a container: versions 2 and 1.
var cgroupLimits = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// tuneMemory sets what GOGC and GOMEMLIMIT would, where the operator has set neither: little
// garbage, and a soft limit below the container's, so that bursts end in collections and not in a kill.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(calmGrowth)
		p := &pacer{growth: calmGrowth, measure: measureCosts, set: func(percent int) { debug.SetGCPercent(percent) }}
		time.AfterFunc(starting, p.watch)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softLimit(cgroupLimits))
	}
}

// pacer adjusts the growth of the heap after each collection.
type pacer struct {
	growth  int
	last    costs
	measure func() costs
	set     func(percent int)
}

// costs are what collections, and the whole process, have taken so far in seconds of CPU, and what
// lives in bytes.
type costs struct {
	collections, all float64
	live             uint64
}

func measureCosts() costs {
	m := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/cpu/classes/gc/mark/assist:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/dedicated:cpu-seconds"},
		{Name: "/cpu/classes/total:cpu-seconds"},
		{Name: "/cpu/classes/idle:cpu-seconds"},
	}
	metrics.Read(m)
	seconds := func(i int) float64 { return m[i].Value.Float64() }
	return costs{collections: seconds(1) + seconds(2), all: seconds(3) - seconds(4), live: m[0].Value.Uint64()}
}

// watch has collected called after the next collection, which finds a mark that nobody refers to.
func (p *pacer) watch() {
	mark := new([16]byte)
	runtime.SetFinalizer(mark, func(*[16]byte) { p.collected() })
}

// collected sets the growth that follows from what was spent since the collection before.
func (p *pacer) collected() {
	now := p.measure()
	share := (now.collections - p.last.collections) / (now.all - p.last.all)
	p.last = now
	if next := growth(p.growth, share, now.live); next != p.growth {
		p.growth = next
		p.set(next)
	}
	p.watch()
}

// growth is by how many percent the heap may grow next if collections take such a part of the CPU
// and so many bytes live.
func growth(percent int, share float64, live uint64) int {
	switch {
	case share > costly:
		percent *= 2
	case share < cheap:
		percent /= 2
	}
	most := min(mostGrowth, max(busyGrowth, busyHeadroom*100/max(live, 1)))
	return max(calmGrowth, min(percent, int(most)))
}

// softLimit is four fifths of the first limit that a file tells; no limit if none does.
func softLimit(files []string) int64 {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && limit > 0 && limit < 1<<60 {
			return limit / 5 * 4
		}
	}
	return math.MaxInt64
}
