package realtime

import (
	"cmp"

	"github.com/tidwall/gjson"

	"switchboard/session"
)

// Events of the upstream's that change a session's state are read field by field: a field
// of another type than it should have counts as missing, and the rest of the event holds.
// gjson's Str is such a reading of a string; countOf is one of a number.

// maxCount is more than any number in an event can mean: sums of many stay far from overflowing.
const maxCount = 1 << 40

// IsCount reports whether a field is a number that can count something: neither negative nor absurd.
func IsCount(v gjson.Result) bool {
	return v.Type == gjson.Number && v.Num >= 0 && v.Num <= maxCount
}

// CountOf returns that number, 0 if the field is no such.
func CountOf(v gjson.Result) int64 {
	if !IsCount(v) {
		return 0
	}
	return int64(v.Num)
}

// Response is what the gateway reads of a response object.
type Response struct {
	ID, Status string
	Apart      bool // it is no part of the conversation
	Failure    *session.UpstreamError
	Usage      gjson.Result
	Format     gjson.Result // of its audio
}

// Unnamed stands for the ID of an active response whose ID could not be read.
const Unnamed = "unknown"

// ReadResponse reads what response.created and response.done say of a response.
func ReadResponse(event []byte) Response {
	v := gjson.GetBytes(event, "response")
	in := v.Get("conversation_id")
	r := Response{
		ID: v.Get("id").Str, Status: v.Get("status").Str, Apart: in.Exists() && in.Type == gjson.Null,
		Usage: v.Get("usage"), Format: v.Get("audio.output.format"),
	}
	if failure := v.Get("status_details.error"); failure.IsObject() {
		e := readError(failure)
		r.Failure = &e
	}
	return r
}

// ErrorOf reads an error event.
func ErrorOf(event []byte) *session.UpstreamError {
	e := readError(gjson.GetBytes(event, "error"))
	return &e
}

// readError reads an error object, or words that stand in the place of one.
func readError(v gjson.Result) session.UpstreamError {
	e := session.UpstreamError{
		Type: v.Get("type").Str, Code: v.Get("code").Str, Message: v.Get("message").Str,
		Param: v.Get("param").Str, EventID: v.Get("event_id").Str,
	}
	if e.Message == "" {
		e.Message = cmp.Or(v.Str, "the upstream gave no reason")
	}
	id := v.Get("event_id")
	e.Astray = id.Exists() && id.Type != gjson.String && id.Type != gjson.Null
	return e
}

// BytesPerSecond is how many bytes of an audio format make a second.
func BytesPerSecond(format gjson.Result) int {
	switch cmp.Or(format.Get("type").Str, format.Str) {
	case "audio/pcmu", "audio/pcma", "g711_ulaw", "g711_alaw":
		return 8000 // G.711: one byte a sample at 8 kHz
	}
	if rate := CountOf(format.Get("rate")); rate >= 8000 && rate <= 192000 {
		return int(rate) * 2
	}
	return 48000 // PCM16 at 24 kHz
}
