package redisstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"switchboard/session"
)

// A write holds up to writeChanges changes of about writeBytes together: one script call
// keeps Redis busy for all of it.
const (
	writeChanges = 500
	writeBytes   = 256 << 10
)

// queue is the writes of one session that are left to send, in their order.
type queue struct {
	id     session.ID
	writes []*write

	// The newest epochs that were written and refused; refused is -1 if none was.
	written, refused int64
}

// write is what one script call changes of one session, under one epoch.
type write struct {
	id     session.ID
	epoch  int64
	record *session.Record // the newest of them, or nil
	body   []byte          // JSON of record

	ops   [][]any // the other changes, as arguments of lua/apply.lua
	bytes int
}

// gather sorts changes into queues, in the order in which sessions appear. Its error names
// the first change that cannot be written.
func gather(changes []session.Change) (queues []*queue, err error) {
	byID := map[session.ID]*queue{}
	for i, c := range changes {
		q := byID[c.ID]
		if q == nil {
			q = &queue{id: c.ID, refused: -1}
			byID[c.ID] = q
			queues = append(queues, q)
		}
		if err := q.add(c); err != nil {
			return nil, &session.InvalidError{Field: fmt.Sprintf("changes[%d]", i), Detail: err.Error()}
		}
	}
	return queues, nil
}

func (q *queue) add(c session.Change) error {
	if n := len(q.writes); n == 0 || !q.writes[n-1].takes(c) {
		q.writes = append(q.writes, &write{id: c.ID, epoch: c.Epoch})
	}
	return q.writes[len(q.writes)-1].add(c)
}

// done notes how the first write went and takes it out.
func (q *queue) done(written bool) {
	if epoch := q.writes[0].epoch; written {
		q.written = max(q.written, epoch)
	} else {
		q.refused = max(q.refused, epoch)
	}
	q.writes = q.writes[1:]
}

func (w *write) takes(c session.Change) bool {
	return c.Epoch == w.epoch && len(w.ops) < writeChanges && w.bytes < writeBytes
}

func (w *write) add(c session.Change) error {
	if !c.ID.Valid() {
		return errors.New("not a session ID")
	}
	switch {
	case c.Record != nil:
		body, err := json.Marshal(c.Record)
		if err != nil {
			return err
		}
		w.record, w.body = c.Record, body
		w.bytes += len(body)
	case c.Item != nil:
		body, err := json.Marshal(c.Item)
		if err != nil {
			return err
		}
		if c.After == nil {
			w.do(len(body), "append", c.Item.ID, body)
		} else {
			w.do(len(body), "insert", c.Item.ID, body, *c.After)
		}
	case c.Removed != "":
		w.do(len(c.Removed), "remove", c.Removed)
	case c.Event != nil:
		if !eventID.MatchString(c.Event.ID) {
			return errors.New("not an event ID")
		}
		w.do(len(c.Event.Raw), "event", c.Event.ID, c.Event.Type, []byte(c.Event.Raw), c.Draft)
		if c.Settled != "" {
			w.do(len(c.Settled), "settle", c.Settled)
		}
	default:
		return errors.New("changes nothing")
	}
	return nil
}

func (w *write) do(bytes int, args ...any) {
	w.ops = append(w.ops, args)
	w.bytes += bytes
}

// call makes the script call out of w.
func (w *write) call(s *Store) *call {
	var status session.Status
	if w.record != nil {
		status = w.record.Status
	}
	args := []any{w.epoch, s.keep.Milliseconds(), s.forget.Milliseconds(), s.logLength, s.logBytes, string(status), w.body}
	for _, op := range w.ops {
		args = append(args, op...)
	}
	return &call{script: applyScript, args: args, keys: []string{
		sessionKey(w.id, "record"), sessionKey(w.id, "items"), sessionKey(w.id, "order"),
		sessionKey(w.id, "log"), sessionKey(w.id, "deltas"), sessionKey(w.id, "notes"), sessionKey(w.id, "epoch"),
	}}
}

// eventID is the form of an event ID: what Redis takes as the ID of a stream entry, in
// numbers that Lua's doubles hold exactly.
var eventID = regexp.MustCompile(`^(0|[1-9][0-9]{0,14})-(0|[1-9][0-9]{0,14})$`)
