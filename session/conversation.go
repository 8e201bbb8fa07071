package session

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// conversation is the ordered items of one session, guarded by the controller's lock.
// Order is by previous_item_id, not by arrival (a user's turn may be added late).
type conversation struct {
	items   []*Item
	version int64 // grows with every change

	answering []string // call IDs whose output is on its way or there
	followed  []string // call IDs whose answers have made the next response due

	live map[string]*spoken // items whose audio or transcript is still coming
}

// spoken follows what was said of an item while it is being made.
type spoken struct {
	response  string
	audio     int // characters of base64
	perSecond int // bytes of decoded audio a second
	text      strings.Builder
	heardMS   int64 // -1 until truncated
}

// apiItem is an item as the upstream sends it.
type apiItem struct {
	ID, Type, Role, Status, Name, Arguments, Output string
	CallID                                          string `json:"call_id"`
	Content                                         []struct {
		Type, Text, Transcript string
		Audio                  string
	}
}

func (a *apiItem) text() string {
	var parts []string
	for _, c := range a.Content {
		if t := c.Text + c.Transcript; t != "" {
			parts = append(parts, t)
		}
	}
	return strings.Join(parts, " ")
}

func (a *apiItem) hasAudio() bool {
	return slices.ContainsFunc(a.Content, func(c struct{ Type, Text, Transcript, Audio string }) bool { return c.Audio != "" })
}

func (v *conversation) find(id string) *Item {
	for i := len(v.items) - 1; i >= 0; i-- {
		if v.items[i].ID == id {
			return v.items[i]
		}
	}
	return nil
}

// put adds or replaces an item. after is what a new one follows, if it is not the last.
func (v *conversation) put(raw json.RawMessage, previous *string, now time.Time) (it *Item, after *string) {
	var a apiItem
	if json.Unmarshal(raw, &a) != nil || a.ID == "" {
		return nil, nil
	}
	if it = v.find(a.ID); it == nil {
		it = &Item{ID: a.ID, CreatedAt: now}
		after = v.insert(it, previous)
	}
	it.Type, it.Role, it.Status = a.Type, a.Role, a.Status
	it.Name, it.CallID, it.Arguments, it.Output = a.Name, a.CallID, a.Arguments, a.Output
	if !a.hasAudio() {
		it.Raw = slices.Clone(raw)
	}
	if t := a.text(); t != "" {
		it.Text = t
	}
	if s := v.live[a.ID]; s != nil {
		s.into(it)
	}
	return it, after
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

func (v *conversation) remove(id string) bool {
	n := len(v.items)
	v.items = slices.DeleteFunc(v.items, func(it *Item) bool { return it.ID == id })
	delete(v.live, id)
	return len(v.items) < n
}

func (v *conversation) speaking(itemID, response string) *spoken {
	if v.live == nil {
		v.live = make(map[string]*spoken, 1)
	}
	s := v.live[itemID]
	if s == nil {
		s = &spoken{response: response, perSecond: 48000, heardMS: -1}
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
	s := v.live[id]
	if s == nil { // long finished: all of its audio is known
		s = &spoken{heardMS: -1}
	}
	if s.text.Len() == 0 {
		s.text.WriteString(it.Text)
	}
	total := max(it.AudioMS, s.ms())
	s.heardMS = ms
	s.into(it)
	it.AudioMS = total
	it.Text = heard(s.text.String(), ms, total)
	return it
}

// ms is the length of audio that came so far.
func (s *spoken) ms() int64 {
	if s.perSecond == 0 {
		return 0
	}
	return int64(s.audio) / 4 * 3 * 1000 / int64(s.perSecond)
}

// into writes what is known of the speech to the item.
func (s *spoken) into(it *Item) {
	if s.response != "" {
		it.ResponseID = s.response
	}
	it.AudioMS = max(it.AudioMS, s.ms())
	if s.text.Len() > 0 && it.Text == "" {
		it.Text = s.text.String()
	}
	if s.heardMS >= 0 {
		ms := s.heardMS
		it.HeardMS = &ms
		it.Text = heard(s.text.String(), ms, it.AudioMS)
	}
}

// heard cuts a transcript at the share of its audio that was played, at the end of a
// word. The protocol does not align text and audio, so this is an estimate.
func heard(text string, ms, total int64) string {
	if total <= 0 || ms >= total {
		return text
	}
	cut := int(int64(len(text)) * ms / total)
	if cut >= len(text) {
		return text
	}
	if !strings.Contains(text, " ") { // a script without spaces
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		return text[:cut]
	}
	return text[:max(0, strings.LastIndexByte(text[:cut+1], ' '))]
}
