package hub

import (
	"encoding/json"
	"slices"

	"switchboard/session"
	"switchboard/session/broadcast"
	"switchboard/session/realtime"
)

// overlay works out a session's instructions from the broadcasts that stand over its own.
type overlay struct{ session.Overlay }

// text is what the instructions are with all that stands, in order.
func (o *overlay) text() string {
	text := o.Base
	for _, b := range o.Standing {
		switch {
		case b.Mode == broadcast.ModeReplace || text == "":
			text = b.Instructions
		default:
			text += "\n\n" + b.Instructions
		}
	}
	return text
}

// over puts the instructions into a configuration. The last one that stood may have been
// withdrawn without the upstream having said so, and so it counts that one ever stood.
func (o *overlay) over(config json.RawMessage) json.RawMessage {
	if !o.Based {
		return config
	}
	var fields realtime.Object
	if json.Unmarshal(config, &fields) != nil {
		return config
	}
	fields["instructions"] = o.text()
	return realtime.Marshal(fields)
}

// take considers one entry of the log and reports whether it changes the instructions;
// base is the session's own, if no broadcast has stood yet.
func (o *overlay) take(e broadcast.Entry, base string) bool {
	if !o.pass(e.ID) {
		return false
	}
	i := slices.IndexFunc(o.Standing, func(b session.Broadcast) bool { return b.ID == e.Broadcast.ID })
	switch {
	case e.Withdrawn && i < 0, !e.Withdrawn && i >= 0:
		return false
	case e.Withdrawn:
		o.Standing = slices.Delete(slices.Clone(o.Standing), i, i+1)
		return true
	}
	if !o.Based {
		o.Based, o.Base = true, base
	}
	b := e.Broadcast
	b.Sessions = nil // it is one of them, and a record need not name the others
	o.Standing = append(slices.Clip(o.Standing), b)
	return true
}

// pass notes that an entry was considered, and reports false if it had been before.
func (o *overlay) pass(id string) bool {
	if session.CompareEventIDs(id, o.Seen) <= 0 {
		return false
	}
	o.Seen = id
	return true
}

// drop takes off a broadcast that the upstream refused.
func (o *overlay) drop(id string) {
	o.Standing = slices.DeleteFunc(slices.Clone(o.Standing), func(b session.Broadcast) bool { return b.ID == id })
}

// selects reports whether a session with these labels is meant.
func selects(b *session.Broadcast, id session.ID, labels map[string]string) bool {
	if len(b.Sessions) > 0 && !slices.Contains(b.Sessions, id) {
		return false
	}
	for k, v := range b.Select {
		if got, has := labels[k]; !has || got != v {
			return false
		}
	}
	return true
}
