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

// sentAtMost is how many upstreams are sent an event that none of them answers: it may be why
// they are lost.
const sentAtMost = 3

// request notes an event of a client's that is about to be sent, and was sent to so many upstreams
// before, after its place in the input audio. In doubt an event is taken for answered: it is then
// lost with its upstream, and not done twice.
func (l *ledger) request(a ask, h realtime.Head, event []byte, before int, after int64) {
	if !a.repeatable() {
		return
	}
	k := &pending{asks: a, eventID: string(realtime.Unescape(h.EventID)), itemID: string(h.ItemID), sent: before + 1, after: after}
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
func (u *uplink) again(q buffer.Queued, after int64) {
	h, err := realtime.Peek(q.Frame.Payload())
	switch {
	case q.Audio || err != nil:
	case !own(h):
		u.ledger.request(u.words.asked(h.Typ), h, q.Frame.Payload(), q.Sent, after)
	default:
		l := &u.ledger
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
