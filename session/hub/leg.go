package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	out     buffer.Outbox
	state   legState
	lostAt  time.Time
	opened  time.Time
	session json.RawMessage // the API session, as last reported, without secrets; the rest is read from it
	secrets json.RawMessage // what its configuration has that session does not show; nil: nothing
	sealed  string          // secrets, for the store; "" if they have not been there yet
	dropped []string        // fields of its configuration that it refused
	kind    string          // of session: "realtime" or "transcription"
	says    string          // its instructions
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

// connect dials the upstream, waits until the session is ready, configures it and tells
// it the conversation so far.
func (c *Controller) connect(ctx context.Context, o configuration.Opening) (*leg, error) {
	ctx, cancel := context.WithTimeout(ctx, c.node.OpenTimeout)
	defer cancel()
	conn, err := c.node.Dialer.Dial(ctx, session.DialRequest{Model: c.spec.Model, Intent: c.spec.Intent, SafetyID: c.spec.SafetyID})
	if err != nil {
		return nil, fmt.Errorf("dial upstream: %w", err)
	}
	l := &leg{conn: conn, opened: time.Now()}
	if err := l.within(ctx, func() error { return l.prepare(o) }); err != nil {
		return nil, err
	}
	c.noteDropped(l)
	return l, nil
}

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

// prepare reads until the session is created and configured. An upgrade that succeeded
// says nothing: a bad key is 101, then error, then close 3000.
func (l *leg) prepare(o configuration.Opening) error {
	if err := l.await("session.created"); err != nil {
		return err
	}
	if o.Config != nil {
		if err := l.configure(o); err != nil {
			return err
		}
	}
	return l.tell(o.Items)
}

// tellAtOnce is how many items are sent before their acknowledgements are read: enough
// to hide the way there and back, few enough that neither side has to wait to write.
const tellAtOnce = 32

// tell adds items to the conversation. One that the upstream refuses is left out: the
// rest of the conversation is worth more than none.
func (l *leg) tell(items []realtime.Object) error {
	l.told = make(map[string]bool, len(items))
	for _, it := range items {
		l.told[it["id"].(string)] = true
	}
	for len(items) > 0 {
		n := min(len(items), tellAtOnce)
		for _, it := range items[:n] {
			if err := l.write(realtime.Object{"type": "conversation.item.create", "event_id": session.NewID(realtime.OwnPrefix), "item": it}); err != nil {
				return err
			}
		}
		for range n {
			var refused *session.UpstreamError
			if err := l.await("conversation.item.added"); err != nil && (!errors.As(err, &refused) || refused.Class() >= session.Session) {
				return err
			}
		}
		items = items[n:]
	}
	return nil
}

// echoes reports whether an event says of an item what everybody knows and was told when it
// was so: that one which the leg was told of is done, or that one was amended.
func (l *leg) echoes(h realtime.Head, payload []byte) bool {
	if len(l.told) == 0 && len(l.amended) == 0 {
		return false
	}
	switch string(h.Typ) {
	case "conversation.item.deleted":
		again, amended := l.amended[string(h.ItemID)]
		delete(l.told, string(h.ItemID))
		if !again {
			delete(l.amended, string(h.ItemID))
		}
		return amended
	case "conversation.item.added", "conversation.item.created":
		return l.amended[gjson.GetBytes(payload, "item.id").Str]
	case "conversation.item.done":
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

func (l *leg) write(event realtime.Object) error {
	if _, err := l.conn.Write(session.NewFrame(realtime.Marshal(event)), session.AtOnce); err != nil {
		return fmt.Errorf("write %s: %w", event["type"], err)
	}
	if err := l.conn.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", event["type"], err)
	}
	return nil
}

// errArrived ends the wait for an event.
var errArrived = errors.New("arrived")

// await reads until an event of this type; *UpstreamError for an error event before it.
func (l *leg) await(typ string) error {
	err := l.conn.Each(func(f session.Frame, err error) error {
		if err != nil {
			return nil // not an event: not what is waited for
		}
		h, err := realtime.Peek(f.Payload())
		if err != nil || l.echoes(h, f.Payload()) {
			return nil
		}
		switch string(h.Typ) {
		case "error":
			return realtime.ErrorOf(f.Payload())
		case typ:
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
	return fmt.Errorf("wait for %s: %w", typ, err)
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

// use reads what the gateway needs to know of an API session. It peeks: decoding would
// grow the stack of each of the thousands of readers that a broadcast wakes.
func (l *leg) use(s gjson.Result) {
	l.session = json.RawMessage(s.Raw)
	if _, secrets := configuration.HideSecrets(l.session); secrets != nil {
		l.keepSecrets(configuration.MergeSecrets(l.secrets, secrets))
		l.session = configuration.ShownSession(configuration.Told(l.session, l.secrets))
	}
	l.kind, l.says = "realtime", ""
	var turns, words, format gjson.Result
	s.ForEach(func(name, v gjson.Result) bool {
		switch name.Str {
		case "type":
			l.kind = cmp.Or(v.Str, l.kind)
		case "instructions":
			l.says = v.Str
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
