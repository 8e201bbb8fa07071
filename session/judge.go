package session

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

const typAppend = "input_audio_buffer.append"

func isInputBuffer(typ []byte) bool {
	return bytes.HasPrefix(typ, []byte("input_audio_buffer."))
}

// admit says why a message is not even looked at: it is too large, or comes too soon.
// The latter is said once a second, so that a flood is not answered with another.
func (cl *client) admit(size int) *refusal {
	p := &cl.policy
	now := time.Now()
	var no *refusal
	switch {
	case !cl.events.take(1, now):
		no = &refusal{code: "rate_limit_exceeded", message: fmt.Sprintf("More than events_per_second = %d events a second.", p.EventsPerSecond), param: "events_per_second"}
	case p.EventBytes > 0 && size > p.EventBytes: // costs its sender more than the answer costs us
		return &refusal{code: "event_too_large", message: fmt.Sprintf("The event has %d bytes; policy %q allows %d.", size, p.Name, p.EventBytes)}
	case !cl.bytes.take(size, now):
		no = &refusal{code: "rate_limit_exceeded", message: fmt.Sprintf("More than bytes_per_second = %d bytes a second.", p.BytesPerSecond), param: "bytes_per_second"}
	default:
		return nil
	}
	if no.silent = now.Sub(cl.answered) < time.Second; !no.silent {
		cl.answered = now
	}
	return no
}

// judge says why an event may not go on; nil lets it pass.
func (cl *client) judge(h head, payload []byte) *refusal {
	p := &cl.policy
	if bytes.HasPrefix(unescape(h.eventID), []byte(ownPrefix)) { // its errors would be taken for answers to the gateway
		return &refusal{code: "invalid_value", message: "Event IDs that begin with '" + ownPrefix + "' are the gateway's own.", param: "event_id", eventID: h.eventID}
	}
	if h.typ == nil {
		return &refusal{code: "missing_required_parameter", message: "Missing required parameter: 'type'.", param: "type", eventID: h.eventID}
	}
	if !p.allows(h.typ) {
		return &refusal{code: "event_not_allowed", message: fmt.Sprintf("Policy %q does not allow events of type %q.", p.Name, h.typ), param: "type", eventID: h.eventID}
	}
	if string(h.typ) == "conversation.item.create" || string(h.typ) == "response.create" {
		return p.judgeContent(h, payload)
	}
	return nil
}

func (p *Policy) allows(typ []byte) bool {
	for _, e := range p.Events {
		if e == string(typ) || e == "*" {
			return true
		}
	}
	return false
}

// judgeContent looks into the two events that can carry what a client should not say.
func (p *Policy) judgeContent(h head, payload []byte) *refusal {
	if p.Overrides && p.Outputs && slices.Contains(p.Roles, "*") {
		return nil
	}
	ev := fieldsOf(payload)
	if item, ok := ev["item"]; ok {
		if no := p.judgeItem(item, "item", h.eventID); no != nil {
			return no
		}
	}
	response := fieldsOf(ev["response"])
	for _, field := range []string{"instructions", "tools", "tool_choice", "prompt", "input"} {
		if _, ok := response[field]; ok && !p.Overrides {
			return &refusal{code: "event_not_allowed", message: fmt.Sprintf("Policy %q does not allow response.%s.", p.Name, field), param: "response." + field, eventID: h.eventID}
		}
	}
	var input []json.RawMessage
	if raw, ok := response["input"]; ok && json.Unmarshal(raw, &input) != nil {
		return &refusal{code: "invalid_value", message: "response.input must be an array.", param: "response.input", eventID: h.eventID}
	}
	for _, item := range input {
		if no := p.judgeItem(item, "response.input", h.eventID); no != nil {
			return no
		}
	}
	return nil
}

// fieldsOf returns an object's fields by their exact names, as the upstream reads them:
// decoding into a struct would let "Role" stand for "role".
func fieldsOf(raw json.RawMessage) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	return fields
}

// textOf returns a string field, "" if it is none.
func textOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}

func (p *Policy) judgeItem(raw json.RawMessage, where string, eventID []byte) *refusal {
	fields := fieldsOf(raw)
	typ, role := textOf(fields["type"]), textOf(fields["role"])
	switch {
	case typ == "message", typ == "":
		if !slices.Contains(p.Roles, role) && !slices.Contains(p.Roles, "*") {
			return &refusal{code: "event_not_allowed", message: fmt.Sprintf("Policy %q allows items of role %s, not %q.", p.Name, strings.Join(p.Roles, ", "), role), param: where + ".role", eventID: eventID}
		}
	case typ == "function_call_output" && p.Outputs, typ == "item_reference", slices.Contains(p.Roles, "*"):
	default:
		return &refusal{code: "event_not_allowed", message: fmt.Sprintf("Policy %q does not allow items of type %q.", p.Name, typ), param: where + ".type", eventID: eventID}
	}
	return nil
}

// Validate names the field of a policy that is wrong.
func (p Policy) Validate() error {
	for _, r := range p.Roles {
		if !slices.Contains([]string{"user", "system", "assistant", "*"}, r) {
			return &InvalidError{Field: "roles", Detail: fmt.Sprintf("unknown role %q", r)}
		}
	}
	for field, n := range map[string]int{"event_bytes": p.EventBytes, "events_per_second": p.EventsPerSecond, "bytes_per_second": p.BytesPerSecond} {
		if n < 0 {
			return &InvalidError{Field: field, Detail: "must not be negative"}
		}
	}
	return nil
}

// bucketBurst is how many seconds' worth a client may send at once.
const bucketBurst = 4

// bucket is a token bucket; the zero one has no limit.
type bucket struct {
	rate, left float64
	at         time.Time
}

func newBucket(perSecond int, now time.Time) bucket {
	return bucket{rate: float64(perSecond), left: float64(perSecond * bucketBurst), at: now}
}

func (b *bucket) take(n int, now time.Time) bool {
	if b.rate == 0 {
		return true
	}
	b.left = min(b.rate*bucketBurst, b.left+now.Sub(b.at).Seconds()*b.rate)
	b.at = now
	if b.left < float64(n) {
		return false
	}
	b.left -= float64(n)
	return true
}
