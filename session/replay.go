package session

import (
	"encoding/json"
	"strings"
)

// replayLocked returns what a new upstream is told: the configuration and the
// conversation, as openings of a session may state them.
func (c *Controller) replayLocked() (config json.RawMessage, items []object) {
	for _, it := range c.conv.items {
		if o := c.restate(it); o != nil {
			items = append(items, o)
		}
	}
	return c.overlay.over(writableConfig(c.up.session)), items
}

// markTold notes what the next upstream was told: all but the items that have nothing to say yet.
func (c *Controller) markTold() {
	for _, it := range c.conv.items {
		it.restated = c.hasAudio(it) || replayItem(it) != nil
		it.untold = !it.restated
	}
}

// restate states an item anew, one of the user's by its audio if that is known and its words are not.
func (c *Controller) restate(it *Item) object {
	if !c.hasAudio(it) {
		return replayItem(it)
	}
	content := images(it.Raw)
	for _, part := range c.audioOf(it) {
		content = append(content, object{"type": "input_audio", "audio": part})
	}
	return object{"id": it.ID, "type": "message", "role": it.Role, "content": content}
}

// replayItem states an item by its words. The user's turns become text, the assistant's too
// (audio cannot be given back to it), calls keep their IDs; nil leaves an item out that
// has nothing to say.
func replayItem(it *Item) object {
	switch it.Type {
	case "message":
		kind := "input_text"
		if it.Role == "assistant" {
			kind = "output_text"
		}
		content := images(it.Raw)
		if it.Text != "" {
			content = append(content, object{"type": kind, "text": it.Text})
		}
		if len(content) == 0 {
			return nil
		}
		return object{"id": it.ID, "type": "message", "role": it.Role, "content": content}
	case "function_call":
		if it.CallID == "" || !it.whole() {
			return nil
		}
		return object{"id": it.ID, "type": "function_call", "call_id": it.CallID, "name": it.Name, "arguments": it.Arguments}
	case "function_call_output":
		return object{"id": it.ID, "type": "function_call_output", "call_id": it.CallID, "output": it.Output}
	}
	return nil
}

// images returns the image parts of an item; they are not part of its text.
func images(raw json.RawMessage) []object {
	if !strings.Contains(string(raw), `"input_image"`) {
		return nil
	}
	var it struct{ Content []object }
	if json.Unmarshal(raw, &it) != nil {
		return nil
	}
	var parts []object
	for _, p := range it.Content {
		if p["type"] == "input_image" && p["image_url"] != nil {
			parts = append(parts, p)
		}
	}
	return parts
}

// writable are the fields of an API session that session.update accepts; the rest (id,
// object, expires_at, model) would make it refuse the whole.
var writable = map[string]any{
	"type": nil, "instructions": nil, "output_modalities": nil, "tools": nil, "tool_choice": nil,
	"parallel_tool_calls": nil, "reasoning": nil, "max_output_tokens": nil, "include": nil,
	"tracing": nil, "truncation": nil, "prompt": nil,
	"audio": map[string]any{
		"input":  map[string]any{"format": nil, "turn_detection": nil, "transcription": nil, "noise_reduction": nil},
		"output": map[string]any{"format": nil, "voice": nil, "speed": nil},
	},
}

// writableConfig turns an effective API session into a configuration for the next one.
func writableConfig(session json.RawMessage) json.RawMessage {
	var s object
	if json.Unmarshal(session, &s) != nil {
		return nil
	}
	return marshal(pick(s, writable))
}

// pick keeps the fields that allowed names. null stays where it is a choice (within
// audio: no turn detection, no transcription); elsewhere it is what a session begins with.
func pick(from object, allowed map[string]any) object {
	out := object{}
	for name, within := range allowed {
		v, ok := from[name]
		sub, deeper := within.(map[string]any)
		switch inner, isObject := v.(object); {
		case !ok:
		case deeper && isObject:
			out[name] = pick(inner, sub)
		case v != nil || name == "turn_detection" || name == "transcription" || name == "noise_reduction":
			out[name] = v
		}
	}
	return out
}
