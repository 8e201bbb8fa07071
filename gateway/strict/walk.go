package strict

import (
	"bytes"
	"encoding/json"
	"strings"
)

// walker steps over JSON that is valid, once, and decodes nothing but names. What it walks is in
// memory already; encoding/json would copy every value once for each level above it.
type walker struct {
	b []byte
	i int
}

// peek is the first byte of the next value, or of what ends a list or an object; 0 at the end.
func (w *walker) peek() byte {
	for ; w.i < len(w.b); w.i++ {
		switch w.b[w.i] {
		case ' ', '\t', '\n', '\r', ',', ':':
		default:
			return w.b[w.i]
		}
	}
	return 0
}

// members calls member for each name of the object that is next. It has to step over the value,
// and ends the walk with false.
func (w *walker) members(member func(name string) bool) bool {
	w.i++
	for w.peek() == '"' {
		from := w.i
		w.str()
		if !member(nameOf(w.b[from:w.i])) {
			return false
		}
	}
	w.i++
	return true
}

// items calls item for each value of the list that is next, as members does.
func (w *walker) items(item func(n int) bool) bool {
	w.i++
	for n := 0; ; n++ {
		switch w.peek() {
		case ']', 0:
			w.i++
			return true
		}
		if !item(n) {
			return false
		}
	}
}

// skip steps over one value.
func (w *walker) skip() {
	for depth := 0; ; {
		switch w.peek() {
		case 0:
			return
		case '"':
			w.str()
		case '{', '[':
			depth++
			w.i++
		case '}', ']':
			depth--
			w.i++
		default:
			w.word()
		}
		if depth <= 0 {
			return
		}
	}
}

// word steps over a number, true, false or null, and returns it.
func (w *walker) word() []byte {
	from := w.i
	for w.i < len(w.b) && !strings.ContainsRune(" \t\n\r,:]}", rune(w.b[w.i])) {
		w.i++
	}
	return w.b[from:w.i]
}

// str steps over a string.
func (w *walker) str() {
	for w.i++; w.i < len(w.b); {
		end := bytes.IndexByte(w.b[w.i:], '"')
		if end < 0 {
			w.i = len(w.b)
			return
		}
		if escape := bytes.IndexByte(w.b[w.i:w.i+end], '\\'); escape >= 0 {
			w.i += escape + 2 // what is escaped ends nothing
			continue
		}
		w.i += end + 1
		return
	}
}

// nameOf is a name as it is meant.
func nameOf(quoted []byte) (name string) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	_ = json.Unmarshal(quoted, &name) // it is valid
	return name
}
