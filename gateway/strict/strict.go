// Package strict finds what encoding/json lets pass in a body: names that no field has, names in another case, names that
// are given twice, and null where there must be a value. It is a leaf, so that every route of the gateway reads its bodies
// in the same way.
package strict

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
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
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Slice:
		return unknownInList(raw, t.Elem())
	case reflect.Struct, reflect.Map:
	default:
		return ""
	}
	keys := map[string]json.RawMessage{}
	if json.Unmarshal(raw, &keys) != nil {
		return "" // of the wrong type, which its decoder tells
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		of := typeOf(t, key)
		if of == nil {
			return key
		}
		if at := Unknown(keys[key], of); at != "" {
			return join(key, at)
		}
	}
	return ""
}

func unknownInList(raw []byte, t reflect.Type) string {
	if kind := t.Kind(); kind != reflect.Struct && kind != reflect.Pointer {
		return ""
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return ""
	}
	for i, raw := range list {
		if at := Unknown(raw, t); at != "" {
			return join(fmt.Sprintf("[%d]", i), at)
		}
	}
	return ""
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
	if !json.Valid(raw) { // which bounds the depth, too
		return ""
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	path := repeatedIn(d)
	slices.Reverse(path)
	return strings.TrimPrefix(strings.Join(path, ""), ".")
}

// repeatedIn reads a value that is valid, up to a name that is there twice, and returns the
// way to that, innermost first.
func repeatedIn(d *json.Decoder) (path []string) {
	open, _ := d.Token()
	if _, nests := open.(json.Delim); !nests {
		return nil
	}
	seen := map[string]bool{}
	for i := 0; d.More(); i++ {
		step := fmt.Sprintf("[%d]", i)
		if open == json.Delim('{') {
			key, _ := d.Token()
			step = fmt.Sprint(".", key)
			if seen[step] {
				return []string{step}
			}
			seen[step] = true
		}
		if path := repeatedIn(d); path != nil {
			return append(path, step)
		}
	}
	_, _ = d.Token() // the end
	return nil
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
