package session

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
)

// ownPrefix begins the event_id of everything the gateway itself sends to the upstream,
// so that an error that answers it is told to the caller and to nobody else.
const ownPrefix = "event_gw_"

// NewID returns prefix and 26 random characters of base32 (130 bits).
func NewID(prefix string) string { return prefix + strings.ToLower(rand.Text()) }

// object is a JSON object that is about to be written.
type object = map[string]any

// marshal encodes what the package itself has put together.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("session: marshal own event: %v", err))
	}
	return b
}

// errorEvent is what a client gets for an event that was refused; the shape is the
// protocol's own error event.
func errorEvent(id string, no *refusal) []byte {
	e := object{"type": "invalid_request_error", "code": no.code, "message": no.message, "param": nil, "event_id": nil}
	if no.param != "" {
		e["param"] = no.param
	}
	if no.eventID != nil {
		e["event_id"] = string(unescape(no.eventID))
	}
	return marshal(object{"type": "error", "event_id": id, "error": e})
}
