package main

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
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
	for live, want := range map[uint64]int{
		0:         mostGrowth,
		1 << 20:   mostGrowth,
		8 << 20:   100,
		12 << 20:  65,
		32 << 20:  heapGrowth,
		1 << 30:   heapGrowth,
		100 << 30: heapGrowth,
	} {
		if got := growth(live); got != want {
			t.Errorf("%d bytes live: %d percent, want %d", live, got, want)
		}
	}
}

func TestPacerSeesEachCollection(t *testing.T) {
	set, live := make(chan int), uint64(1<<20)
	p := &pacer{live: func() uint64 { live *= 2; return live }, set: func(percent int) {
		select {
		case set <- percent:
		case <-t.Context().Done(): // finalizers outlive the test
		}
	}}
	go p.collected()
	if got := <-set; got != growth(2<<20) {
		t.Fatalf("set to %d percent first", got)
	}
	for at := uint64(4 << 20); at <= 32<<20; at *= 2 {
		if got := collect(set); got != growth(at) {
			t.Fatalf("set to %d percent with %d bytes, want %d", got, at, growth(at))
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
