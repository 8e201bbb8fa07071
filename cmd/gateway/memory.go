package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
)

// The heap may grow by heapGrowth percent over what lives before it is collected, unless GOGC says
// otherwise, or by leastGrowth bytes if that is more: a node with few sessions that takes many
// webhooks would be busy with collections, and one with many sessions needs no more than they hold.
const (
	heapGrowth  = 25
	leastGrowth = 8 << 20
	mostGrowth  = 400 // percent, of a heap that is nearly empty
)

// cgroupLimits are where the kernel tells the memory limit of a container: versions 2 and 1.
var cgroupLimits = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// tuneMemory sets what GOGC and GOMEMLIMIT would, where the operator has set neither: little
// garbage, and a soft limit below the container's, so that bursts end in collections and not in a kill.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		p := &pacer{live: liveHeap, set: func(percent int) { debug.SetGCPercent(percent) }}
		p.collected()
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softLimit(cgroupLimits))
	}
}

// pacer sets the growth of the heap after each collection.
type pacer struct {
	growth int
	live   func() uint64
	set    func(percent int)
}

// liveHeap is how many bytes the last collection left.
func liveHeap() uint64 {
	m := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(m)
	return m[0].Value.Uint64()
}

// collected sets the growth that follows from what lives. It is called again after the next
// collection, which finds a mark that nobody refers to.
func (p *pacer) collected() {
	if next := growth(p.live()); next != p.growth {
		p.growth = next
		p.set(next)
	}
	mark := new([16]byte)
	runtime.SetFinalizer(mark, func(*[16]byte) { p.collected() })
}

// growth is by how many percent the heap may grow while so many bytes live. Small steps are left
// out: setting it stops the program for a moment.
func growth(live uint64) int {
	const step = 5
	percent := min(leastGrowth*100/max(live, 1), mostGrowth)
	return max(heapGrowth, int(percent)/step*step)
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
