package realtime

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tidwall/gjson"
)

// Events of the gateway's own. Those in the first part are for a session's log, not for its
// clients: they say who did what to it.
const (
	TypCommand = "switchboard.session.command" // somebody's command was carried out
	TypClient  = "switchboard.session.client"  // a client was attached, has resumed or was reset, or left
	TypWhisper = "switchboard.session.whisper" // a private item: for no client
	TypEnded   = "switchboard.session.ended"   // the last event: why and by whom

	// TypAck is the type of the event with which a client says what it has received. It is allowed
	// by every policy and never sent upstream.
	TypAck = "switchboard.ack"

	TypListeners = "switchboard.session.listeners" // how many listen in, for clients of a session that announces it
	TypBehind    = "switchboard.listener.behind"   // a listener has lost audio at this place
)

// OwnPrefix begins the event_id of everything the gateway itself sends to the upstream,
// so that an error that answers it is told to the caller and to nobody else.
const OwnPrefix = "event_gw_"

// Object is a JSON object that is about to be written.
type Object = map[string]any

// Marshal encodes what the package itself has put together.
func Marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("session: marshal own event: %v", err))
	}
	return b
}

// ErrorEvent is what a client gets for an event that was refused; the shape is the
// protocol's own error event.
func ErrorEvent(id string, no *Refusal) []byte {
	e := Object{"type": "invalid_request_error", "code": no.Code, "message": no.Message, "param": nil, "event_id": nil}
	if no.Param != "" {
		e["param"] = no.Param
	}
	if no.EventID != nil {
		e["event_id"] = string(Unescape(no.EventID))
	}
	return Marshal(Object{"type": "error", "event_id": id, "error": e})
}

// Splice is an event with another value in the place of one that was found in it.
func Splice(event []byte, found gjson.Result, value []byte) []byte {
	return slices.Concat(event[:found.Index], value, event[found.Index+len(found.Raw):])
}

// Clip keeps a text within so many bytes, in whole characters.
func Clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for i := limit; i > 0; i-- {
		if s[i]&0xc0 != 0x80 {
			return s[:i]
		}
	}
	return ""
}

// ServerFailed reports whether a response failed for a reason of the upstream's own.
func (r Response) ServerFailed() bool {
	return r.Status == "failed" && r.Failure != nil && (r.Failure.Type == "server_error" || r.Failure.Code == "server_error")
}
