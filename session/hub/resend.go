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

// answers are the events with which the upstream says that it did what a client asked for.
var answers = map[string]string{
	"session.update":             "session.updated",
	"input_audio_buffer.commit":  "input_audio_buffer.committed",
	"input_audio_buffer.clear":   "input_audio_buffer.cleared",
	"conversation.item.create":   "conversation.item.added",
	"conversation.item.delete":   "conversation.item.deleted",
	"conversation.item.retrieve": typRetrieved,
	"conversation.item.truncate": "conversation.item.truncated",
	"response.create":            "response.created",
}

// request is an event of a client's that the upstream was sent and has not answered.
type request struct {
	event   []byte
	answer  string // type of the event that answers it
	eventID string // with which an error answers it
	itemID  string // of the item that it speaks of, if it says so
	kind    string // of the item that it creates
	first   bool   // its item goes before all others
	at      time.Time
	sent    int   // to so many upstreams
	after   int64 // number of the last event of the tail before it
}

// sentAtMost is how many upstreams are sent an event that none of them answers: it may be why
// they are lost.
const sentAtMost = 3

// requests are those of the present leg, oldest first: what they ask for is asked of the next
// one if this one is lost. In doubt one is taken for answered: it is then lost with its
// upstream, and not done twice. Guarded by the controller's lock.
type requests struct {
	open  []request
	limit int // bytes; the oldest are forgotten beyond it
	bytes int
}

// add keeps an event if it is one that the upstream answers, and reports whether it did. before
// is how many others were sent it, after its place in the tail.
func (r *requests) add(h realtime.Head, event []byte, before int, after int64) bool {
	answer := answers[string(h.Typ)]
	if answer == "" || len(event) > r.limit {
		return false
	}
	q := request{event: bytes.Clone(event), answer: answer, eventID: string(realtime.Unescape(h.EventID)), itemID: string(h.ItemID), at: time.Now(), sent: before + 1, after: after}
	if q.itemID == "" {
		q.itemID = gjson.GetBytes(event, "item.id").Str
	}
	q.kind, q.first = kindOf(event), gjson.GetBytes(event, "previous_item_id").Str == conversation.Root
	r.open = append(r.open, q)
	r.bytes += len(event)
	for r.bytes > r.limit || q.at.Sub(r.open[0].at) > ackLife {
		r.remove(0)
	}
	return true
}

// kindOf is what an event says of the kind of its item: "" if it has none.
func kindOf(event []byte) string {
	it := gjson.GetBytes(event, "item")
	return it.Get("type").Str + it.Get("role").Str
}

// done takes off the one that an event answers: the oldest that speaks of its item or, where
// none does, the oldest that names none and asked for one of that kind. It returns the zero
// request if there is none.
func (r *requests) done(answer, itemID, kind string) request {
	named := func(q request) bool { return q.answer == answer && q.itemID != "" && q.itemID == itemID }
	i := slices.IndexFunc(r.open, named)
	if i < 0 {
		i = slices.IndexFunc(r.open, func(q request) bool { return q.answer == answer && q.itemID == "" && q.kind == kind })
	}
	return r.remove(i)
}

// failed takes off the one that an error answers: an error without event_id, one without. It
// returns the zero request if there is none.
func (r *requests) failed(eventID string) request {
	return r.remove(slices.IndexFunc(r.open, func(q request) bool { return q.eventID == eventID }))
}

func (r *requests) remove(i int) (q request) {
	if i >= 0 {
		q = r.open[i]
		r.bytes -= len(q.event)
		r.open = slices.Delete(r.open, i, i+1)
	}
	return q
}

// none reports whether no answer is to be expected any more.
func (r *requests) none(now time.Time) bool {
	return len(r.open) == 0 || now.Sub(r.open[len(r.open)-1].at) > requestWait
}

// take returns what may not have been done, but for what has not even been sent: that is in
// waiting, in the same order. Nothing is left.
func (r *requests) take(waiting []buffer.Queued) (again []buffer.Queued) {
	open := r.open
	r.open, r.bytes = nil, 0
	for _, q := range slices.Backward(waiting) {
		if n := len(open); n > 0 && bytes.Equal(open[n-1].event, q.Frame.Payload()) {
			open = open[:n-1]
		}
	}
	for _, q := range open {
		if time.Since(q.at) < ackLife && q.sent < sentAtMost {
			again = append(again, buffer.Queued{Frame: session.NewFrame(q.event), Sent: q.sent, After: q.after})
		}
	}
	return again
}

// resend has the next leg be sent what the lost one may not have done. What the gateway
// itself asked for is left out: its callers were told, and ask again if they like.
func (c *held) resend() {
	o := &c.up.out
	queue := append(c.requests.take(o.Queue), o.Queue...)
	o.Queue, o.Bytes = nil, 0
	for _, q := range queue {
		if h, err := realtime.Peek(q.Frame.Payload()); q.Audio || err == nil && c.again(h, q.Frame.Payload()) {
			o.Push(q)
		}
	}
}

// again reports whether an event is to be sent to another upstream, and what that changes.
func (c *held) again(h realtime.Head, event []byte) bool {
	switch {
	case own(h):
		return false
	case string(h.Typ) == "session.update":
		c.awaitUpdate(h, event)
	case string(h.Typ) == "response.create":
		c.turn.wanted = false // it is asked for as it was
	}
	return true
}

// own reports whether an event is the gateway's.
func own(h realtime.Head) bool { return strings.HasPrefix(string(h.EventID), realtime.OwnPrefix) }

// answered takes note of what an event of the upstream's answers, and returns it.
func (c *held) answered(h realtime.Head, raw []byte) (q request) {
	typ := strings.Replace(string(h.Typ), "item.created", "item.added", 1)
	if !slices.ContainsFunc(c.requests.open, func(q request) bool { return q.answer == typ }) {
		return q
	}
	id := string(h.ItemID)
	if id == "" {
		id = gjson.GetBytes(raw, "item.id").Str
	}
	return c.requests.done(typ, id, kindOf(raw))
}
