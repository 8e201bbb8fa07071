package main

import (
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// heapGrowth is by how many percent the heap may grow over what lives before it is collected,
// unless GOGC says otherwise. Most of what lives are the sessions' resume histories, which hold no
// pointers and cost little to mark; Go's own 100 would double them.
const heapGrowth = 50

// cgroupLimits are where the kernel tells the memory limit of a container: versions 2 and 1.
var cgroupLimits = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// tuneMemory sets what GOGC and GOMEMLIMIT would, where the operator has set neither: little
// garbage, and a soft limit below the container's, so that bursts end in collections and not in a kill.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softLimit(cgroupLimits))
	}
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
