package main

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
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

func TestHeapGrowsMoreWhileItIsCollectedOften(t *testing.T) {
	for name, row := range map[string]struct {
		percent int
		after   time.Duration
		live    uint64
		want    int
	}{
		"often":               {calmGrowth, time.Millisecond, 10 << 20, 2 * calmGrowth},
		"often, for long":     {busyGrowth, time.Millisecond, 10 << 20, busyGrowth},
		"often, a large heap": {calmGrowth, time.Millisecond, 1 << 30, calmGrowth},
		"often, 128 MiB":      {calmGrowth, time.Millisecond, 128 << 20, 50},
		"now and then":        {100, time.Second, 10 << 20, 100},
		"it has become large": {100, time.Second, 512 << 20, calmGrowth},
		"seldom":              {100, time.Minute, 10 << 20, 50},
		"seldom, for long":    {calmGrowth, time.Minute, 10 << 20, calmGrowth},
		"nothing lives":       {calmGrowth, time.Millisecond, 0, 2 * calmGrowth},
	} {
		if got := growth(row.percent, row.after, row.live); got != row.want {
			t.Errorf("%s: %d percent, want %d", name, got, row.want)
		}
	}
}

func TestPacerSeesEachCollection(t *testing.T) {
	set, at := make(chan int, 1), time.Now()
	p := &pacer{growth: calmGrowth, now: func() time.Time { return at }, last: at, set: func(percent int) { set <- percent }}
	p.watch()
	for _, want := range []int{2 * calmGrowth, 4 * calmGrowth} {
		runtime.GC()
		if got := <-set; got != want {
			t.Fatalf("set to %d percent, want %d", got, want)
		}
	}
}
