package session

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
	// Overrides allows response.create to carry instructions, tools, tool_choice, prompt or input.
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
	return Policy{Name: "open", Events: []string{"*"}, Roles: []string{"*"}, Outputs: true, Overrides: true}
}
