package main

import (
	"fmt"
	"io"
	"strings"
)

// nodeRun counts what node's spec reporter says at the end of each of its runs.
type nodeRun struct {
	count
	out io.Writer
}

func (r *nodeRun) take(line string) {
	var what string
	var n int
	if _, err := fmt.Sscanf(line, "ℹ %s %d", &what, &n); err == nil {
		switch what {
		case "pass":
			r.passed += n
		case "fail", "cancelled":
			r.failed += n
		case "skipped", "todo":
			r.skipped += n
		case "duration_ms": // the last line of a run
			fmt.Fprintln(r.out, r.count)
		}
	}
	if text := strings.TrimSpace(line); strings.HasPrefix(text, "✔") || strings.HasPrefix(text, "ℹ") || text == "" {
		return
	}
	fmt.Fprint(r.out, line)
}
