package program

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a process with its descendants (nginx's workers, a shell's child), as
// /proc shows them.
type process struct {
	proc string // "/proc"; tests put a copy elsewhere
	pid  int
}

// CPU is the time all its living threads have spent on a CPU, from schedstat, which
// counts in nanoseconds where stat counts in hundredths of a second. Threads that
// ended take their time with them: compare two readings of a process that keeps its threads.
func (p process) CPU() (time.Duration, error) {
	var sum time.Duration
	err := p.each(func(pid int) error {
		files, err := filepath.Glob(p.path(pid, "task/*/schedstat"))
		if err != nil {
			return err
		}
		for _, name := range files {
			ns, err := firstNumber(name)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
				continue // a thread that ended since the listing
			}
			if err != nil {
				return err
			}
			sum += time.Duration(ns)
		}
		return nil
	})
	return sum, err
}

// rss is the resident memory of the tree in bytes; pages that several of its processes
// share count for each.
func (p process) rss() (int64, error) {
	var sum int64
	err := p.each(func(pid int) error {
		kib, err := Field(p.path(pid, "smaps_rollup"), "Rss:")
		if err != nil { // not ours to look into, or no such file in this kernel
			kib, err = Field(p.path(pid, "status"), "VmRSS:")
		}
		sum += kib << 10
		return err
	})
	return sum, err
}

// each calls f for the process and every descendant.
func (p process) each(f func(pid int) error) error {
	if _, err := os.Stat(p.path(p.pid, "stat")); err != nil {
		return fmt.Errorf("find process %d: %w", p.pid, err)
	}
	children, err := p.children()
	if err != nil {
		return err
	}
	tree := []int{p.pid}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, children[tree[i]]...)
		if err := f(tree[i]); err != nil {
			return fmt.Errorf("read process %d: %w", tree[i], err)
		}
	}
	return nil
}

// children lists the children of every process by parent.
func (p process) children() (map[int][]int, error) {
	stats, err := filepath.Glob(filepath.Join(p.proc, "[0-9]*", "stat"))
	if err != nil {
		return nil, err
	}
	children := make(map[int][]int)
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // ended since the listing
		}
		// "pid (name) state ppid …": the name may hold blanks and brackets.
		rest := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil || len(rest) < 2 {
			continue
		}
		if parent, err := strconv.Atoi(rest[1]); err == nil {
			children[parent] = append(children[parent], pid)
		}
	}
	return children, nil
}

func (p process) path(pid int, name string) string {
	return filepath.Join(p.proc, strconv.Itoa(pid), name)
}

// firstNumber reads the number a file begins with.
func firstNumber(name string) (int64, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), " ")
	return strconv.ParseInt(strings.TrimSpace(first), 10, 64)
}

// Field reads the number behind a label at the start of a line.
func Field(name, label string) (int64, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, label); found {
			return strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s: no %s", name, label)
}
