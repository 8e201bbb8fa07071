package standin

import (
	"encoding/json"
	"slices"

	"github.com/tidwall/gjson"
)

// audioKept bounds the user audio a conversation keeps for conversation.item.retrieve;
// the oldest items lose theirs first.
const audioKept = 4 << 20

// conversation is the ordered items of a session.
type conversation struct {
	id    string
	items []*item
}

func (c *conversation) index(id string) int {
	return slices.IndexFunc(c.items, func(it *item) bool { return it.ID == id })
}

func (c *conversation) find(id string) *item {
	if i := c.index(id); i >= 0 {
		return c.items[i]
	}
	return nil
}

func (c *conversation) lastID() string {
	if len(c.items) == 0 {
		return ""
	}
	return c.items[len(c.items)-1].ID
}

// before is the id of the item in front of id; empty for the first.
func (c *conversation) before(id string) string {
	if i := c.index(id); i > 0 {
		return c.items[i-1].ID
	}
	return ""
}

// insert puts it behind the item previous, at the front for "root", at the end for "".
func (c *conversation) insert(it *item, previous string) *apiError {
	if c.find(it.ID) != nil {
		return invalid("item_create_duplicate_item_id", "", "Error adding item: an item with id '%s' already exists.", it.ID)
	}
	if it.Type == "function_call_output" && !c.hasCall(it.CallID) {
		return invalid("invalid_tool_call_id", "", "Tool call ID '%s' not found in conversation.", it.CallID)
	}
	if it.Type == "mcp_approval_response" && !c.hasApprovalRequest(it.raw) {
		return invalid("invalid_value", "item.approval_request_id", "Approval request not found in conversation.")
	}
	at := len(c.items)
	switch previous {
	case "":
	case "root":
		at = 0
	default:
		i := c.index(previous)
		if i < 0 {
			return invalid("item_create_invalid_previous_item_id", "", "Error adding item: the previous item with id '%s' does not exist.", previous)
		}
		at = i + 1
	}
	c.items = slices.Insert(c.items, at, it)
	c.trimAudio()
	return nil
}

func (c *conversation) hasCall(callID string) bool {
	return slices.ContainsFunc(c.items, func(it *item) bool { return it.Type == "function_call" && it.CallID == callID })
}

// hasApprovalRequest reports whether what an mcp_approval_response answers is there.
func (c *conversation) hasApprovalRequest(answer json.RawMessage) bool {
	it := c.find(gjson.GetBytes(answer, "approval_request_id").Str)
	return it != nil && it.Type == "mcp_approval_request"
}

func (c *conversation) trimAudio() {
	kept := 0
	for _, it := range slices.Backward(c.items) {
		if kept += len(it.audio); kept > audioKept {
			it.audio = nil
		}
	}
}

func (c *conversation) remove(id string) *apiError {
	i := c.index(id)
	if i < 0 {
		return invalid("item_delete_invalid_item_id", "", "Error deleting item: the item with id '%s' does not exist.", id)
	}
	c.items = slices.Delete(c.items, i, i+1)
	return nil
}

// truncate cuts an assistant's audio at endMS. The transcript goes, because the text does
// not tell which of it was heard.
func (c *conversation) truncate(id string, contentIndex, endMS int) *apiError {
	it := c.find(id)
	switch {
	case it == nil:
		return invalid("item_truncate_invalid_item_id", "", "Error truncating item: the item with id '%s' does not exist.", id)
	case !it.generated, it.audioMS == 0 && !it.truncated: // nothing was generated, or nothing of it yet
		return invalid("unsupported_content_type", "", "Only model output audio messages can be truncated")
	case contentIndex >= max(it.parts, 1):
		return invalid("invalid_value", "content_index", "Content part %d of item '%s' does not exist.", contentIndex, id)
	case endMS > it.audioMS:
		return invalid("invalid_value", "", "Audio content of %dms is already shorter than %dms", it.audioMS, endMS)
	}
	it.audioMS, it.truncated = endMS, true
	empty := ""
	for i := range it.Content {
		it.Content[i].Transcript = &empty
	}
	return nil
}
