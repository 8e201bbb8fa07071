package realtime

import (
	"encoding/json"
	"strings"

	"switchboard/session"
)

// ReplayItem states an item by its words. The user's turns become text, the assistant's too
// (audio cannot be given back to it), calls keep their IDs; nil leaves an item out that
// has nothing to say. audio, in base64, is told of an item without words.
func ReplayItem(it *session.Item, audio ...string) Object {
	switch it.Type {
	case "message":
		kind := "input_text"
		if it.Role == "assistant" {
			kind = "output_text"
		}
		content := images(it.Raw)
		if it.Text != "" {
			content = append(content, Object{"type": kind, "text": it.Text})
		}
		for _, part := range audio {
			content = append(content, Object{"type": "input_audio", "audio": part})
		}
		if len(content) == 0 {
			return nil
		}
		return Object{"id": it.ID, "type": "message", "role": it.Role, "content": content}
	case "function_call":
		if it.CallID == "" || !it.Complete() {
			return nil
		}
		return Object{"id": it.ID, "type": "function_call", "call_id": it.CallID, "name": it.Name, "arguments": it.Arguments}
	case "function_call_output":
		return Object{"id": it.ID, "type": "function_call_output", "call_id": it.CallID, "output": it.Output}
	}
	return nil
}

// imageDropped is what the next upstream is told in the place of an image.
const imageDropped = "[An image was here. It is no longer available.]"

// images returns the image parts of an item, or what is told in their place; they are not
// part of its text.
func images(raw json.RawMessage) []Object {
	if !strings.Contains(string(raw), `"input_image"`) {
		return nil
	}
	var it struct{ Content []Object }
	if json.Unmarshal(raw, &it) != nil {
		return nil
	}
	var parts []Object
	for _, p := range it.Content {
		switch {
		case p["type"] != "input_image":
		case p["image_url"] != nil:
			parts = append(parts, p)
		case p["dropped_bytes"] != nil:
			parts = append(parts, Object{"type": "input_text", "text": imageDropped})
		}
	}
	return parts
}
