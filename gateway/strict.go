package gateway

import (
	"encoding/json"
	"errors"
	"io"
	"strings"

	"switchboard/session"
)

// decodeStrict reads one JSON object with known fields only. An empty body is an empty object.
func decodeStrict(r io.Reader, into any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var typeError *json.UnmarshalTypeError
	switch err := d.Decode(into); {
	case errors.Is(err, io.EOF):
		return nil
	case errors.As(err, &typeError):
		return &session.InvalidError{Field: orDefault(typeError.Field, "body"), Detail: "has the wrong type"}
	case err != nil:
		if _, field, ok := strings.Cut(err.Error(), "unknown field "); ok {
			return &session.InvalidError{Field: strings.Trim(field, `"`), Detail: "unknown parameter"}
		}
		return refuse(400, "malformed-request", "the body is not JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return refuse(400, "malformed-request", "there is more than one JSON value in the body")
	}
	return nil
}
