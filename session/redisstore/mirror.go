package redisstore

import (
	"context"
	"sync"
	"time"

	"switchboard/session/survey"
)

// Bounds of a mirror.
const (
	mirrorStep  = 5000             // changes that are read in one round trip
	mirrorWhole = time.Minute      // after which it is read whole again: nodes of an older version do not note what they change
	mirrorIdle  = 10 * time.Minute // after its last use it is dropped
)

// mirror is this node's copy of the facts of all sessions, about 500 bytes each. It is filled by
// the first survey, follows what is noted in the index, and is dropped when nobody asks any more:
// a survey reads what changed since the one before, not all there is.
type mirror struct {
	refreshing sync.Mutex // one reads the index at a time
	at, whole  time.Time  // of the last refresh, and of the last one that read all
	lacks      int        // sessions that were listed then without facts and without a record

	mu      sync.RWMutex
	facts   map[string]*survey.Facts // by member, never changed; nil: it was dropped
	version int64                    // of the newest change that it has
	idle    *time.Timer
}

// each passes the facts of all sessions to look, in no order.
func (m *mirror) each(look func(f *survey.Facts, member string)) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for member, f := range m.facts {
		look(f, member)
	}
}

func (m *mirror) seenVersion() int64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.version
}

// touch puts off that the mirror is dropped, and reports whether there is one.
func (m *mirror) touch() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.idle == nil {
		m.idle = time.AfterFunc(mirrorIdle, m.drop)
	} else {
		m.idle.Reset(mirrorIdle)
	}
	return m.facts != nil
}

func (m *mirror) drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.facts = nil
}

// refresh makes the mirror not older than age.
func (m *mirror) refresh(ctx context.Context, s *Store, age time.Duration) error {
	m.refreshing.Lock()
	defer m.refreshing.Unlock()
	known := m.touch()
	if known && age > 0 && s.now().Sub(m.at) < age {
		return nil
	}
	if err := s.tidy(ctx, ""); err != nil {
		return err
	}
	at := s.now()
	if known && at.Sub(m.whole) < mirrorWhole {
		lacks, lost, err := m.follow(ctx, s)
		if err != nil {
			return err
		}
		if !lost && lacks == m.lacks {
			m.at = at
			return nil
		}
	}
	if err := m.fill(ctx, s); err != nil {
		return err
	}
	lacks, _, err := m.follow(ctx, s)
	if err != nil {
		return err
	}
	m.at, m.whole, m.lacks = at, at, lacks
	return nil
}

// fill reads all there is, but for what changes meanwhile.
func (m *mirror) fill(ctx context.Context, s *Store) error {
	c, err := s.changesSince(ctx, 0, 0)
	if err != nil {
		return err
	}
	facts := make(map[string]*survey.Facts, c.listed)
	if err := s.readWhole(ctx, func(member string, f survey.Facts) { facts[member] = &f }); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.facts, m.version = facts, c.newest
	return nil
}

// follow reads what changed since the newest change that the mirror has, unless some of that is
// lost. It returns how many sessions that are listed the mirror lacks.
func (m *mirror) follow(ctx context.Context, s *Store) (lacks int, lost bool, err error) {
	for {
		c, err := s.changesSince(ctx, m.seenVersion(), mirrorStep)
		if err != nil || c.lost {
			return 0, c.lost, err
		}
		m.apply(c)
		if len(c.facts) < mirrorStep {
			return c.listed - m.size(), false, nil
		}
	}
}

func (m *mirror) size() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.facts)
}

func (m *mirror) apply(c indexChanges) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, change := range c.facts {
		if f, ok := factsOf(change.member, change.text); ok {
			m.facts[change.member] = &f
		} else {
			delete(m.facts, change.member)
		}
	}
	m.version = c.newest
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
