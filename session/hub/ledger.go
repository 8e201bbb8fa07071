package hub

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"switchboard/session"
	"switchboard/session/realtime"

	"github.com/tidwall/gjson"
)

// pending is an event that the upstream was sent and has not answered.
type pending struct {
	eventID string // an error answers by it; "": a client's that has none
	asks    ask
	itemID  string // of the item that it is about; "": it names none
	kind    string // of the item that it creates
	refusal string // code of an error that answers nothing else; "": there is none
	at      time.Time
	after   int64 // number of the last event of the input audio before it
	first   bool  // its item goes before all others
	behind  int64 // how many responses had begun before the item that it is about was there

	settle func(reply) // for who waits: called once, under the controller's lock, so it must not wait

	event []byte // a client's, to send again to the next upstream; nil: it is not
	sent  int    // to so many upstreams

	instructs bool            // it is an update that sets the instructions
	sets      json.RawMessage // the session of an update: it may hold secrets, or take some away
}

// reply is what became of a pending event.
type reply struct {
	raw []byte // the answer; the reader's again once settle has returned
	err error
}

// ledger lists the pending events of the clients and of the gateway itself, oldest first. The API
// answers most without naming them, in the order in which they were sent: each answer settles one.
// Guarded by the controller's lock.
type ledger struct {
	open  []*pending
	limit int // bytes of clients' events; the oldest are forgotten beyond it
	bytes int
}

const (
	answerWait  = 30 * time.Second // an answer that takes longer never comes
	pendingSize = 256              // bytes that a pending event takes beside its own
)

// own reports whether the event is the gateway's own.
func (k *pending) own() bool { return strings.HasPrefix(k.eventID, realtime.OwnPrefix) }

// updates reports whether it changes the configuration.
func (k *pending) updates() bool { return k.asks == asksUpdate }

func (k *pending) size() int { return len(k.event) + len(k.sets) + pendingSize }

// add puts an event at the end. Clients' events are bounded: what nobody waits for is forgotten.
func (l *ledger) add(k *pending) {
	k.at = time.Now()
	l.open = append(l.open, k)
	if k.own() {
		return
	}
	l.bytes += k.size()
	for l.bytes > l.limit {
		l.remove(l.open[slices.IndexFunc(l.open, func(o *pending) bool { return !o.own() })])
	}
}

func (l *ledger) remove(k *pending) {
	i := slices.Index(l.open, k)
	if i < 0 {
		return
	}
	l.open = slices.Delete(l.open, i, i+1)
	if !k.own() {
		l.bytes -= k.size()
	}
}

// finish takes an event off and tells who waits for it.
func (l *ledger) finish(k *pending, r reply) {
	l.remove(k)
	if k.settle != nil {
		k.settle(r)
	}
}

// expects reports whether something asked for this.
func (l *ledger) expects(a ask) bool {
	return slices.ContainsFunc(l.open, func(k *pending) bool { return k.asks == a })
}

// done settles what an event that answers such an ask answers, and returns it: the oldest that names its item or, where none
// does, the oldest that names none and asked for one of that kind.
func (l *ledger) done(a ask, itemID, kind string, raw []byte) *pending {
	k := l.oldest(func(k *pending) bool { return k.asks == a && k.itemID != "" && k.itemID == itemID })
	if k == nil {
		k = l.oldest(func(k *pending) bool { return k.asks == a && k.itemID == "" && k.kind == kind })
	}
	if k != nil {
		l.finish(k, reply{raw: raw})
	}
	return k
}

// failed settles what an error answers, and returns it: what the error names or, where it names
// nothing, the oldest that it may be about.
func (l *ledger) failed(e *session.UpstreamError) *pending {
	var k *pending
	if e.EventID != "" {
		k = l.oldest(func(k *pending) bool { return k.eventID == e.EventID })
	} else if k = l.oldest(func(k *pending) bool { return k.mayHaveFailed(e) }); k == nil {
		k = l.oldest(func(k *pending) bool { return k.eventID == "" && !k.updates() })
	}
	if k != nil {
		l.finish(k, reply{err: e})
	}
	return k
}

// mayHaveFailed reports whether an error that names no event may answer this one. An error that had
// an event_id which cannot be read answers the oldest of the gateway's own, and so does one with a
// code that only that can have. Of a client's updates those without an event_id are meant, and not
// all errors about those name a param. In doubt one is: an update that is settled too early costs
// nothing, one that is never settled takes the answer of the next.
func (k *pending) mayHaveFailed(e *session.UpstreamError) bool {
	if k.own() {
		return e.Astray || e.Code != "" && e.Code == k.refusal
	}
	return k.eventID == "" && k.updates() && e.Class() == session.Turn && (e.Param == "" || strings.HasPrefix(e.Param, "session"))
}

func (l *ledger) oldest(is func(*pending) bool) *pending {
	if i := slices.IndexFunc(l.open, is); i >= 0 {
		return l.open[i]
	}
	return nil
}

// awaited is until when an answer is waited for, if none comes; those that never came are forgotten.
// Clients' requests are waited for a moment only: what they ask for is sent again.
func (l *ledger) awaited(now time.Time) (until time.Time) {
	for _, k := range slices.Clone(l.open) {
		switch {
		case now.Sub(k.at) >= answerWait:
			l.finish(k, reply{err: session.ErrTimeout})
		case k.own() || k.updates():
			until = later(until, k.at.Add(answerWait))
		default:
			until = later(until, k.at.Add(requestWait))
		}
	}
	return until
}

// end tells all who wait that no answer will come: the session is over or its upstream is lost.
func (l *ledger) end(reason error) {
	for _, k := range slices.Clone(l.open) {
		if k.own() {
			l.finish(k, reply{err: reason})
		}
	}
}

// settle takes off the ledger what an event of the upstream's answers, and returns it: nil if that
// is nothing. It is called once for each event, before anything else is made of it.
func (c *held) settle(e event, raw []byte) *pending {
	a := e.means.answers()
	if a == asksNothing || !c.up.ledger.expects(a) || c.repeats(e, raw) {
		return nil
	}
	id, kind := string(e.ItemID), kindOf(raw)
	if id == "" {
		id = gjson.GetBytes(raw, "item.id").Str
	}
	if e.means == meansItemDone {
		kind = noKind // what names no item was answered before
	}
	return c.up.ledger.done(a, id, kind, raw)
}

// repeats reports whether an event of a response says what was known or is not the conversation's:
// the beginning of one that has ended, or the end of one that is not the active one.
func (c *held) repeats(e event, raw []byte) bool {
	switch e.means {
	case meansBegun:
		return c.facts.has(factResponse, realtime.ReadResponse(raw).ID)
	case meansDone:
		return !c.turn.endsWith(realtime.ReadResponse(raw))
	}
	return false
}
