package redisstore

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Bounds of a mirror.
const (
	mirrorStep  = 5000             // changes that are read in one round trip
	mirrorTend  = time.Minute      // how often a node follows the index though nobody asks
	mirrorIdle  = 10 * time.Minute // after its last use it is read whole only so often
	mirrorReady = 100_000          // sessions up to which it is there before somebody asks, and stays
)

// mirror is this node's copy of the facts of all sessions. It follows what is noted in the index, so
// that a survey reads what changed since the one before, not all there is. [Store.CopyIndex] has
// it ready before the first survey.
type mirror struct {
	updating  sync.Mutex // one does at a time
	copy      *indexCopy // nil: it has not been read, or was dropped
	at, whole time.Time  // of the last update, and of the last one that read all
	used      time.Time  // by the last survey
	ready     int64      // mirrorReady
	lacks     int        // sessions that were listed then without facts and without a record
}

// FollowIndex calls CopyIndex once a minute until ctx is done. While the store is unavailable the copy
// is out of date; a survey says so itself.
func (s *Store) FollowIndex(ctx context.Context) {
	tick := time.NewTicker(mirrorTend)
	defer tick.Stop()
	for {
		_ = s.CopyIndex(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// CopyIndex has a copy of the index ready for surveys: the first one need not wait while it is read.
// That of an index of over 100,000 sessions is there only while somebody asks.
func (s *Store) CopyIndex(ctx context.Context) error {
	if err := s.mirror.tend(ctx, s); err != nil {
		return fmt.Errorf("copy the index: %w", err)
	}
	return nil
}

// tend updates the mirror. It reads all again from time to time, because nodes of an older version
// do not note what they change; surveys go on with what there is.
func (m *mirror) tend(ctx context.Context, s *Store) error {
	known, due, idle := m.due(s.now())
	if idle {
		listed, err := s.client.ZCard(ctx, indexKey("", "list")).Result()
		if err != nil || listed > m.ready {
			m.drop(s.now())
			return err
		}
	}
	if !known || !due {
		m.updating.Lock()
		defer m.updating.Unlock()
		return m.update(ctx, s)
	}
	all, err := s.readIndex(ctx)
	if err != nil {
		return err
	}
	m.updating.Lock()
	defer m.updating.Unlock()
	return m.replace(ctx, s, all)
}

// due reports whether all must be read again, and whether no survey has used the mirror lately.
func (m *mirror) due(now time.Time) (known, due, idle bool) {
	m.updating.Lock()
	defer m.updating.Unlock()
	idle = now.Sub(m.used) >= mirrorIdle
	return m.copy != nil, !idle || now.Sub(m.whole) >= mirrorIdle, idle
}

func (m *mirror) drop(now time.Time) {
	m.updating.Lock()
	defer m.updating.Unlock()
	if now.Sub(m.used) >= mirrorIdle {
		m.copy = nil
	}
}

// use returns a copy that is not older than age.
func (m *mirror) use(ctx context.Context, s *Store, age time.Duration) (*indexCopy, error) {
	m.updating.Lock()
	defer m.updating.Unlock()
	m.used = s.now()
	if m.copy == nil || age <= 0 || m.used.Sub(m.at) >= age {
		if err := m.update(ctx, s); err != nil {
			return nil, err
		}
	}
	return m.copy, nil
}

// update reads what changed, or all if that is not noted. Its caller is updating.
func (m *mirror) update(ctx context.Context, s *Store) error {
	if err := s.tidy(ctx, ""); err != nil {
		return err
	}
	if m.copy != nil {
		at := s.now()
		lacks, lost, err := m.copy.follow(ctx, s)
		if err != nil {
			return err
		}
		if !lost && lacks == m.lacks {
			m.at = at
			return nil
		}
	}
	all, err := s.readIndex(ctx)
	if err != nil {
		return err
	}
	return m.replace(ctx, s, all)
}

// replace takes a copy once that has what changed while it was read. Its caller is updating.
func (m *mirror) replace(ctx context.Context, s *Store, c *indexCopy) error {
	at := s.now()
	lacks, _, err := c.follow(ctx, s)
	if err != nil {
		return err
	}
	m.copy, m.at, m.whole, m.lacks = c, at, at, lacks
	return nil
}

// indexChanges are what lua/changes.lua answers.
type indexChanges struct {
	lost   bool   // some of them are not noted any more
	newest int64  // version of the last of them
	listed int    // sessions in the index
	facts  []fact // without text: the session is not there any more
}

// changesSince reads up to limit changes after a version, oldest first, or the newest version if limit is 0.
func (s *Store) changesSince(ctx context.Context, version int64, limit int) (c indexChanges, err error) {
	script := &call{script: changesScript, args: []any{version, limit}, keys: []string{
		indexKey("", "list"), indexKey("", "facts"), indexKey("", "changed"), indexKey("", "version"),
	}}
	if err := s.run(ctx, []*call{script}); err != nil {
		return c, err
	}
	answer, err := script.answer.Slice()
	if err != nil {
		return c, err
	}
	number := func(i int) int64 { n, _ := answer[i].(int64); return n }
	c = indexChanges{lost: number(0) != 0, newest: number(1), listed: int(number(2))}
	for rest := answer[3:]; len(rest) > 1; rest = rest[2:] {
		member, _ := rest[0].(string)
		text, _ := rest[1].(string)
		c.facts = append(c.facts, fact{member, text})
	}
	return c, nil
}
