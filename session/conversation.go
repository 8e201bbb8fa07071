package session

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// conversation is the ordered items of one session, guarded by the controller's lock.
// Order is by previous_item_id, not by arrival (a user's turn may be added late).
type conversation struct {
	items   []*Item
	version int64 // grows with every change
	max     capacity
	holds   weight
	gone    string // ID of the item that was dropped last: what else is told of it comes too late

	answering []string // call IDs whose output is on its way or there
	followed  []string // call IDs whose answers have made the next response due

	live map[string]*spoken // items whose audio or transcript is still coming
}

func (v *conversation) find(id string) *Item {
	for i := len(v.items) - 1; i >= 0; i-- {
		if v.items[i].ID == id {
			return v.items[i]
		}
	}
	return nil
}

// put adds or replaces an item. after is what a new one follows, if it is not the last. What the
// upstream was told by the gateway stays as it is: it knows no more of it.
func (v *conversation) put(item gjson.Result, previous *string, now time.Time) (it *Item, after *string) {
	id := item.Get("id").Str
	if id == "" {
		return nil, nil
	}
	if it = v.find(id); it == nil && id == v.gone {
		return nil, nil
	} else if it == nil {
		it = &Item{ID: strings.Clone(id), CreatedAt: now}
		after = v.insert(it, previous)
	}
	if it.restated {
		return it, after
	}
	for name, field := range map[string]*string{
		"type": &it.Type, "role": &it.Role, "status": &it.Status, "name": &it.Name,
		"call_id": &it.CallID, "arguments": &it.Arguments, "output": &it.Output,
	} {
		*field = strings.Clone(item.Get(name).Str) // else a word would hold the whole event
	}
	text, audio := contentOf(item)
	if !audio && json.Valid([]byte(item.Raw)) { // the scanner trusts what is in strings
		it.keep([]byte(item.Raw))
	}
	if text != "" {
		it.said(strings.Clone(text))
	}
	if s := v.live[id]; s != nil {
		s.into(it)
	}
	return it, after
}

// contentOf returns the words of an item's parts, and whether one of them has audio.
func contentOf(item gjson.Result) (text string, audio bool) {
	var words []string
	for _, part := range item.Get("content").Array() {
		if t := part.Get("text").Str + part.Get("transcript").Str; t != "" {
			words = append(words, t)
		}
		audio = audio || part.Get("audio").Str != ""
	}
	return strings.Join(words, " "), audio
}

// root is the previous_item_id of what goes before all other items.
const root = "root"

func (v *conversation) insert(it *Item, previous *string) (after *string) {
	at := len(v.items)
	switch {
	case previous == nil:
	case *previous == root:
		at = 0
	default:
		it.PreviousID = *previous
		for i, p := range slices.Backward(v.items) {
			if p.ID == *previous {
				at = i + 1
				break
			}
		}
	}
	for at < len(v.items) && v.items[at].untold {
		at++ // what the upstream does not know of cannot be its previous item
	}
	v.items = slices.Insert(v.items, at, it)
	switch {
	case at == len(v.items)-1:
		return nil
	case at == 0:
		return new("")
	}
	return new(v.items[at-1].ID)
}

// remove takes an item off. A function call whose output is taken off can be answered again.
func (v *conversation) remove(id string) bool {
	delete(v.live, id)
	i := slices.IndexFunc(v.items, func(it *Item) bool { return it.ID == id })
	if i < 0 {
		return false
	}
	it := v.items[i]
	if it.Type == "function_call_output" {
		isIt := func(callID string) bool { return callID == it.CallID }
		v.answering, v.followed = slices.DeleteFunc(v.answering, isIt), slices.DeleteFunc(v.followed, isIt)
	}
	v.unweigh(it)
	v.items = slices.Delete(v.items, i, i+1)
	return true
}

// speaking follows an item that is being made; rate is how many bytes of its audio make a second.
func (v *conversation) speaking(itemID, response string, rate int) *spoken {
	if v.live == nil {
		v.live = make(map[string]*spoken, 1)
	}
	s := v.live[itemID]
	if s == nil {
		s = &spoken{response: response, perSecond: rate}
		v.live[itemID] = s
	}
	return s
}

// forget lets go of what was said in a response that is not part of the conversation.
func (v *conversation) forget(response string) {
	for id, s := range v.live {
		if s.response == response {
			delete(v.live, id)
		}
	}
}

// truncate notes that the user heard only the first ms of an item.
func (v *conversation) truncate(id string, ms int64) *Item {
	it := v.find(id)
	if it == nil {
		return nil
	}
	if s := v.live[id]; s != nil {
		s.into(it)
	}
	it.cutAt(ms)
	return it
}
