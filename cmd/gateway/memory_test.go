package main

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSoftLimitIsBelowTheContainers(t *testing.T) {
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "limit")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	missing := filepath.Join(t.TempDir(), "missing")
	for name, row := range map[string]struct {
		files []string
		want  int64
	}{
		"version 2":           {[]string{file("1000000000\n"), missing}, 800_000_000},
		"version 1":           {[]string{missing, file("1000000000\n")}, 800_000_000},
		"version 2, no limit": {[]string{file("max\n"), missing}, math.MaxInt64},
		"version 1, no limit": {[]string{missing, file("9223372036854771712\n")}, math.MaxInt64},
		"no container":        {[]string{missing, missing}, math.MaxInt64},
	} {
		if got := softLimit(row.files); got != row.want {
			t.Errorf("%s: %d, want %d", name, got, row.want)
		}
	}
}

func TestGrowthFollowsWhatLives(t *testing.T) {
	for live, want := range map[uint64]struct{ calm, burst int }{
		0:             {mostGrowth, mostGrowth},
		1 << 20:       {mostGrowth, mostGrowth},
		8 << 20:       {100, 100},
		12 << 20:      {65, 65},
		32 << 20:      {heapGrowth, heapGrowth},
		burstFrom - 1: {heapGrowth, heapGrowth},
		burstFrom:     {heapGrowth, burstGrowth},
		128 << 20:     {heapGrowth, burstGrowth},
		256 << 20:     {heapGrowth, 50},
		1 << 30:       {heapGrowth, heapGrowth},
		100 << 30:     {heapGrowth, heapGrowth},
	} {
		if got := growth(live, false); got != want.calm {
			t.Errorf("%d bytes live: %d percent, want %d", live, got, want.calm)
		}
		if got := growth(live, true); got != want.burst {
			t.Errorf("%d bytes live, in a burst: %d percent, want %d", live, got, want.burst)
		}
	}
}

func TestHeapMayGrowMoreInABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const live = burstFrom
		const freed = -1
		var mu sync.Mutex
		var did []int
		note := func(what int) {
			mu.Lock()
			defer mu.Unlock()
			did = append(did, what)
		}
		p := newPacer(func() uint64 { return live }, note, func() { note(freed) })
		at := func(after time.Duration, do func(), want ...int) {
			t.Helper()
			time.Sleep(after)
			do()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(did, want) {
				t.Errorf("did %v, want %v", did, want)
			}
		}
		at(0, p.collected, heapGrowth)
		at(calmAfter, p.collected, heapGrowth)
		at(calmAfter/2, p.collected, heapGrowth, burstGrowth)
		at(calmAfter/2, p.collected, heapGrowth, burstGrowth)
		at(calmAfter-1, func() {}, heapGrowth, burstGrowth)
		at(1, func() {}, heapGrowth, burstGrowth, heapGrowth, freed)
		at(0, p.collected, heapGrowth, burstGrowth, heapGrowth, freed) // which freeing asked for
		at(10*calmAfter, p.collected, heapGrowth, burstGrowth, heapGrowth, freed)
	})
}

func TestPacerSeesEachCollection(t *testing.T) {
	set, live := make(chan int), uint64(1<<20)
	p := newPacer(func() uint64 { live *= 2; return live }, func(percent int) {
		select {
		case set <- percent:
		case <-t.Context().Done(): // finalizers outlive the test
		}
	}, func() {})
	p.calm.Stop()
	go p.watch()
	if got := <-set; got != growth(2<<20, false) {
		t.Fatalf("set to %d percent first", got)
	}
	for _, want := range []int{200, 100, 50, heapGrowth, burstGrowth, 50, heapGrowth} { // with 4, 8, 16, 32, 64 and 128, 256, and 512 MiB
		if got := collect(set); got != want {
			t.Fatalf("set to %d percent, want %d", got, want)
		}
	}
}

// collect collects until something is set: the next mark may be made later than a collection.
func collect(set <-chan int) int {
	for {
		runtime.GC()
		select {
		case got := <-set:
			return got
		default:
		}
	}
}

func TestLiveHeapIsRead(t *testing.T) {
	large := make([]byte, 32<<20)
	runtime.GC()
	if got := liveHeap(); got < uint64(len(large)) {
		t.Errorf("%d bytes live, with one slice of %d", got, len(large))
	}
	runtime.KeepAlive(large)
}
