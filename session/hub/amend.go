package hub

import (
	"switchboard/session/conversation"
	"switchboard/session/realtime"

	"github.com/tidwall/gjson"
)

// amend does what an upstream has refused to do because it knows an answer of the model's by
// its words only: it cuts off what the user did not hear. The audio of an answer comes faster
// than it is played, so that the upstream may be replaced while somebody listens to it. It
// reports whether the request was such a one.
func (c *held) amend(q *pending) bool {
	it := c.conv.Find(q.itemID)
	if it == nil || !it.Restated && !(it.Untold && it.Role == "assistant") || q.asks != asksTruncate {
		return false
	}
	index, ms := gjson.GetBytes(q.event, "content_index"), gjson.GetBytes(q.event, "audio_end_ms")
	if !realtime.IsCount(ms) {
		return false // the upstream's refusal stands
	}
	c.saveItem(c.conv.Truncate(it.ID, realtime.CountOf(ms)), nil)
	if it.Restated {
		c.recreate(it)
	}
	c.withhold()
	c.emit(realtime.Object{"type": c.up.words.tells[meansTruncated], "item_id": it.ID, "content_index": realtime.CountOf(index), "audio_end_ms": realtime.CountOf(ms)})
	return true
}

// recreate puts an item in its own place, with what is left of it. Clients know already.
func (c *held) recreate(it *conversation.Entry) {
	c.tellUp(asksDelete, realtime.Object{"item_id": it.ID})
	o := realtime.ReplayItem(&it.Item)
	it.Untold = o == nil
	c.up.amends(it.ID, o != nil)
	if o != nil {
		c.tellUp(asksItem, realtime.Object{"previous_item_id": c.conv.ToldBefore(it), "item": o})
	}
}
