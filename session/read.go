package session

import (
	"cmp"
	"slices"

	"github.com/tidwall/gjson"
)

// Events of the upstream's that change a session's state are read field by field: a field
// of another type than it should have counts as missing, and the rest of the event holds.
// gjson's Str is such a reading of a string; countOf is one of a number.

// maxCount is more than any number in an event can mean: sums of many stay far from overflowing.
const maxCount = 1 << 40

// isCount reports whether a field is a number that can count something: neither negative nor absurd.
func isCount(v gjson.Result) bool {
	return v.Type == gjson.Number && v.Num >= 0 && v.Num <= maxCount
}

// countOf returns that number, 0 if the field is no such.
func countOf(v gjson.Result) int64 {
	if !isCount(v) {
		return 0
	}
	return int64(v.Num)
}

// Bounds of what a session remembers of facts: what comes twice comes soon.
const (
	factsKept = 64
	factBytes = 256 // a longer name is not remembered
)

// facts are what the upstream has reported, so that what it reports twice counts once.
type facts struct{ known []string }

// first reports whether a fact is new, and remembers it.
func (f *facts) first(kind, id string) bool {
	switch {
	case f.has(kind, id):
		return false
	case len(kind)+len(id) > factBytes:
		return true
	case len(f.known) == factsKept:
		f.known = slices.Delete(f.known, 0, 1)
	}
	f.known = append(f.known, kind+" "+id)
	return true
}

func (f *facts) has(kind, id string) bool { return slices.Contains(f.known, kind+" "+id) }

// apiResponse is what the gateway reads of a response object.
type apiResponse struct {
	id, status string
	apart      bool // it is no part of the conversation
	failure    *UpstreamError
	usage      gjson.Result
	format     gjson.Result // of its audio
}

// unnamed stands for the ID of an active response whose ID could not be read.
const unnamed = "unknown"

func readResponse(event []byte) apiResponse {
	v := gjson.GetBytes(event, "response")
	in := v.Get("conversation_id")
	r := apiResponse{
		id: v.Get("id").Str, status: v.Get("status").Str, apart: in.Exists() && in.Type == gjson.Null,
		usage: v.Get("usage"), format: v.Get("audio.output.format"),
	}
	if failure := v.Get("status_details.error"); failure.IsObject() {
		e := readError(failure)
		r.failure = &e
	}
	return r
}

// upstreamError reads an error event.
func upstreamError(event []byte) *UpstreamError {
	e := readError(gjson.GetBytes(event, "error"))
	return &e
}

// readError reads an error object, or words that stand in the place of one.
func readError(v gjson.Result) UpstreamError {
	e := UpstreamError{
		Type: v.Get("type").Str, Code: v.Get("code").Str, Message: v.Get("message").Str,
		Param: v.Get("param").Str, EventID: v.Get("event_id").Str,
	}
	if e.Message == "" {
		e.Message = cmp.Or(v.Str, "the upstream gave no reason")
	}
	id := v.Get("event_id")
	e.astray = id.Exists() && id.Type != gjson.String && id.Type != gjson.Null
	return e
}

// bytesPerSecond is how many bytes of an audio format make a second.
func bytesPerSecond(format gjson.Result) int {
	switch cmp.Or(format.Get("type").Str, format.Str) {
	case "audio/pcmu", "audio/pcma", "g711_ulaw", "g711_alaw":
		return 8000 // G.711: one byte a sample at 8 kHz
	}
	if rate := countOf(format.Get("rate")); rate >= 8000 && rate <= 192000 {
		return int(rate) * 2
	}
	return 48000 // PCM16 at 24 kHz
}
