// Package strict finds what encoding/json lets pass in a body: names that no field has, names in another case, names that
// are given twice, and null where there must be a value. It is a leaf, so that every route of the gateway reads its bodies
// in the same way.
package strict

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Error says which member of a body is wrong, and how.
type Error struct {
	Field  string // as metadata.a or requests[2].url; "" for the body itself
	Detail string
}

// What is wrong with a member, in the words of all routes.
const (
	Unexpected = "unexpected property"
	Twice      = "is given twice"
)

// Error names the member; callers may read it.
func (e *Error) Error() string { return strings.TrimPrefix(e.Field+": "+e.Detail, ": ") }

// Unknown says where raw has a name for which a type, of structs, maps and lists of them, has no field; "" if there is
// none. Left to itself, encoding/json takes names in any case and drops those that it does not know.
func Unknown(raw []byte, t reflect.Type) string {
	return InTurn(raw, func() string {
		if !json.Valid(raw) {
			return "" // which its decoder tells
		}
		return unknownIn(&walker{b: raw}, t)
	})
}

// unknownIn steps over one value, up to a name that is unknown.
func unknownIn(w *walker, t reflect.Type) (at string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	kind, first := t.Kind(), w.peek()
	switch {
	case first == '{' && (kind == reflect.Struct || kind == reflect.Map):
		w.members(func(name string) bool {
			of := typeOf(t, name)
			if of == nil {
				at = name
			} else if rest := unknownIn(w, of); rest != "" {
				at = join(name, rest)
			}
			return at == ""
		})
	case first == '[' && kind == reflect.Slice && (t.Elem().Kind() == reflect.Struct || t.Elem().Kind() == reflect.Pointer):
		w.items(func(n int) bool {
			if rest := unknownIn(w, t.Elem()); rest != "" {
				at = join(fmt.Sprintf("[%d]", n), rest)
			}
			return at == ""
		})
	default: // or of the wrong type, which its decoder tells
		w.skip()
	}
	return at
}

func join(name, rest string) string {
	if strings.HasPrefix(rest, "[") {
		return name + rest
	}
	return name + "." + rest
}

// typeOf is the type of a member's value; nil if the name is unknown.
func typeOf(t reflect.Type, name string) reflect.Type {
	if t.Kind() == reflect.Map {
		return t.Elem()
	}
	for f := range t.Fields() {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name && f.Tag.Get("json") != "" {
			return f.Type
		}
	}
	return nil
}

// Repeated says where an object in raw has a name for the second time; "" if none has, or if raw is no JSON. One parser
// takes the first of the two and the next one the last: what was meant is not known.
func Repeated(raw []byte) string {
	path := InTurn(raw, func() []string {
		if !json.Valid(raw) { // which bounds the depth, too
			return nil
		}
		return repeatedIn(&walker{b: raw})
	})
	slices.Reverse(path)
	return strings.TrimPrefix(strings.Join(path, ""), ".")
}

// repeatedIn steps over one value, up to a name that is there twice, and returns the way to that,
// innermost first.
func repeatedIn(w *walker) (path []string) {
	switch w.peek() {
	case '{':
		seen := map[string]bool{}
		w.members(func(name string) bool {
			if seen[name] {
				path = []string{"." + name}
				return false
			}
			seen[name] = true
			if path = repeatedIn(w); path != nil {
				path = append(path, "."+name)
			}
			return path == nil
		})
	case '[':
		w.items(func(n int) bool {
			if path = repeatedIn(w); path != nil {
				path = append(path, fmt.Sprintf("[%d]", n))
			}
			return path == nil
		})
	default:
		w.skip()
	}
	return path
}

// Members reads one JSON object from d member by member, in any length: member must read the value, or refuse the name.
// Errors are *Error for what is no object or a name that is given twice, those of d, and those of member.
func Members(d *json.Decoder, member func(name string) error) error {
	open, err := d.Token()
	if err != nil {
		return err
	}
	if open != json.Delim('{') {
		return &Error{"", "must be a JSON object"}
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if seen[name] {
			return &Error{name, Twice}
		}
		seen[name] = true
		if err := member(name); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// Clip is what an error repeats of a text that was sent: at most n bytes, cut between characters.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	cut := n - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
