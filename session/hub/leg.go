package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"switchboard/session"
	"switchboard/session/buffer"
	"switchboard/session/configuration"
	"switchboard/session/realtime"

	"github.com/tidwall/gjson"
)

// leg is one connection to the upstream. A session has one at a time; another takes its
// place before the upstream's maximum duration, or when the connection is lost. All but
// conn is guarded by the controller's lock once the leg is in use.
type leg struct {
	conn    session.Conn // nil for the place of one that is yet to come
	words   *vocabulary
	out     buffer.Outbox
	state   legState
	lostAt  time.Time
	opened  time.Time
	session json.RawMessage // the API session, as last reported, without secrets; the rest is read from it
	secrets json.RawMessage // what its configuration has that session does not show; nil: nothing
	sealed  string          // secrets, for the store; "" if they have not been there yet
	dropped []string        // fields of its configuration that it refused
	kind    string          // of session: "realtime" or "transcription"
	expires time.Time
	manual  bool            // no turn detection: the upstream waits for a commit
	answers bool            // it answers by itself once a turn has ended
	writes  bool            // it transcribes what the user says
	rate    int             // bytes of output audio a second
	told    map[string]bool // items that it was told of, and has not reported as done
	amended map[string]bool // items that were taken away, and whether they come back
}

// legState says what becomes of what is sent on a leg.
type legState int

const (
	legInUse   legState = iota // the upstream gets it
	legLost                    // it waits for the next leg: the connection failed
	legSpent                   // it waits for the next leg: the time of this one was over
	legAwaited                 // it waits for the first leg on this node
)

// gone reports whether another leg is to take the place of this one.
func (l *leg) gone() bool { return l.state != legInUse }

// within closes the leg if what is done to prepare it fails, or is not done before ctx is.
func (l *leg) within(ctx context.Context, do func() error) (err error) {
	ready := false
	defer func() {
		if !ready { // also in a panic
			l.conn.Close(session.CloseNormal, "")
		}
	}()
	stop := context.AfterFunc(ctx, func() { l.conn.Close(session.CloseNormal, "") })
	err = do()
	if !stop() {
		err = session.ErrTimeout
	}
	ready = err == nil
	return err
}

// echoes reports whether an event says of an item what everybody knows and was told when it
// was so: that one which the leg was told of is done, or that one was amended.
func (l *leg) echoes(e event, payload []byte) bool {
	if len(l.told) == 0 && len(l.amended) == 0 {
		return false
	}
	switch e.means {
	case meansDeleted:
		again, amended := l.amended[string(e.ItemID)]
		delete(l.told, string(e.ItemID))
		if !again {
			delete(l.amended, string(e.ItemID))
		}
		return amended
	case meansItem:
		return l.amended[gjson.GetBytes(payload, "item.id").Str]
	case meansItemDone:
		id := gjson.GetBytes(payload, "item.id").Str
		known := l.told[id] || l.amended[id]
		delete(l.amended, id)
		return known
	}
	return false
}

// amends notes that an item is taken away and, if it is told again, comes back.
func (l *leg) amends(id string, again bool) {
	if l.amended == nil {
		l.amended = make(map[string]bool, 1)
	}
	l.amended[id] = again
}

// ask sends an event that asks for something and is the gateway's own.
func (l *leg) ask(a ask, fields realtime.Object) error {
	typ := l.words.event[a]
	fields["type"], fields["event_id"] = typ, session.NewID(realtime.OwnPrefix)
	if _, err := l.conn.Write(session.NewFrame(realtime.Marshal(fields)), session.AtOnce); err != nil {
		return fmt.Errorf("write %s: %w", typ, err)
	}
	if err := l.conn.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", typ, err)
	}
	return nil
}

// errArrived ends the wait for an event.
var errArrived = errors.New("arrived")

// await reads until an event that means this; *UpstreamError for an error event before it.
func (l *leg) await(m meaning) error {
	err := l.conn.Each(func(f session.Frame, err error) error {
		if err != nil {
			return nil // not an event: not what is waited for
		}
		h, err := realtime.Peek(f.Payload())
		e := event{h, l.words.meaning(h.Typ)}
		if err != nil || l.echoes(e, f.Payload()) {
			return nil
		}
		switch e.means {
		case meansError:
			return realtime.ErrorOf(f.Payload())
		case m:
			l.adopt(f.Payload())
			return errArrived
		}
		return nil
	})
	var refused *session.UpstreamError
	switch {
	case errors.Is(err, errArrived):
		return nil
	case errors.As(err, &refused):
		return refused
	}
	return fmt.Errorf("wait for %s: %w", l.words.tells[m], err)
}

// adopt takes over the API session that an event carries, if it carries one. The scanner trusts
// what stands in strings, but a session is written to clients and into the store.
func (l *leg) adopt(raw []byte) {
	if s := gjson.GetBytes(raw, "session"); s.IsObject() && json.Valid([]byte(s.Raw)) {
		l.use(s)
	}
}

// shown is an event that carries the API session as clients may see it: to the byte, if that is
// all of it.
func (l *leg) shown(event []byte) []byte {
	told := gjson.GetBytes(event, "session")
	if told.Raw == string(l.session) || !configuration.MayHoldSecrets([]byte(told.Raw)) {
		return event
	}
	return realtime.Splice(event, told, l.session)
}

// keepSecrets notes what the configuration has beside what is shown.
func (l *leg) keepSecrets(secrets json.RawMessage) { l.secrets, l.sealed = secrets, "" }

// lastExpiry is a time after which no upstream expires: later ones cannot be written as a date.
const lastExpiry = 1 << 37

// says are its instructions. They are the largest part of most sessions, and read seldom.
func (l *leg) says() string { return gjson.GetBytes(l.session, "instructions").Str }

// use reads what the gateway needs to know of an API session. It peeks: decoding would
// grow the stack of each of the thousands of readers that a broadcast wakes.
func (l *leg) use(s gjson.Result) {
	l.session = json.RawMessage(s.Raw)
	if _, secrets := configuration.HideSecrets(l.session); secrets != nil {
		l.keepSecrets(configuration.MergeSecrets(l.secrets, secrets))
		l.session = configuration.ShownSession(configuration.Told(l.session, l.secrets))
	}
	l.kind = "realtime"
	var turns, words, format gjson.Result
	s.ForEach(func(name, v gjson.Result) bool {
		switch name.Str {
		case "type":
			l.kind = strings.Clone(cmp.Or(v.Str, l.kind)) // a part would hold the whole event
		case "expires_at":
			if at := realtime.CountOf(v); at > 0 && at < lastExpiry {
				l.expires = time.Unix(at, 0).UTC()
			}
		case "audio":
			turns, words, format = v.Get("input.turn_detection"), v.Get("input.transcription"), v.Get("output.format")
		}
		return true
	})
	l.manual, l.writes = !turns.IsObject(), words.IsObject()
	creates := turns.Get("create_response")
	l.answers = !l.manual && (creates.Type == gjson.Null || creates.Bool())
	l.rate = realtime.BytesPerSecond(format)
}
