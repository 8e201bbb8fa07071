package hub

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"switchboard/session"
	"switchboard/session/realtime"
)

// ack is an answer of the upstream's that somebody waits for. session.updated carries no
// event_id of the client's, so updates are settled in the order they were sent, those
// of attached clients (settle nil) included.
type ack struct {
	eventID string      // of the event that was sent; an error answers by it
	typ     string      // type of the event that says it was done
	itemID  string      // of the item it must speak of, "" for any
	settle  func(reply) // called once, under the controller's lock: it must not wait
	at      time.Time   // when it was added
	refusal string      // code of an error that answers nothing else; "" if there is none
	behind  int64       // how many responses had begun before the item that this is about was there

	instructs bool            // an update of a client's that sets the instructions
	sets      json.RawMessage // the session of an update that may carry secrets, or take some away
}

// ackLife is when an answer is not waited for any more by anybody.
const ackLife = 30 * time.Second

// reply is what an ack came to.
type reply struct {
	raw []byte // the event; the reader's again once settle has returned
	err error
}

// acks are those outstanding, oldest first; guarded by the controller's lock.
type acks struct{ open []*ack }

func (a *acks) add(k *ack) {
	k.at = time.Now()
	a.open = append(a.open, k)
}

// none reports whether no answer is outstanding, and forgets those that never came.
func (a *acks) none(now time.Time) bool {
	for len(a.open) > 0 && now.Sub(a.open[0].at) > ackLife {
		a.finish(a.open[0], reply{err: session.ErrTimeout})
	}
	return len(a.open) == 0
}

func (a *acks) remove(k *ack) {
	a.open = slices.DeleteFunc(a.open, func(o *ack) bool { return o == k })
}

// done settles the oldest that waits for this event, and returns it.
func (a *acks) done(typ, itemID string, raw []byte) *ack {
	for _, k := range a.open {
		if k.typ == typ && (k.itemID == "" || k.itemID == itemID) {
			a.finish(k, reply{raw: raw})
			return k
		}
	}
	return nil
}

// failed settles the one that an error answers, and returns it: by event_id, or, for an error
// without one, the oldest update of a client that gave its event no ID. An error that has one
// which cannot be read answers the oldest of the gateway's own, as does one that lost it but
// says what only that can have come to.
func (a *acks) failed(e *session.UpstreamError) *ack {
	for _, k := range a.open {
		anonymous := k.eventID == "" && mayAnswerUpdate(e)
		ours := e.EventID == "" && k.own() && (e.Astray || e.Code != "" && e.Code == k.refusal)
		if k.eventID == e.EventID && e.EventID != "" || anonymous || ours {
			a.finish(k, reply{err: e})
			return k
		}
	}
	return nil
}

// own reports whether the gateway itself waits for the answer.
func (k *ack) own() bool { return strings.HasPrefix(k.eventID, realtime.OwnPrefix) }

// mayAnswerUpdate reports whether an error may be what an update without event_id came to.
// Not all of those name a param. In doubt it is: an update that is settled too early costs
// nothing, one that is never settled takes the answer of the next.
func mayAnswerUpdate(e *session.UpstreamError) bool {
	return e.EventID == "" && e.Class() == session.Turn && (e.Param == "" || strings.HasPrefix(e.Param, "session"))
}

// end settles all: the session is over or its upstream is gone.
func (a *acks) end(reason error) {
	for _, k := range slices.Clone(a.open) {
		a.finish(k, reply{err: reason})
	}
}

func (a *acks) finish(k *ack, r reply) {
	a.remove(k)
	if k.settle != nil {
		k.settle(r)
	}
}
