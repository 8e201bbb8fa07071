package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"switchboard/session"
)

// decodeStrict reads one JSON object with known fields only, spelled as they are known: left
// to itself, encoding/json takes them in any case. An empty body is an empty object.
func decodeStrict(r io.Reader, into any) error {
	raw, err := io.ReadAll(r)
	if err == nil && len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	if err != nil || !json.Valid(raw) {
		return refuse(400, "malformed-request", "the body is not one JSON value")
	}
	if at := unknownKey(raw, reflect.TypeOf(into)); at != "" {
		return &session.InvalidError{Field: at, Detail: "unknown parameter"}
	}
	err = json.Unmarshal(raw, into)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &session.InvalidError{Field: orDefault(wrong.Field, "body"), Detail: "has the wrong type"}
	}
	return err
}

// unknownKey says where raw has a key for which a type, of structs and maps, has no field;
// "" if there is none.
func unknownKey(raw []byte, t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	keys := map[string]json.RawMessage{}
	if t.Kind() != reflect.Struct && t.Kind() != reflect.Map || json.Unmarshal(raw, &keys) != nil {
		return "" // free, or of the wrong type, which its decoder tells
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		of := typeOfKey(t, key)
		if of == nil {
			return key
		}
		if at := unknownKey(keys[key], of); at != "" {
			return key + "." + at
		}
	}
	return ""
}

// typeOfKey is that of a key's value; nil if the key is unknown.
func typeOfKey(t reflect.Type, key string) reflect.Type {
	if t.Kind() == reflect.Map {
		return t.Elem()
	}
	for f := range t.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name == key {
			return f.Type
		}
	}
	return nil
}

// repeatedKey says where an object in raw has a key for the second time; "" if none has, or
// if raw is no JSON. One parser takes the first of the two and the next one the last: what
// was meant is not known.
func repeatedKey(raw []byte) string {
	if !json.Valid(raw) { // which bounds the depth, too
		return ""
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	path := repeatedIn(d)
	slices.Reverse(path)
	return strings.TrimPrefix(strings.Join(path, ""), ".")
}

// repeatedIn reads a value that is valid, up to a key that is there twice, and returns the
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
