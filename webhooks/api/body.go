package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"switchboard/gateway/problem"
	"switchboard/gateway/strict"
)

// invalid refuses a member of a body by its name.
func invalid(field, message string) huma.StatusError {
	location := "body"
	if field != "" {
		location = strings.Replace("body."+strict.Clip(field, longestShown), ".[", "[", 1)
	}
	joint := " "
	if message == strict.Unexpected {
		joint = ": "
	}
	return problem.Of(http.StatusUnprocessableEntity, location+joint+message, &huma.ErrorDetail{Location: location, Message: message})
}

// longestShown is how much of what was sent an error repeats.
const longestShown = 100

// decode reads a body to the letter: every name known, and given once.
func decode(raw []byte, into any) error {
	var nothing json.RawMessage
	switch {
	case !utf8.Valid(raw):
		return problem.Of(400, "the body is not UTF-8")
	case !json.Valid(raw):
		return notJSON(json.Unmarshal(raw, &nothing))
	}
	if at := strict.Repeated(raw); at != "" {
		return invalid(at, strict.Twice)
	}
	if at := strict.Unknown(raw, reflect.TypeOf(into)); at != "" {
		return invalid(at, strict.Unexpected)
	}
	if null := strict.NullOf(raw, reflect.TypeOf(into).Elem()); null != nil {
		return invalid(null.Field, null.Detail)
	}
	return mistyped("", strict.InTurn(raw, func() error { return json.Unmarshal(raw, into) }))
}

func notJSON(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends too early")
	}
	return problem.Of(400, "the body is not JSON: "+err.Error())
}

// mistyped names the member whose type is wrong, beneath a path.
func mistyped(path string, err error) error {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err
	}
	return invalid(strings.Trim(path+"."+wrong.Field, "."), "cannot be of JSON type "+wrong.Value)
}

// readJSON reads a small body whole and to the letter.
func readJSON(body io.Reader, limit int64, into any) error {
	raw, err := io.ReadAll(io.LimitReader(body, limit+1))
	switch {
	case err != nil:
		return err
	case int64(len(raw)) > limit:
		return tooMuchJSON(limit)
	}
	return decode(raw, into)
}

func tooMuchJSON(limit int64) error {
	return problem.Of(413, fmt.Sprintf("a body of JSON has at most %d KiB; what is larger is uploaded as a file", limit>>10))
}

// field is one of a form, or of a query.
type field struct{ name, value string }

// decodeFields reads fields as if they were the members of a body of JSON: those that are texts there as they are, all
// others as JSON.
func decodeFields(fields []field, into any) error {
	t := reflect.TypeOf(into).Elem()
	var body bytes.Buffer
	body.WriteByte('{')
	for i, f := range fields {
		if slices.ContainsFunc(fields[:i], func(before field) bool { return before.name == f.name }) {
			return invalid(f.name, strict.Twice)
		}
		name, _ := json.Marshal(f.name) // a string always encodes
		value := []byte(f.value)
		if isText(t, f.name) {
			value, _ = json.Marshal(f.value)
		} else if !json.Valid(value) && strict.Unknown(fmt.Appendf(nil, "{%s:0}", name), t) == "" {
			return invalid(f.name, "must be JSON in a form")
		} else if !json.Valid(value) {
			return invalid(f.name, strict.Unexpected)
		}
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, "%s:%s", name, value)
	}
	body.WriteByte('}')
	return decode(body.Bytes(), into)
}

// isText reports whether the member of a struct that is called so is a text.
func isText(t reflect.Type, name string) bool {
	for f := range t.Fields() {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name {
			return f.Type.Kind() == reflect.String
		}
	}
	return false
}
