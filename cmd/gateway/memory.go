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
// otherwise: by calmGrowth while collections are rare, so that sessions take little more than what
// they hold; by up to busyGrowth while much is allocated, as when thousands of sessions begin to
// talk or webhooks arrive, but by no more than busyHeadroom.
const (
	calmGrowth   = 25
	busyGrowth   = 400
	busyHeadroom = 64 << 20

	often  = 500 * time.Millisecond // between two collections: they cost too much
	seldom = 5 * time.Second        // they cost nothing
)

// cgroupLimits are where the kernel tells the memory limit of a container: versions 2 and 1.
var cgroupLimits = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// tuneMemory sets what GOGC and GOMEMLIMIT would, where the operator has set neither: little
// garbage, and a soft limit below the container's, so that bursts end in collections and not in a kill.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(calmGrowth)
		(&pacer{growth: calmGrowth, now: time.Now, last: time.Now(), set: func(percent int) { debug.SetGCPercent(percent) }}).watch()
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softLimit(cgroupLimits))
	}
}

// pacer adjusts the growth of the heap after each collection.
type pacer struct {
	growth int
	now    func() time.Time
	last   time.Time // when the heap was last collected
	set    func(percent int)
}

// watch has collected called after the next collection, which finds a mark that nobody refers to.
func (p *pacer) watch() {
	mark := new([16]byte)
	runtime.SetFinalizer(mark, func(*[16]byte) { p.collected() })
}

// collected sets the growth that follows from how long ago the collection before was.
func (p *pacer) collected() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	now := p.now()
	if next := growth(p.growth, now.Sub(p.last), live[0].Value.Uint64()); next != p.growth {
		p.growth = next
		p.set(next)
	}
	p.last = now
	p.watch()
}

// growth is by how many percent the heap may grow next, if it was collected after so long a time
// and so many bytes live.
func growth(percent int, after time.Duration, live uint64) int {
	switch {
	case after < often:
		percent *= 2
	case after > seldom:
		percent /= 2
	}
	most := int(min(busyGrowth, busyHeadroom*100/max(live, 1)))
	return max(calmGrowth, min(percent, most))
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
