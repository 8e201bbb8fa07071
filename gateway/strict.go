package gateway

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"reflect"

	"switchboard/gateway/problem"
	"switchboard/gateway/strict"
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
		return problem.New(400, "malformed-request", "the body is not one JSON value")
	}
	if at := strict.Unknown(raw, reflect.TypeOf(into)); at != "" {
		return &session.InvalidError{Field: at, Detail: "unknown parameter"}
	}
	if null := strict.NullOf(raw, reflect.TypeOf(into).Elem()); null != nil {
		return &session.InvalidError{Field: null.Field, Detail: null.Detail}
	}
	err = strict.InTurn(raw, func() error { return json.Unmarshal(raw, into) })
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return &session.InvalidError{Field: cmp.Or(wrong.Field, "body"), Detail: "has the wrong type"}
	}
	return err
}
