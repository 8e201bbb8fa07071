package figures

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Table is rows of text below a head; the first column is names, the others figures.
type Table struct {
	Head []string
	Rows [][]string
}

// Add adds a row.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Plain writes the table for a terminal.
func (t *Table) Plain(w io.Writer) error {
	widths := make([]int, len(t.Head))
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				b.WriteString(cell + pad)
			} else {
				b.WriteString("  " + pad + cell)
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// Markdown writes the table for a page.
func (t *Table) Markdown(w io.Writer) error {
	lines := []string{line(t.Head), "|---|" + strings.Repeat("---:|", len(t.Head)-1)}
	for _, cells := range t.Rows {
		lines = append(lines, line(cells))
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

func line(cells []string) string { return "| " + strings.Join(cells, " | ") + " |" }

// Figure writes a number with three digits that mean something, thousands apart, and a
// dash for none.
func Figure(x *float64) string {
	switch {
	case x == nil:
		return "–"
	case math.Abs(*x) < 10:
		return strconv.FormatFloat(*x, 'f', 2, 64)
	case math.Abs(*x) < 100:
		return strconv.FormatFloat(*x, 'f', 1, 64)
	}
	digits := strconv.FormatFloat(math.Abs(*x), 'f', 0, 64)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	if *x < 0 {
		return "-" + digits
	}
	return digits
}

// Count writes a whole number.
func Count[N int | int64 | uint64](n N) string {
	if n < 100 {
		return strconv.Itoa(int(n))
	}
	return Figure(new(float64(n)))
}
