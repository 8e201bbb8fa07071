package redisstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
)

// The due key holds the sessions whose lease was given up or whose node is dead, by the time at
// which to look again whether somebody runs them. A session that is held is not there: the set
// of its holder's incarnation has it.
const (
	orphanPause = time.Second // an orphan that was listed is not listed again for so long
	orphanStep  = 500         // sessions looked at in one round
	orphanSteps = 40          // rounds in one call of Orphans
	enlistStep  = 1000        // sessions enlisted in one script call
)

// note makes the call that has sessions looked at now.
func (s *Store) note(ids []session.ID) *call {
	args := []any{s.forget.Milliseconds()}
	for _, id := range ids {
		args = append(args, string(id))
	}
	return &call{script: noteScript, keys: []string{dueKey}, args: args}
}

// enlist makes the calls that note which sessions an incarnation holds.
func (s *Store) enlist(incarnation string, ids []session.ID) (calls []*call) {
	for chunk := range slices.Chunk(ids, enlistStep) {
		args := []any{s.forget.Milliseconds()}
		for _, id := range chunk {
			args = append(args, string(id))
		}
		calls = append(calls, &call{script: enlistScript, keys: []string{heldKey(incarnation)}, args: args})
	}
	return calls
}

// Offer implements [session.Fleet]. Several nodes may do it at once, and one that stops half way
// leaves the rest to the next.
func (s *Store) Offer(ctx context.Context, incarnation string) (n int, err error) {
	key := heldKey(incarnation)
	for {
		names, err := s.client.SRandMemberN(ctx, key, orphanStep).Result()
		if err != nil || len(names) == 0 {
			return n, err
		}
		ids, calls := make([]session.ID, len(names)), make([]*call, len(names))
		for i, name := range names {
			ids[i] = session.ID(name)
			calls[i] = s.release(ids[i], "", incarnation)
		}
		if err := s.run(ctx, append(calls, s.note(ids))); err != nil {
			return n, fmt.Errorf("offer sessions of %s: %w", incarnation, err)
		}
		gone, err := s.client.SRem(ctx, key, anySlice(names)...).Result()
		if err != nil {
			return n, fmt.Errorf("offer sessions of %s: %w", incarnation, err)
		}
		if n += int(gone); len(names) < orphanStep {
			return n, nil
		}
	}
}

func anySlice(names []string) []any {
	all := make([]any, len(names))
	for i, name := range names {
		all[i] = name
	}
	return all
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
		calls[i] = &call{script: orphanScript, keys: []string{sessionKey(sid, "lease"), sessionKey(sid, "record"), sessionKey(sid, "holder")}}
	}
	if err := s.run(ctx, calls); err != nil {
		return nil, err
	}
	waits, err := s.waits(ctx, calls)
	if err != nil {
		return nil, err
	}
	args := []any{score}
	for i, wait := range waits {
		if wait == "0" && len(orphans) < limit {
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

// waits is in how many milliseconds to look at each session again; 0: it is an orphan, or its
// holder is not known to be alive; -1: never.
func (s *Store) waits(ctx context.Context, calls []*call) ([]string, error) {
	waits, holders := make([]string, len(calls)), make([]string, len(calls))
	for i, c := range calls {
		answer, err := c.answer.StringSlice()
		if err != nil || len(answer) != 2 {
			return nil, fmt.Errorf("unexpected answer %v: %w", answer, err)
		}
		waits[i], holders[i] = answer[0], answer[1]
	}
	known := slices.Compact(slices.Sorted(slices.Values(holders)))
	if len(known) == 0 || len(known) == 1 && known[0] == "" {
		return waits, nil
	}
	beats, err := s.client.HMGet(ctx, beatsKey, known...).Result()
	if err != nil && err != redis.Nil {
		return nil, err
	}
	alive := map[string]bool{"": true}
	for i, b := range beats {
		text, _ := b.(string)
		m, err := parseBeat(known[i], text)
		alive[known[i]] = known[i] == "" || err == nil && !m.Dead
	}
	for i, holder := range holders {
		if !alive[holder] {
			waits[i] = "0"
		}
	}
	return waits, nil
}
