package webhooks

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// Event is what handlers get.
type Event struct {
	ID        string // of the delivery: the webhook-id header, the same in every redelivery
	Type      string
	Origin    string
	Data      gjson.Result // the payload's data; thin: fetch the object it names
	CreatedAt time.Time    // by the sender's clock
	Raw       []byte       // the payload as it was signed
	Attempt   int          // of handling it, from 1
}

const (
	unknownType = "unknown"
	longestType = 128
	longestID   = 256
)

var errNotEvent = errors.New("the payload is not a JSON object")

// parseEvent reads a payload. An object without a usable type is an event of type "unknown". Unlike gjson's, encoding/json's
// check is bounded in depth: a payload of brackets must not use up the stack.
func parseEvent(id, origin string, raw []byte) (Event, error) {
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return Event{}, errNotEvent
	}
	object := gjson.ParseBytes(raw)
	if !object.IsObject() {
		return Event{}, errNotEvent
	}
	e := Event{ID: id, Type: unknownType, Origin: origin, Data: object.Get("data"), Raw: raw}
	if t := object.Get("type"); t.Type == gjson.String && usableType(t.Str) {
		e.Type = t.Str
	}
	if at := object.Get("created_at").Int(); at > 0 {
		e.CreatedAt = time.Unix(at, 0).UTC()
	}
	return e, nil
}

func usableType(s string) bool {
	unusual := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '{' || r == '}' }
	return s != "" && len(s) <= longestType && !strings.ContainsFunc(s, unusual)
}

// category is the part of a type that a category's handler is registered under, with its dot; "" if it has none.
func category(eventType string) string {
	prefix, _, ok := strings.Cut(eventType, ".")
	if !ok {
		return ""
	}
	return prefix + "."
}
