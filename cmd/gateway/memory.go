package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The heap may grow by heapGrowth percent over what lives before it is collected, unless GOGC says
// otherwise, or by leastGrowth bytes if that is more: a node with few sessions that takes many
// webhooks would be busy with collections, and one with many sessions needs no more than they hold.
//
// In a burst, as when thousands of sessions begin to talk, collections follow each other closely. Where
// more than burstFrom bytes live they take long, and audio waits for them. Then the heap may double, or
// grow by mostInBurst bytes if that is less. After calmAfter without a collection it has to be small
// again, and the system gets the rest back.
const (
	heapGrowth  = 25
	leastGrowth = 8 << 20
	mostGrowth  = 400 // percent, of a heap that is nearly empty
	burstFrom   = 64 << 20
	burstGrowth = 100
	mostInBurst = 128 << 20
	calmAfter   = 2 * time.Second
)

// cgroupLimits are where the kernel tells the memory limit of a container: versions 2 and 1.
var cgroupLimits = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// tuneMemory sets what GOGC and GOMEMLIMIT would, where the operator has set neither: little
// garbage, and a soft limit below the container's, so that bursts end in collections and not in a kill.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		newPacer(liveHeap, func(percent int) { debug.SetGCPercent(percent) }, debug.FreeOSMemory).watch()
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softLimit(cgroupLimits))
	}
}

// pacer sets the growth of the heap after each collection.
type pacer struct {
	live func() uint64
	set  func(percent int)
	free func()      // collects, and gives the system back what is not used
	calm *time.Timer // ends a burst

	mu     sync.Mutex
	growth int       // what was set
	last   time.Time // collection
}

func newPacer(live func() uint64, set func(percent int), free func()) *pacer {
	p := &pacer{live: live, set: set, free: free}
	p.calm = time.AfterFunc(calmAfter, p.calmed)
	p.calm.Stop() // until there is a burst
	return p
}

// liveHeap is how many bytes the last collection left.
func liveHeap() uint64 {
	m := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(m)
	return m[0].Value.Uint64()
}

// watch has collected called now and after each collection, which finds a mark that nobody refers to.
func (p *pacer) watch() {
	p.collected()
	mark := new([16]byte)
	runtime.SetFinalizer(mark, func(*[16]byte) { p.watch() })
}

// collected sets the growth that follows from what lives and from when the last collection was.
func (p *pacer) collected() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, live := time.Now(), p.live()
	burst := now.Sub(p.last) < calmAfter
	p.last = now
	p.adjust(growth(live, burst))
	if p.growth > growth(live, false) {
		p.calm.Reset(calmAfter)
	}
}

// calmed ends a burst.
func (p *pacer) calmed() {
	p.mu.Lock()
	p.adjust(growth(p.live(), false))
	p.mu.Unlock()
	p.free()
}

// adjust sets the growth. It is called with mu.
func (p *pacer) adjust(next int) {
	if next != p.growth {
		p.growth = next
		p.set(next)
	}
}

// growth is by how many percent the heap may grow while so many bytes live. Small steps are left
// out: setting it stops the program for a moment.
func growth(live uint64, burst bool) int {
	const step = 5
	percent := min(leastGrowth*100/max(live, 1), mostGrowth)
	if burst && live >= burstFrom {
		percent = max(percent, min(mostInBurst*100/max(live, 1), burstGrowth))
	}
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
