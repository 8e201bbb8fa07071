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
	return c.overlay.over(nextConfig(c.up.session, c.up.secrets)), items
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

// imageDropped is what the next upstream is told in the place of an image.
const imageDropped = "[An image was here. It is no longer available.]"

// images returns the image parts of an item, or what is told in their place; they are not
// part of its text.
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
		switch {
		case p["type"] != "input_image":
		case p["image_url"] != nil:
			parts = append(parts, p)
		case p["dropped_bytes"] != nil:
			parts = append(parts, object{"type": "input_text", "text": imageDropped})
		}
	}
	return parts
}
