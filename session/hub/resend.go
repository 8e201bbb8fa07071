package hub

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"switchboard/session"
	"switchboard/session/buffer"
	"switchboard/session/conversation"
	"switchboard/session/realtime"

	"github.com/tidwall/gjson"
)

const typUpdated = "session.updated"

// answers are the events with which the upstream says that it did what an event asked for. If it
// is lost before that, those of clients that are repeatable are sent to the next one.
var answers = map[string]struct {
	typ        string
	repeatable bool
}{
	"session.update":             {typUpdated, true},
	"input_audio_buffer.commit":  {"input_audio_buffer.committed", true},
	"input_audio_buffer.clear":   {"input_audio_buffer.cleared", true},
	"conversation.item.create":   {"conversation.item.added", true},
	"conversation.item.delete":   {"conversation.item.deleted", true},
	"conversation.item.retrieve": {typRetrieved, true},
	"conversation.item.truncate": {"conversation.item.truncated", true},
	"response.create":            {"response.created", true},
	"response.cancel":            {"response.done", false}, // it ends with its upstream
}

// sentAtMost is how many upstreams are sent an event that none of them answers: it may be why
// they are lost.
const sentAtMost = 3

// request notes an event of a client's that is about to be sent, and was sent to so many upstreams
// before, after its place in the input audio. It returns nil for one that is not answered. In doubt
// an event is taken for answered: it is then lost with its upstream, and not done twice.
func (l *ledger) request(h realtime.Head, event []byte, before int, after int64) *pending {
	a := answers[string(h.Typ)]
	if !a.repeatable {
		return nil
	}
	k := &pending{answer: a.typ, eventID: string(realtime.Unescape(h.EventID)), itemID: string(h.ItemID), sent: before + 1, after: after}
	if k.itemID == "" {
		k.itemID = gjson.GetBytes(event, "item.id").Str
	}
	k.kind, k.first = kindOf(event), gjson.GetBytes(event, "previous_item_id").Str == conversation.Root
	if k.updates() {
		k.sets = realtime.FieldsOf(event)["session"]
		_, k.instructs = realtime.FieldsOf(k.sets)["instructions"]
	}
	if len(event) <= l.limit {
		k.event = bytes.Clone(event)
	}
	l.add(k)
	return k
}

// noKind is the kind of no item.
const noKind = "-"

// kindOf is what an event says of the kind of its item: "" if it has none.
func kindOf(event []byte) string {
	it := gjson.GetBytes(event, "item")
	return it.Get("type").Str + it.Get("role").Str
}

// take removes clients' events and returns those that may not have been done, but for what has not
// even been sent: that is in waiting, in the same order.
func (l *ledger) take(waiting []buffer.Queued) (again []buffer.Queued) {
	var open []*pending
	for _, k := range slices.Clone(l.open) {
		if k.own() {
			continue
		}
		l.remove(k)
		if k.event != nil {
			open = append(open, k)
		}
	}
	for _, q := range slices.Backward(waiting) {
		if n := len(open); n > 0 && bytes.Equal(open[n-1].event, q.Frame.Payload()) {
			open = open[:n-1]
		}
	}
	for _, k := range open {
		if time.Since(k.at) < answerWait && k.sent < sentAtMost {
			again = append(again, buffer.Queued{Frame: session.NewFrame(k.event), Sent: k.sent, After: k.after})
		}
	}
	return again
}

// again notes that an event which waited is about to be sent, after its place in the input audio.
func (l *ledger) again(q buffer.Queued, after int64) {
	h, err := realtime.Peek(q.Frame.Payload())
	switch {
	case q.Audio || err != nil:
	case !own(h):
		l.request(h, q.Frame.Payload(), q.Sent, after)
	default:
		i := slices.IndexFunc(l.open, func(k *pending) bool { return k.eventID == string(h.EventID) })
		if i >= 0 {
			k := l.open[i]
			k.after = after
			l.open = append(slices.Delete(l.open, i, i+1), k) // behind what is sent before it
		}
	}
}

// own reports whether an event is the gateway's.
func own(h realtime.Head) bool { return strings.HasPrefix(string(h.EventID), realtime.OwnPrefix) }

// settle takes off the ledger what an event of the upstream's answers, and returns it: nil if that
// is nothing. It is called once for each event, before anything else is made of it.
func (c *held) settle(h realtime.Head, raw []byte) *pending {
	typ, id := string(h.Typ), string(h.ItemID)
	item := itemTypes[typ]
	if item != "" {
		typ = item
	}
	if !c.up.ledger.expects(typ) || c.repeats(typ, raw) {
		return nil
	}
	if id == "" {
		id = gjson.GetBytes(raw, "item.id").Str
	}
	kind := kindOf(raw)
	if string(h.Typ) == "conversation.item.done" {
		kind = noKind // what names no item was answered before
	}
	return c.up.ledger.done(typ, id, kind, raw)
}

// itemTypes are the other ways to say that an item was added.
var itemTypes = map[string]string{
	"conversation.item.created": "conversation.item.added",
	"conversation.item.done":    "conversation.item.added",
}

// repeats reports whether an event of a response says what was known or is not the conversation's:
// the beginning of one that has ended, or the end of one that is not the active one.
func (c *held) repeats(typ string, raw []byte) bool {
	switch typ {
	case "response.created":
		return c.facts.has("response.done", realtime.ReadResponse(raw).ID)
	case "response.done":
		return !c.turn.endsWith(realtime.ReadResponse(raw))
	}
	return false
}
