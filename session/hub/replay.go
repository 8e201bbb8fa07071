package hub

import (
	"encoding/json"

	"switchboard/session/realtime"
)

// replay returns what a new upstream is told: the configuration and the
// conversation, as openings of a session may state them.
func (c *held) replay() (config json.RawMessage, items []realtime.Object) {
	for _, it := range c.conv.Items {
		if o := c.up.restate(it); o != nil {
			items = append(items, o)
		}
	}
	return c.overlay.over(c.up.config()), items
}

// markTold notes what the next upstream was told: all but the items that have nothing to say yet.
func (c *held) markTold() {
	for _, it := range c.conv.Items {
		it.Restated = c.up.hasAudio(it) || realtime.ReplayItem(&it.Item) != nil
		it.Untold = !it.Restated
	}
}
