package batch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"switchboard/gateway/strict"
)

// scanner reads JSON objects part by part, as their bytes come, and tells of the members that are asked for: those at
// the top ("custom_id") and those of the response ("response.body"). Of a value of any length it holds nothing.
type scanner struct {
	// value gets the JSON text of a wanted member in parts; last comes with the last one, which may be empty. Of a member
	// that is there twice, the first counts.
	value func(name string, part []byte, last bool) error
	wants []string

	at     place
	inside bool   // within the response's object
	key    []byte // as it is written; cut off at longestName
	nest   int    // open brackets of the value
	text   bool   // within a text of the value
	escape bool   // behind a backslash of it
	wanted string // the name of the value; "" if nobody asked for it
	seen   map[string]bool
}

type place int

// Where the next byte stands.
const (
	beforeObject place = iota
	beforeKey
	inKey
	behindKey
	beforeValue
	inValue
	behindObject
	broken
)

const longestName = 64

var errNotObject = errors.New("batch: a line is not a JSON object")

func newScanner(value func(name string, part []byte, last bool) error, wants ...string) *scanner {
	return &scanner{value: value, wants: wants, seen: map[string]bool{}}
}

// end tells whether an object has come, and begins with the next one.
func (f *scanner) end() error {
	whole := f.at == behindObject
	clear(f.seen)
	*f = scanner{value: f.value, wants: f.wants, seen: f.seen, key: f.key[:0]}
	if !whole {
		return errNotObject
	}
	return nil
}

// feed goes on by a part.
func (f *scanner) feed(part []byte) error {
	for len(part) > 0 {
		if f.at == inValue {
			n, err := f.pass(part)
			if err != nil {
				return err
			}
			part = part[n:]
			continue
		}
		if !f.step(part[0]) {
			part = part[1:]
		}
	}
	return nil
}

// step takes one byte that is of no value; true leaves it as the first of one.
func (f *scanner) step(c byte) (leave bool) {
	blank := c == ' ' || c == '\t' || c == '\r' || c == '\n'
	switch f.at {
	case beforeObject:
		if c == '{' {
			f.at = beforeKey
		} else if !blank {
			f.at = broken
		}
	case beforeKey:
		f.stepToKey(c, blank)
	case inKey:
		f.stepInKey(c)
	case behindKey:
		if c == ':' {
			f.at = beforeValue
		}
	case beforeValue:
		if !blank {
			return f.begin(c)
		}
	case behindObject:
		if !blank {
			f.at = broken
		}
	}
	return false
}

func (f *scanner) stepToKey(c byte, blank bool) {
	switch {
	case c == '"':
		f.at, f.key = inKey, f.key[:0]
	case c == '}':
		f.close()
	case c != ',' && !blank:
		f.at = broken
	}
}

func (f *scanner) stepInKey(c byte) {
	switch {
	case f.escape:
		f.escape = false
	case c == '\\':
		f.escape = true
	case c == '"':
		f.at = behindKey
		return
	}
	if len(f.key) < longestName {
		f.key = append(f.key, c)
	}
}

// begin looks at the first byte of a value.
func (f *scanner) begin(c byte) (leave bool) {
	name := f.name()
	if name == "response" && c == '{' {
		f.inside, f.at = true, beforeKey
		return false
	}
	f.wanted = ""
	for _, w := range f.wants {
		if w == name && !f.seen[w] {
			f.wanted, f.seen[w] = w, true
		}
	}
	f.at, f.nest, f.text, f.escape = inValue, 0, false, false
	return true
}

func (f *scanner) name() string {
	name := string(f.key)
	if bytes.IndexByte(f.key, '\\') >= 0 {
		_ = json.Unmarshal(fmt.Appendf(nil, `"%s"`, f.key), &name) // one that cannot be read is not wanted
	}
	if f.inside {
		return "response." + name
	}
	return name
}

// close ends the response's object, or the line's.
func (f *scanner) close() {
	if f.inside {
		f.inside, f.at = false, beforeKey
		return
	}
	f.at = behindObject
}

// pass goes on within a value and returns how much of part is read.
func (f *scanner) pass(part []byte) (int, error) {
	n, ended := f.valueEnd(part)
	if f.wanted != "" {
		if err := f.value(f.wanted, part[:n], ended); err != nil {
			return 0, err
		}
	}
	if !ended {
		return n, nil
	}
	f.at = beforeKey
	return n, nil // the comma or bracket behind it is of the object
}

// valueEnd finds where a value ends: before the comma or the bracket of the object that it is in.
func (f *scanner) valueEnd(part []byte) (n int, ended bool) {
	for n = 0; n < len(part); n++ {
		c := part[n]
		switch {
		case f.escape:
			f.escape = false
		case f.text && c == '\\':
			f.escape = true
		case c == '"':
			f.text = !f.text
		case f.text:
		case c == '{' || c == '[':
			f.nest++
		case c == '}' || c == ']':
			if f.nest == 0 {
				return n, true
			}
			f.nest--
		case c == ',' && f.nest == 0:
			return n, true
		}
	}
	return n, false
}

// errEnough ends eachPart early.
var errEnough = errors.New("batch: no more lines are wanted")

// eachPart calls do with the lines of r that are not blank, numbered from 1, in parts of at most 64 KiB; end comes with a
// line's last part. Parts have no line ends. It holds one part in memory.
func eachPart(r io.Reader, do func(n int, part []byte, end bool) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	for n, begun := 1, false; ; {
		part, err := in.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull && err != io.EOF {
			return fmt.Errorf("read lines: %w", err)
		}
		end := err == nil || err == io.EOF
		if part = bytes.TrimRight(part, "\r\n"); begun || len(bytes.TrimSpace(part)) > 0 {
			begun = !end
			if stop := do(n, part, end); stop == errEnough {
				return nil
			} else if stop != nil {
				return stop
			}
			if end {
				n++
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// eachPartInTurn is eachPart where do waits for nobody: it parses in turn with the bodies of others.
func eachPartInTurn(r io.Reader, do func(n int, part []byte, end bool) error) error {
	return strict.InTurns(r, func(r io.Reader) error { return eachPart(r, do) })
}

// captured keeps a small value that comes in parts; one that is too long is cut off, and no value at all.
type captured struct {
	raw  []byte
	over bool
}

const longestCapture = 4 << 10

func (c *captured) add(part []byte) {
	if len(c.raw)+len(part) > longestCapture {
		c.over = true
		return
	}
	c.raw = append(c.raw, part...)
}

func (c *captured) reset() { c.raw, c.over = c.raw[:0], false }

// string is the value if it is a text, else "".
func (c *captured) string() (s string) {
	if !c.over {
		_ = json.Unmarshal(c.raw, &s) // "" is what is no text
	}
	return s
}
