// Tally shows what matters of a test run and counts it.
//
//	go test -json ./... | tally DIR/go     one line per package, and what failing tests said
//	npm test | tally DIR/web               all but the lines of what passed (node's spec reporter)
//	tally -sum DIR                         the counts, then "N passed, N failed" of all
//
// Whether the run itself failed is for the shell's pipefail.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// count is what became of tests.
type count struct{ passed, failed, skipped int }

func (c count) plus(d count) count {
	return count{c.passed + d.passed, c.failed + d.failed, c.skipped + d.skipped}
}

// String names what was skipped only where something was.
func (c count) String() string {
	text := fmt.Sprintf("%d passed, %d failed", c.passed, c.failed)
	if c.skipped > 0 {
		text += fmt.Sprintf(", %d skipped", c.skipped)
	}
	return text
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "-sum":
		return sum(args[1], os.Stdout)
	case len(args) == 1:
		return keep(args[0], os.Stdin, os.Stdout)
	}
	return errors.New("usage: tally FILE | tally -sum DIR")
}

// keep shows a run and writes its count to a file.
func keep(file string, in io.Reader, out io.Writer) error {
	c, err := read(in, out)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, fmt.Appendln(nil, c.passed, c.failed, c.skipped), 0o644)
}

// read tells the two formats apart by the line.
func read(in io.Reader, out io.Writer) (count, error) {
	golang, node := newGoRun(out), nodeRun{out: out}
	lines := bufio.NewReader(in) // a Scanner gives up on long lines
	for {
		line, err := lines.ReadString('\n')
		if line != "" && !golang.take(line) {
			node.take(line)
		}
		if errors.Is(err, io.EOF) {
			return golang.count.plus(node.count), nil
		}
		if err != nil {
			return count{}, err
		}
	}
}

// sum adds up the counts in a directory.
func sum(dir string, out io.Writer) error {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return err
	}
	var all count
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var c count
		if _, err := fmt.Sscan(string(text), &c.passed, &c.failed, &c.skipped); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Fprintf(out, "%-12s %s\n", filepath.Base(file), c)
		all = all.plus(c)
	}
	fmt.Fprintln(out, all)
	if all.failed > 0 || all.passed == 0 {
		return errors.New("not all tests passed")
	}
	return nil
}
