package redisstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"switchboard/session"
)

// The due key holds for each session when to look whether it is an orphan: never later
// than its lease lasts. Renewals do not move that time, so that they cost next to nothing:
// once a lease has had its time, Orphans looks at it and notes how long it lasts now.
const (
	orphanPause = time.Second // an orphan that was listed is not listed again for so long
	orphanStep  = 500         // sessions looked at in one round
	orphanSteps = 40          // rounds in one call of Orphans
	noteStep    = 1000        // sessions noted in one script call
	noteTimeout = time.Second // for Renew to note those that are not
)

// Who is noted: those that are not yet, or all.
const (
	onlyNew = "new"
	all     = "all"
)

// note makes the call that has sessions looked at after a while.
func (s *Store) note(ids []session.ID, after time.Duration, which string) *call {
	args := []any{after.Milliseconds(), s.forget.Milliseconds(), which}
	for _, id := range ids {
		args = append(args, string(id))
	}
	return &call{script: noteScript, keys: []string{dueKey}, args: args}
}

// noteAgain notes held sessions that a Redis which lost data does not know of. Leases must
// not depend on it: it is not given long, and what it could not do the next renewal does.
func (s *Store) noteAgain(ctx context.Context, leases []session.Lease, ttl time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, noteTimeout)
	defer cancel()
	var calls []*call
	for chunk := range slices.Chunk(leases, noteStep) {
		ids := make([]session.ID, len(chunk))
		for i, l := range chunk {
			ids[i] = l.ID
		}
		calls = append(calls, s.note(ids, ttl, onlyNew))
	}
	_ = s.run(ctx, calls)
}

// Orphans implements [session.Fleet]. Those it lists it does not list again for a second,
// so that nodes that ask at the same time get different ones. It is one short call when
// nothing is due; one call looks at 20,000 sessions at most.
func (s *Store) Orphans(ctx context.Context, limit int) (orphans []session.ID, err error) {
	for range orphanSteps {
		if len(orphans) >= limit {
			break
		}
		score, ids, err := s.take(ctx)
		if err != nil {
			return nil, fmt.Errorf("list orphans: %w", err)
		}
		found, err := s.look(ctx, score, ids, limit-len(orphans))
		if err != nil {
			return nil, fmt.Errorf("list orphans: %w", err)
		}
		orphans = append(orphans, found...)
		if len(ids) < orphanStep {
			break
		}
	}
	return orphans, nil
}

// take gets sessions to look at, and the score by which they are ours.
func (s *Store) take(ctx context.Context) (score string, ids []string, err error) {
	c := &call{script: takeScript, keys: []string{dueKey}, args: []any{orphanStep, orphanPause.Milliseconds()}}
	if err := s.run(ctx, []*call{c}); err != nil {
		return "", nil, err
	}
	answer, err := c.answer.StringSlice()
	if err != nil || len(answer) == 0 {
		return "", nil, err
	}
	return answer[0], answer[1:], nil
}

// look finds the orphans among sessions that were taken, and notes when to look at the
// others. Orphans over the limit are due again at once.
func (s *Store) look(ctx context.Context, score string, ids []string, limit int) (orphans []session.ID, err error) {
	calls := make([]*call, len(ids))
	for i, id := range ids {
		sid := session.ID(id)
		calls[i] = &call{script: orphanScript, keys: []string{sessionKey(sid, "lease"), sessionKey(sid, "record")}}
	}
	if err := s.run(ctx, calls); err != nil {
		return nil, err
	}
	args := []any{score}
	for i, c := range calls {
		wait, err := c.answer.Int64()
		if err != nil {
			return nil, err
		}
		if wait == 0 && len(orphans) < limit {
			orphans = append(orphans, session.ID(ids[i]))
			continue
		}
		args = append(args, ids[i], wait)
	}
	if len(args) == 1 {
		return orphans, nil
	}
	return orphans, s.run(ctx, []*call{{script: settleScript, keys: []string{dueKey}, args: args}})
}
