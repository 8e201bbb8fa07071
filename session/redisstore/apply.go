package redisstore

import (
	"context"
	"fmt"

	"switchboard/session"
)

// Apply implements [session.Store]. It sends one script call per session, all in one
// pipeline; a session with very many changes takes several, one round after the other.
//
// A *session.InvalidError names a change that can never be written; nothing of the whole
// batch was written then. Where changes of one session have several epochs, it is stale
// if its newest one was refused.
func (s *Store) Apply(ctx context.Context, changes []session.Change) (stale []session.ID, err error) {
	queues, err := gather(changes)
	if err != nil {
		return nil, err
	}
	more := s.index(queues)
	for left := queues; len(left) > 0; more = nil {
		calls := make([]*call, len(left), len(left)+len(more))
		for i, q := range left {
			calls[i] = q.writes[0].call(s)
		}
		// The next write of a session is sent once this one is known to have succeeded:
		// an event after a gap would hide the gap from the log for ever.
		if err := s.run(ctx, append(calls, more...)); err != nil {
			return nil, fmt.Errorf("apply changes: %w", err)
		}
		var next []*queue
		for i, q := range left {
			written, err := calls[i].answer.Bool()
			if err != nil {
				return nil, fmt.Errorf("apply changes: %w", err)
			}
			if q.done(written); len(q.writes) > 0 {
				next = append(next, q)
			}
		}
		left = next
	}
	for _, q := range queues {
		if q.refused >= q.written {
			stale = append(stale, q.id)
		}
	}
	return stale, nil
}

// index makes the calls that list the sessions whose record changes: with all sessions,
// and with those of their API key. They are in other slots than the records, and so may
// come before or after them: a session that is listed without a record is passed over.
func (s *Store) index(queues []*queue) []*call {
	members := map[string][]any{} // by API key
	for _, q := range queues {
		for _, w := range q.writes {
			if w.record == nil {
				continue
			}
			kept := s.forget
			if w.record.Status == session.StatusEnded {
				kept = s.keep
			}
			pair := []any{member(*w.record), s.now().Add(kept).UnixMilli()}
			members[""] = append(members[""], pair...)
			if key := w.record.Key; key != "" {
				members[key] = append(members[key], pair...)
			}
		}
	}
	var calls []*call
	for key, pairs := range members {
		calls = append(calls, &call{
			script: indexScript,
			keys:   []string{indexKey(key, "list"), indexKey(key, "expiry")},
			args:   append([]any{s.now().UnixMilli(), max(s.forget, s.keep).Milliseconds()}, pairs...),
		})
	}
	return calls
}

// member is a session's entry in a list: they sort by creation, and no two are the same.
func member(r session.Record) string {
	return fmt.Sprintf("%016x.%s", max(0, r.CreatedAt.UnixMicro()), r.ID)
}
