package session

import "github.com/tidwall/gjson"

// amend does what an upstream has refused to do because it knows an answer of the model's by
// its words only: it cuts off what the user did not hear. The audio of an answer comes faster
// than it is played, so that the upstream may be replaced while somebody listens to it. It
// reports whether the request was such a one.
func (c *Controller) amend(q request) bool {
	it := c.conv.find(q.itemID)
	if it == nil || !it.restated && !(it.untold && it.Role == "assistant") || q.answer != answers["conversation.item.truncate"] {
		return false
	}
	index, ms := gjson.GetBytes(q.event, "content_index"), gjson.GetBytes(q.event, "audio_end_ms")
	if !isCount(ms) {
		return false // the upstream's refusal stands
	}
	c.saveItem(c.conv.truncate(it.ID, countOf(ms)), nil)
	if it.restated {
		c.restateLocked(it)
	}
	c.withholdLocked()
	c.emitLocked(object{"type": q.answer, "item_id": it.ID, "content_index": countOf(index), "audio_end_ms": countOf(ms)})
	return true
}

// restateLocked puts an item in its own place, with what is left of it. Clients know already.
func (c *Controller) restateLocked(it *Item) {
	c.tellUp(object{"type": "conversation.item.delete", "item_id": it.ID})
	o := replayItem(it)
	it.untold = o == nil
	c.up.amends(it.ID, o != nil)
	if o != nil {
		c.tellUp(object{"type": "conversation.item.create", "previous_item_id": c.conv.toldBefore(it), "item": o})
	}
}

// tellUp sends the upstream an event whose answer nobody waits for.
func (c *Controller) tellUp(event object) {
	event["event_id"] = NewID(ownPrefix)
	_ = c.sendUp(NewFrame(marshal(event)), false, false) // one that takes nothing will be lost
}

// toldBefore is the nearest item before another that the upstream knows of, as
// previous_item_id has it.
func (v *conversation) toldBefore(it *Item) string {
	before := root
	for _, o := range v.items {
		switch {
		case o == it:
			return before
		case !o.untold:
			before = o.ID
		}
	}
	return before
}
