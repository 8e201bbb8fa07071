package session

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// judgeContent looks into what an event carries beside its type: an item to add, and the fields
// that a response is asked for with.
func (p *Policy) judgeContent(h head, payload []byte) *refusal {
	if p.unlimited() {
		return nil
	}
	ev := fieldsOf(payload)
	var no *refusal
	if item, ok := ev["item"]; ok {
		no = p.judgeItem(item, "item")
	}
	if response, ok := ev["response"]; ok && no == nil {
		no = p.judgeResponse(response)
	}
	if no != nil {
		no.eventID = h.eventID
	}
	return no
}

// unlimited reports whether nothing that an event may carry is forbidden.
func (p *Policy) unlimited() bool {
	return p.Overrides && slices.Contains(p.Roles, "*") && slices.Contains(p.Items, "*")
}

// responseFields are the fields of response.create that a policy allows which lists none: whether
// the answer is spoken or written. Every other field costs more, or changes what the application set.
var responseFields = []string{"output_modalities"}

// judgeResponse names the field of a response.create that is not for this client.
func (p *Policy) judgeResponse(raw json.RawMessage) *refusal {
	fields := fieldsOf(raw)
	if fields == nil && string(raw) != "null" {
		return &refusal{code: "invalid_value", message: "response must be an object.", param: "response"}
	}
	allowed := p.Response
	if allowed == nil {
		allowed = responseFields
	}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		if p.Overrides || slices.Contains(allowed, field) || slices.Contains(allowed, "*") {
			continue
		}
		field = clipTo(field, shownBytes)
		return &refusal{code: "event_not_allowed", message: fmt.Sprintf("Policy %q does not allow response.%s.", p.Name, field), param: "response." + field}
	}
	return p.judgeInput(fields["input"])
}

// judgeInput looks at the items that a response is to be made of instead of the conversation.
func (p *Policy) judgeInput(raw json.RawMessage) *refusal {
	var input []json.RawMessage
	if raw != nil && json.Unmarshal(raw, &input) != nil {
		return &refusal{code: "invalid_value", message: "response.input must be an array.", param: "response.input"}
	}
	for _, item := range input {
		if no := p.judgeItem(item, "response.input"); no != nil {
			return no
		}
	}
	return nil
}

// judgeItem says whether an item of this type, or a message in this role, is not for this client.
func (p *Policy) judgeItem(raw json.RawMessage, where string) *refusal {
	fields := fieldsOf(raw)
	if fields == nil {
		return &refusal{code: "invalid_value", message: where + " must be an object.", param: where}
	}
	typ, typed := textOf(fields["type"])
	role, _ := textOf(fields["role"])
	allowed := false
	switch {
	case !typed && fields["type"] != nil:
		return &refusal{code: "invalid_value", message: where + ".type must be a string.", param: where + ".type"}
	case !typed, typ == "message":
		if slices.Contains(p.Roles, role) || slices.Contains(p.Roles, "*") {
			return nil
		}
		return &refusal{code: "event_not_allowed", message: fmt.Sprintf("Policy %q allows items of role %s, not %q.", p.Name, strings.Join(p.Roles, ", "), clipTo(role, shownBytes)), param: where + ".role"}
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
	return &refusal{code: "event_not_allowed", message: fmt.Sprintf("Policy %q does not allow items of type %q.", p.Name, clipTo(typ, shownBytes)), param: where + ".type"}
}

// shownBytes is how much of a client's own word an answer repeats.
const shownBytes = 100

// fieldsOf returns an object's fields by their exact names, as the upstream reads them: decoding
// into a struct would let "Role" stand for "role". nil: it is no object.
func fieldsOf(raw json.RawMessage) map[string]json.RawMessage {
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
