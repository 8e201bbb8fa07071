package program

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"switchboard/cmd/loadgen/figures"
)

// A master with two workers, one of them with a bracket and a blank in its name, and
// somebody else's process.
func fakeProc(t *testing.T) string {
	proc := t.TempDir()
	for name, text := range map[string]string{
		"100/stat":               "100 (nginx: master) S 1 100 100 0 -1",
		"100/task/100/schedstat": "1000000 55 3\n",
		"100/smaps_rollup":       "00-ff ---p 00000000 00:00 0 [rollup]\nRss:                1024 kB\nPss: 9 kB\n",
		"101/stat":               "101 (a) b) c) S 100 100 100 0 -1",
		"101/task/101/schedstat": "2000000 0 1\n",
		"101/task/105/schedstat": "3000000 0 1\n",
		"101/status":             "Name:\tx\nVmRSS:\t    2048 kB\n",
		"102/stat":               "102 (worker) S 101 100 100 0 -1",
		"102/task/102/schedstat": "500000 0 1\n",
		"102/smaps_rollup":       "Rss: 512 kB\n",
		"200/stat":               "200 (other) S 1 200 200 0 -1",
		"200/task/200/schedstat": "7000000000 0 1\n",
		"200/smaps_rollup":       "Rss: 99999 kB\n",
		"300/stat":               "300 (broken) S 1 300",
		"300/task/300/schedstat": "many\n",
	} {
		path := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return proc
}

func TestProcessTree(t *testing.T) {
	p := process{proc: fakeProc(t), pid: 100}
	if cpu, err := p.CPU(); err != nil || cpu != 6500*time.Microsecond {
		t.Errorf("cpu is %s, %v", cpu, err)
	}
	if rss, err := p.rss(); err != nil || rss != 3584<<10 {
		t.Errorf("rss is %d KiB, %v", rss>>10, err)
	}
}

func TestProcessUnknown(t *testing.T) {
	proc := fakeProc(t)
	if cpu, err := (process{proc: proc, pid: 999}).CPU(); err == nil {
		t.Errorf("a process that is not there used %s", cpu)
	}
	if cpu, err := (process{proc: proc, pid: 300}).CPU(); err == nil {
		t.Errorf("a process without a figure used %s", cpu)
	}
	if rss, err := (process{proc: proc, pid: 300}).rss(); err == nil {
		t.Errorf("a process without a figure holds %d", rss)
	}
}

// This test's own process must be readable: the files' shape is the kernel's, not ours.
func TestProcessOwn(t *testing.T) {
	g := GaugeOf(os.Getpid())
	before, err := g.Read()
	if err != nil {
		t.Fatal(err)
	}
	if before.cpu <= 0 || before.rss < 1<<20 {
		t.Errorf("own reading is %+v", before)
	}
	after := Reading{known: true, cpu: before.cpu + 30*time.Microsecond, rss: before.rss + 20<<10}
	if used := after.CpuSince(before, 10); used == nil || *used != 3 {
		t.Errorf("CPU for each of 10: %s µs", figures.Figure(used))
	}
	if held := after.KibSince(before, 10); held == nil || *held != 2 {
		t.Errorf("memory for each of 10: %s KiB", figures.Figure(held))
	}
	if after.CpuSince(before, 0) != nil || (Reading{}).KibSince(Reading{}, 5) != nil || (Reading{}).KiB() != nil {
		t.Error("a figure was made of nothing")
	}
}
