package realtime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"switchboard/session"
)

// Refusal is why an event goes no further.
type Refusal struct {
	Code, Message, Param string
	EventID              []byte
	Silent               bool // one like it was answered a moment ago
}

// TypAppend is the type of the event that carries input audio.
const TypAppend = "input_audio_buffer.append"

// isInputBuffer reports whether an event of a type is about the input audio buffer.
func isInputBuffer(typ []byte) bool {
	return bytes.HasPrefix(typ, []byte("input_audio_buffer."))
}

// isBuffer reports whether an event is about one of the two audio buffers, and so carries nothing but audio.
func isBuffer(typ []byte) bool {
	return isInputBuffer(typ) || bytes.HasPrefix(typ, []byte("output_audio_buffer."))
}

// Judge says why an event may not go on; nil lets it pass.
func Judge(p *session.Policy, h Head, payload []byte) *Refusal {
	if bytes.HasPrefix(Unescape(h.EventID), []byte(OwnPrefix)) { // its errors would be taken for answers to the gateway
		return &Refusal{Code: "invalid_value", Message: "Event IDs that begin with '" + OwnPrefix + "' are the gateway's own.", Param: "event_id", EventID: h.EventID}
	}
	if h.Typ == nil {
		return &Refusal{Code: "missing_required_parameter", Message: "Missing required parameter: 'type'.", Param: "type", EventID: h.EventID}
	}
	if !allows(p, h.Typ) {
		return &Refusal{Code: "event_not_allowed", Message: fmt.Sprintf("Policy %q does not allow events of type %q.", p.Name, Clip(string(h.Typ), shownBytes)), Param: "type", EventID: h.EventID}
	}
	switch {
	case isBuffer(h.Typ):
		return nil
	case string(h.Typ) == "conversation.item.truncate":
		return judgeTruncate(h, payload)
	}
	return judgeContent(p, h, payload)
}

// judgeTruncate refuses numbers that mean no place in an item. The upstream judges the rest.
func judgeTruncate(h Head, payload []byte) *Refusal {
	for _, field := range []string{"audio_end_ms", "content_index"} {
		if v := gjson.GetBytes(payload, field); v.Type == gjson.Number && !IsCount(v) {
			return &Refusal{Code: "invalid_value", Message: fmt.Sprintf("Invalid '%s': expected an integer of 0 to %d.", field, int64(maxCount)), Param: field, EventID: h.EventID}
		}
	}
	return nil
}

func allows(p *session.Policy, typ []byte) bool {
	for _, e := range p.Events {
		if e == string(typ) || e == "*" {
			return true
		}
	}
	return false
}

// judgeContent looks into what an event carries beside its type: an item to add, and the fields
// that a response is asked for with.
func judgeContent(p *session.Policy, h Head, payload []byte) *Refusal {
	if unlimited(p) {
		return nil
	}
	ev := FieldsOf(payload)
	var no *Refusal
	if item, ok := ev["item"]; ok {
		no = judgeItem(p, item, "item")
	}
	if response, ok := ev["response"]; ok && no == nil {
		no = judgeResponse(p, response)
	}
	if no != nil {
		no.EventID = h.EventID
	}
	return no
}

// unlimited reports whether nothing that an event may carry is forbidden.
func unlimited(p *session.Policy) bool {
	return p.Overrides && slices.Contains(p.Roles, "*") && slices.Contains(p.Items, "*")
}

// responseFields are the fields of response.create that a policy allows which lists none: whether
// the answer is spoken or written. Every other field costs more, or changes what the application set.
var responseFields = []string{"output_modalities"}

// judgeResponse names the field of a response.create that is not for this client.
func judgeResponse(p *session.Policy, raw json.RawMessage) *Refusal {
	fields := FieldsOf(raw)
	if fields == nil && string(raw) != "null" {
		return &Refusal{Code: "invalid_value", Message: "response must be an object.", Param: "response"}
	}
	allowed := p.Response
	if allowed == nil {
		allowed = responseFields
	}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if p.Overrides || slices.Contains(allowed, field) || slices.Contains(allowed, "*") {
			continue
		}
		field = Clip(field, shownBytes)
		return &Refusal{Code: "event_not_allowed", Message: fmt.Sprintf("Policy %q does not allow response.%s.", p.Name, field), Param: "response." + field}
	}
	return judgeInput(p, fields["input"])
}

// judgeInput looks at the items that a response is to be made of instead of the conversation.
func judgeInput(p *session.Policy, raw json.RawMessage) *Refusal {
	var input []json.RawMessage
	if raw != nil && json.Unmarshal(raw, &input) != nil {
		return &Refusal{Code: "invalid_value", Message: "response.input must be an array.", Param: "response.input"}
	}
	for _, item := range input {
		if no := judgeItem(p, item, "response.input"); no != nil {
			return no
		}
	}
	return nil
}

// judgeItem says whether an item of this type, or a message in this role, is not for this client.
func judgeItem(p *session.Policy, raw json.RawMessage, where string) *Refusal {
	fields := FieldsOf(raw)
	if fields == nil {
		return &Refusal{Code: "invalid_value", Message: where + " must be an object.", Param: where}
	}
	typ, typed := textOf(fields["type"])
	role, _ := textOf(fields["role"])
	allowed := false
	switch {
	case !typed && fields["type"] != nil:
		return &Refusal{Code: "invalid_value", Message: where + ".type must be a string.", Param: where + ".type"}
	case !typed, typ == "message":
		if slices.Contains(p.Roles, role) || slices.Contains(p.Roles, "*") {
			return nil
		}
		return &Refusal{Code: "event_not_allowed", Message: fmt.Sprintf("Policy %q allows items of role %s, not %q.", p.Name, strings.Join(p.Roles, ", "), Clip(role, shownBytes)), Param: where + ".role"}
	case typ == "function_call_output":
		allowed = p.Outputs
	case typ == "mcp_approval_response":
		allowed = p.Approvals
	case typ == "item_reference":
		allowed = where == "response.input"
	}
	if allowed || slices.Contains(p.Items, typ) || slices.Contains(p.Items, "*") {
		return nil
	}
	return &Refusal{Code: "event_not_allowed", Message: fmt.Sprintf("Policy %q does not allow items of type %q.", p.Name, Clip(typ, shownBytes)), Param: where + ".type"}
}

// shownBytes is how much of a client's own word an answer repeats.
const shownBytes = 100

// FieldsOf returns an object's fields by their exact names, as the upstream reads them: decoding
// into a struct would let "Role" stand for "role". nil: it is no object.
func FieldsOf(raw json.RawMessage) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	return fields
}

// textOf returns a string field; false if it is none.
func textOf(raw json.RawMessage) (string, bool) {
	var text *string
	if json.Unmarshal(raw, &text) != nil || text == nil {
		return "", false
	}
	return *text, true
}
