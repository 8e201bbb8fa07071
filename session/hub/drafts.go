package hub

import (
	"cmp"
	"strings"

	"github.com/tidwall/gjson"

	"switchboard/session"
	"switchboard/session/realtime"
)

// draftOf is what a delta is a part of: a response, or the transcription of an item. "" for any
// other event. The log has deltas only until their draft is settled, see [session.Change].
func draftOf(typ string, event []byte) string {
	if !strings.HasSuffix(typ, ".delta") {
		return ""
	}
	h, _ := realtime.Peek(event)
	if len(h.ResponseID) > 0 {
		return string(h.ResponseID)
	}
	return string(h.ItemID)
}

// settledBy is the draft that an event repeats whole, or puts an end to.
func settledBy(typ string, event []byte) string {
	switch typ {
	case "response.done":
		return cmp.Or(gjson.GetBytes(event, "response.id").Str, session.AllDrafts)
	case "conversation.item.input_audio_transcription.completed", "conversation.item.input_audio_transcription.failed":
		return gjson.GetBytes(event, "item_id").Str
	case typeRenewed:
		return session.AllDrafts // nothing completes what another upstream began
	}
	return ""
}

// lastGap is behind which event of a log something that clients were sent is missing: audio always,
// deltas if their draft is settled. A client that saw less than that cannot be sent all it missed.
func lastGap(log [][]byte) (gap int64) {
	logged := map[string]bool{} // deltas, by their type without its end and their item
	for i, event := range log {
		h, err := realtime.Peek(event)
		if err != nil {
			continue
		}
		typ := string(h.Typ)
		kind, end := typ, ""
		if dot := strings.LastIndexByte(typ, '.'); dot > 0 {
			kind, end = typ[:dot], typ[dot:]
		}
		switch part := kind + " " + string(h.ItemID); {
		case kind == "response.output_audio", kind == "response.output_audio_transcript":
			gap = int64(i + 1)
		case typ == "response.done" && gjson.GetBytes(event, "response.status").Str != "completed":
			gap = int64(i + 1) // what it was cut off in may have no end of its own
		case end == ".delta":
			logged[part] = true
		case hasDeltas[kind] && !logged[part]:
			gap = int64(i + 1)
		}
	}
	return gap
}

// hasDeltas are the kinds of events that are deltas and an end, which repeats them.
var hasDeltas = map[string]bool{
	"response.output_text":                        true,
	"response.function_call_arguments":            true,
	"response.mcp_call_arguments":                 true,
	"conversation.item.input_audio_transcription": true,
}
