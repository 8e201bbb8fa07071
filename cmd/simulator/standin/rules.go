package standin

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"unicode/utf8"
)

// rule checks a decoded JSON value; path names it in the error, as in "session.audio.input".
type rule func(v any, path string) *apiError

// fields are the members an object may have.
type fields map[string]rule

// object accepts exactly the members of f; required ones must be there.
func object(f fields, required ...string) rule {
	return func(v any, path string) *apiError {
		m, ok := v.(map[string]any)
		if !ok {
			return errType(path, "an object", v)
		}
		for _, name := range required {
			if _, ok := m[name]; !ok {
				return errMissingParameter(join(path, name))
			}
		}
		return f.check(m, path)
	}
}

// check reports what is wrong with the first of m's members by name, of those that are wrong.
func (f fields) check(m map[string]any, path string) (first *apiError) {
	at := ""
	for name, v := range m {
		if first != nil && name > at {
			continue
		}
		check, ok := f[name]
		if !ok {
			check = unknown
		}
		if e := check(v, join(path, name)); e != nil {
			first, at = e, name
		}
	}
	return first
}

func unknown(_ any, path string) *apiError { return errUnknownParameter(path) }

// union picks the rule by the object's member key.
func union(key string, arms map[string]rule) rule {
	return func(v any, path string) *apiError {
		m, ok := v.(map[string]any)
		if !ok {
			return errType(path, "an object", v)
		}
		tag, ok := m[key]
		if !ok {
			return errMissingParameter(join(path, key))
		}
		name, ok := tag.(string)
		if !ok {
			return errType(join(path, key), "a string", tag)
		}
		arm, ok := arms[name]
		if !ok {
			return errUnsupported(join(path, key), name, slices.Sorted(maps.Keys(arms)))
		}
		return arm(v, path)
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func listOf(each rule) rule {
	return func(v any, path string) *apiError {
		list, ok := v.([]any)
		if !ok {
			return errType(path, "an array", v)
		}
		for i, item := range list {
			if e := each(item, fmt.Sprintf("%s[%d]", path, i)); e != nil {
				return e
			}
		}
		return nil
	}
}

func orNullRule(r rule) rule {
	return func(v any, path string) *apiError {
		if v == nil {
			return nil
		}
		return r(v, path)
	}
}

func text(v any, path string) *apiError {
	if _, ok := v.(string); !ok {
		return errType(path, "a string", v)
	}
	return nil
}

func boolean(v any, path string) *apiError {
	if _, ok := v.(bool); !ok {
		return errType(path, "a boolean", v)
	}
	return nil
}

func anything(any, string) *apiError { return nil }

func freeObject(v any, path string) *apiError {
	if _, ok := v.(map[string]any); !ok {
		return errType(path, "an object", v)
	}
	return nil
}

func oneOf(values ...string) rule {
	return func(v any, path string) *apiError {
		s, ok := v.(string)
		if !ok {
			return errType(path, "a string", v)
		}
		if !slices.Contains(values, s) {
			return errUnsupported(path, s, values)
		}
		return nil
	}
}

func shortText(limit int) rule {
	return func(v any, path string) *apiError {
		s, ok := v.(string)
		if !ok {
			return errType(path, "a string", v)
		}
		if n := utf8.RuneCountInString(s); n > limit {
			return invalid("string_above_max_length", path,
				"Invalid '%s': string too long. Expected a string with maximum length %d, but got a string with length %d instead.", path, limit, n)
		}
		return nil
	}
}

var identifierPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// identifier is a name that a client chooses for an item, a call or a tool.
func identifier(limit int) rule {
	return func(v any, path string) *apiError {
		if e := shortText(limit)(v, path); e != nil {
			return e
		}
		if s := v.(string); !identifierPattern.MatchString(s) {
			return invalid("invalid_value", path, "Invalid '%s': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.", path)
		}
		return nil
	}
}

func integer(least, most float64) rule {
	return func(v any, path string) *apiError {
		n, ok := v.(float64)
		if !ok || n != math.Trunc(n) {
			return errType(path, "an integer", v)
		}
		return inRange("integer", n, least, most, path)
	}
}

func decimal(least, most float64) rule {
	return func(v any, path string) *apiError {
		n, ok := v.(float64)
		if !ok {
			return errType(path, "a decimal", v)
		}
		return inRange("decimal", n, least, most, path)
	}
}

func inRange(kind string, n, least, most float64, path string) *apiError {
	switch {
	case n < least:
		return invalid(kind+"_below_min_value", path, "Invalid '%s': %s below minimum value. Expected a value >= %g, but got %g instead.", path, kind, least, n)
	case n > most:
		return invalid(kind+"_above_max_value", path, "Invalid '%s': %s above maximum value. Expected a value <= %g, but got %g instead.", path, kind, most, n)
	}
	return nil
}

// base64Audio is a rule for audio inside items. Appends have their own, faster check.
func base64Audio(v any, path string) *apiError {
	s, ok := v.(string)
	if !ok {
		return errType(path, "a string", v)
	}
	if s == "" {
		return errAudio(path, "empty bytes")
	}
	if _, err := base64.StdEncoding.DecodeString(s); err != nil {
		return errAudio(path, "an invalid value")
	}
	return nil
}

func errAudio(path, got string) *apiError {
	return invalid("invalid_value", path, "Invalid '%s'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) but got %s.", path, got)
}

func errType(path, want string, got any) *apiError {
	return invalid("invalid_type", path, "Invalid type for '%s': expected %s, but got %s instead.", path, want, kindOf(got))
}

func kindOf(v any) string {
	switch n := v.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case []any:
		return "an array"
	case float64:
		if n == math.Trunc(n) {
			return "an integer"
		}
		return "a decimal number"
	default:
		return "an object"
	}
}
