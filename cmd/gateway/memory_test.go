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

func TestHeapGrowsMoreWhileCollectionsAreCostly(t *testing.T) {
	for name, row := range map[string]struct {
		percent int
		share   float64
		live    uint64
		want    int
	}{
		"costly":               {calmGrowth, 0.3, 10 << 20, 2 * calmGrowth},
		"costly, for long":     {300, 0.3, 10 << 20, 320},
		"costly, a tiny heap":  {300, 0.3, 1 << 20, mostGrowth},
		"costly, a large heap": {busyGrowth, 0.3, 1 << 30, busyGrowth},
		"neither":              {80, 0.03, 10 << 20, 80},
		"it has become large":  {320, 0.03, 512 << 20, busyGrowth},
		"cheap":                {80, 0.001, 10 << 20, 40},
		"cheap, for long":      {calmGrowth, 0.001, 10 << 20, calmGrowth},
		"nothing lives":        {calmGrowth, 0.3, 0, 2 * calmGrowth},
	} {
		if got := growth(row.percent, row.share, row.live); got != row.want {
			t.Errorf("%s: %d percent, want %d", name, got, row.want)
		}
	}
}

func TestPacerSeesEachCollection(t *testing.T) {
	set := make(chan int)
	p := &pacer{growth: calmGrowth, set: func(percent int) { set <- percent }}
	p.measure = func() costs {
		return costs{collections: p.last.collections + 1, all: p.last.all + 10}
	}
	p.watch()
	for want := 2 * calmGrowth; want <= mostGrowth; want *= 2 {
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

func TestCollectionsAreMeasured(t *testing.T) {
	before := measureCosts()
	runtime.GC()
	if after := measureCosts(); after.collections <= before.collections || after.all <= before.all || after.live == 0 {
		t.Errorf("before %+v, after %+v", before, after)
	}
}
