package hub

import (
	"context"

	"github.com/tidwall/gjson"

	"switchboard/session"
	"switchboard/session/realtime"
)

// whispersAtMost is how many private items a session may be told.
const whispersAtMost = 1000

// whispers are the IDs of private items. The model knows them, the application and its log show
// them, and clients are never told of them.
type whispers map[string]bool

// whispersOf finds the private ones of stored items.
func whispersOf(items []session.Item) whispers {
	var w whispers
	for _, it := range items {
		if it.Private {
			w = w.with(it.ID)
		}
	}
	return w
}

func (w whispers) with(itemID string) whispers {
	if w == nil {
		w = whispers{}
	}
	w[itemID] = true
	return w
}

// whisper makes room for one more; the item is private before the upstream says anything of it.
func (c *Controller) whisper(itemID string) error {
	s := c.lock()
	defer s.unlock()
	if len(c.whispers) >= whispersAtMost {
		return &session.LimitError{Limit: "private_messages", Max: whispersAtMost}
	}
	c.whispers = c.whispers.with(itemID)
	return nil
}

// unheard reports whether an event of the upstream's is of a private item and for no client. The
// log has one event of each such item.
func (c *held) unheard(e event, raw []byte) bool {
	if len(c.whispers) == 0 || !e.means.ofItem() {
		return false
	}
	id := itemOf(e.Head, raw)
	if !c.whispers[id] {
		return false
	}
	if it := gjson.GetBytes(raw, "item"); it.Exists() && c.conv.Find(id) == nil {
		c.logEvent(realtime.TypWhisper, realtime.Marshal(realtime.Object{
			"type": realtime.TypWhisper, "event_id": session.NewID(realtime.OwnPrefix), "item_id": id, "text": it.Get("content.0.text").Str,
		}))
	}
	return true
}

// itemOf is the ID of the item that an event is about.
func itemOf(h realtime.Head, event []byte) string {
	if len(h.ItemID) > 0 {
		return string(realtime.Unescape(h.ItemID))
	}
	return gjson.GetBytes(event, "item.id").Str
}

// public is what clients are told of an event: it does not name a private item before its own.
func (w whispers) public(event []byte, before func(itemID string) string) []byte {
	previous := gjson.GetBytes(event, "previous_item_id")
	if len(w) == 0 || !w[previous.Str] {
		return event
	}
	name := []byte("null")
	if id := before(previous.Str); id != "" {
		name = realtime.Marshal(id)
	}
	return realtime.Splice(event, previous, name)
}

// publicItem is the last item that clients know at or before a private one; "" if there is none.
func publicItem(items []session.Item, private string) (id string) {
	for _, it := range items {
		if it.ID == private {
			return id
		}
		if !it.Private {
			id = it.ID
		}
	}
	return ""
}

func (c *held) publicItem(private string) string { return publicItem(c.items(), private) }

// publicItems are the items that clients know.
func publicItems(all []session.Item) []session.Item {
	private := whispersOf(all)
	if len(private) == 0 {
		return all
	}
	out := make([]session.Item, 0, len(all))
	for _, it := range all {
		if it.Private {
			continue
		}
		if private[it.PreviousID] {
			it.PreviousID = publicItem(all, it.PreviousID)
		}
		out = append(out, it)
	}
	return out
}

// Whisper tells the model something, as a system item without a response, that clients are never
// shown: not as an event, not when they resume, not after a renewal or on another node.
func (c *Controller) Whisper(ctx context.Context, text string) (itemID string, err error) {
	itemID = session.NewID("item_")
	if err := c.whisper(itemID); err != nil {
		return "", err
	}
	_, err = c.addItem(ctx, itemID, realtime.Object{
		"type": "message", "role": "system", "content": []realtime.Object{{"type": "input_text", "text": text}},
	})
	if err != nil {
		return itemID, err
	}
	c.kept(ctx)
	return itemID, nil
}
