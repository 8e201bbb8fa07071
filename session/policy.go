package session

import (
	"fmt"
	"reflect"
	"slices"
)

// Policy is what a client may send. The zero value allows nothing.
type Policy struct {
	Name string `json:"name"`

	// Events lists the allowed client event types; "*" allows all.
	Events []string `json:"events"`
	// Roles lists the allowed roles of message items in conversation.item.create and
	// in response.create's input; "*" allows all.
	Roles []string `json:"roles"`
	// Outputs allows function_call_output items.
	Outputs bool `json:"outputs,omitempty"`
	// Approvals allows mcp_approval_response items.
	Approvals bool `json:"approvals,omitempty"`
	// Items lists the allowed types of items beside messages, as function_call; "*" allows all.
	Items []string `json:"items,omitempty"`
	// Response lists the fields that response.create may carry; "*" allows all, nil output_modalities.
	Response []string `json:"response,omitzero"`
	// Overrides allows response.create to carry any field: instructions, tools, input, …
	Overrides bool `json:"overrides,omitempty"`

	// EventBytes is the largest event in bytes; 0 is the node's limit.
	EventBytes int `json:"event_bytes,omitempty"`
	// EventsPerSecond and BytesPerSecond are sustained rates, with bursts of 4 seconds' worth; 0 is no limit.
	EventsPerSecond int `json:"events_per_second,omitempty"`
	BytesPerSecond  int `json:"bytes_per_second,omitempty"`
}

// Voice is the built-in policy for browsers: speak, type, interrupt; no change of
// instructions or tools.
func Voice() Policy {
	return Policy{
		Name: "voice",
		Events: []string{
			"input_audio_buffer.append", "input_audio_buffer.commit", "input_audio_buffer.clear",
			"output_audio_buffer.clear", "conversation.item.create", "conversation.item.truncate",
			"conversation.item.retrieve", "response.create", "response.cancel",
		},
		Roles:           []string{"user"},
		EventBytes:      1 << 20,
		EventsPerSecond: 200,
		BytesPerSecond:  512 << 10,
	}
}

// Open is the built-in policy for applications: every client event.
func Open() Policy {
	p := earlierOpen
	p.Approvals, p.Items, p.Response = true, []string{"*"}, []string{"*"}
	return p
}

// earlierOpen is what Open was before items had permissions of their own. Sessions and tokens
// that were made then have it in the store.
var earlierOpen = Policy{Name: "open", Events: []string{"*"}, Roles: []string{"*"}, Outputs: true, Overrides: true}

// Current is a policy as it is meant today that was put into the store by an earlier release.
func (p Policy) Current() Policy {
	if reflect.DeepEqual(p, earlierOpen) {
		return Open()
	}
	return p
}

// Bounds of a policy: it is kept with each session and token, and its name is logged.
const (
	policyName  = 64 // bytes
	policyList  = 64 // entries
	policyEntry = 64 // bytes
)

// Validate names the field of a policy that is wrong.
func (p Policy) Validate() error {
	if len(p.Name) > policyName {
		return &InvalidError{Field: "name", Detail: fmt.Sprintf("has %d bytes, at most %d are possible", len(p.Name), policyName)}
	}
	for _, l := range []struct {
		field   string
		entries []string
	}{{"events", p.Events}, {"roles", p.Roles}, {"items", p.Items}, {"response", p.Response}} {
		if len(l.entries) > policyList {
			return &InvalidError{Field: l.field, Detail: fmt.Sprintf("has %d entries, at most %d are possible", len(l.entries), policyList)}
		}
		for _, entry := range l.entries {
			if len(entry) > policyEntry {
				return &InvalidError{Field: l.field, Detail: fmt.Sprintf("has an entry of %d bytes, at most %d are possible", len(entry), policyEntry)}
			}
		}
	}
	for _, r := range p.Roles {
		if !slices.Contains([]string{"user", "system", "assistant", "*"}, r) {
			return &InvalidError{Field: "roles", Detail: fmt.Sprintf("unknown role %q", r)}
		}
	}
	for _, limit := range []struct {
		field string
		n     int
	}{{"event_bytes", p.EventBytes}, {"events_per_second", p.EventsPerSecond}, {"bytes_per_second", p.BytesPerSecond}} {
		if limit.n < 0 {
			return &InvalidError{Field: limit.field, Detail: "must not be negative"}
		}
	}
	return nil
}
