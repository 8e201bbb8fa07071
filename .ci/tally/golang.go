package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// goRun counts the events of go test -json (go doc test2json). A test with subtests is
// not counted beside them. A package that fails though none of its tests did, because it
// does not build or left a goroutine behind, counts as one failure.
type goRun struct {
	count
	out    io.Writer
	said   map[testName][]string // by tests that are not over
	parent map[testName]bool
	failed map[string]int // by package
}

// testName names a test, or with an empty test its package.
type testName struct{ pkg, test string }

type goEvent struct{ Action, Package, Test, Output string }

func newGoRun(out io.Writer) *goRun {
	return &goRun{out: out, said: map[testName][]string{}, parent: map[testName]bool{}, failed: map[string]int{}}
}

// take reports false for a line that is no event.
func (r *goRun) take(line string) bool {
	var e goEvent
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
		return false
	}
	name := testName{e.Package, e.Test}
	switch e.Action {
	case "run":
		if i := strings.LastIndexByte(e.Test, '/'); i >= 0 {
			r.parent[testName{e.Package, e.Test[:i]}] = true
		}
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		if e.Test == "" && strings.HasPrefix(e.Output, "ok ") {
			fmt.Fprint(r.out, e.Output)
		} else {
			r.said[name] = append(r.said[name], e.Output)
		}
	case "pass", "skip", "fail":
		r.over(name, e.Action)
	}
	return true
}

func (r *goRun) over(name testName, action string) {
	said := r.said[name]
	delete(r.said, name)
	if action == "fail" {
		fmt.Fprint(r.out, strings.Join(said, ""))
	}
	switch leaf := name.test != "" && !r.parent[name]; {
	case action == "pass" && leaf:
		r.passed++
	case action == "skip" && leaf:
		r.skipped++
	case action == "fail" && (leaf || name.test == "" && r.failed[name.pkg] == 0):
		r.count.failed++
		r.failed[name.pkg]++
	}
}
