package hub

import (
	"encoding/json"
	"slices"

	"switchboard/session"
	"switchboard/session/realtime"
)

// pageBytes is about how much of a conversation one event tells.
const pageBytes = 64 << 10

// reset tells a client how things are that cannot be told what it missed: the session, and
// the conversation a page at a time. A page is made when the one before has been taken: a
// client that does not read costs one.
func (c *held) reset(cl *client) {
	pages := &paging{}
	items, more := pages.next(publicItems(c.items()))
	first := realtime.Marshal(realtime.Object{
		"type": typeReset, "event_id": c.history.Mark(), "reason": "too_far_back",
		"session": c.up.session, "items": items, "more": more,
	})
	cl.out.Follow(func() (event []byte) {
		switch {
		case first != nil:
			event, first = first, nil
		case more:
			var page []json.RawMessage
			page, more = pages.next(publicItems(c.items()))
			event = realtime.Marshal(realtime.Object{"type": typeItems, "event_id": c.history.Mark(), "items": page, "more": more})
		}
		return event
	})
}

// paging is how far a conversation has been told, while it goes on.
type paging struct {
	last string // ID of the last item that was told
	at   int    // its place, should it be gone
}

// next returns the items of the next page, at least one if there is any, and whether more follow.
func (p *paging) next(all []session.Item) (page []json.RawMessage, more bool) {
	i := slices.IndexFunc(all, func(it session.Item) bool { return it.ID == p.last }) + 1
	if i == 0 {
		i = min(p.at, len(all))
	}
	page = []json.RawMessage{}
	for size := 0; i < len(all) && (size == 0 || size < pageBytes); i++ {
		item := realtime.Marshal(all[i])
		page = append(page, item)
		size += len(item)
		p.last, p.at = all[i].ID, i+1
	}
	return page, i < len(all)
}
