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
