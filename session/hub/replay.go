package hub

import (
	"encoding/json"

	"switchboard/session/configuration"
	"switchboard/session/conversation"
	"switchboard/session/realtime"
)

// replay returns what a new upstream is told: the configuration and the
// conversation, as openings of a session may state them.
func (c *held) replay() (config json.RawMessage, items []realtime.Object) {
	for _, it := range c.conv.Items {
		if o := c.restate(it); o != nil {
			items = append(items, o)
		}
	}
	return c.overlay.over(configuration.NextConfig(c.up.session, c.up.secrets)), items
}

// markTold notes what the next upstream was told: all but the items that have nothing to say yet.
func (c *held) markTold() {
	for _, it := range c.conv.Items {
		it.Restated = c.hasAudio(it) || realtime.ReplayItem(&it.Item) != nil
		it.Untold = !it.Restated
	}
}

// restate states an item anew, one of the user's by its audio if that is known and its words are not.
func (c *held) restate(it *conversation.Entry) realtime.Object {
	if !c.hasAudio(it) {
		return realtime.ReplayItem(&it.Item)
	}
	return realtime.ReplayItem(&it.Item, c.audioOf(it)...)
}
