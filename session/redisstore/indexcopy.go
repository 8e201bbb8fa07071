package redisstore

import (
	"context"
	"strings"
	"sync"

	"switchboard/session"
	"switchboard/session/survey"
)

// indexCopy are the facts of all sessions, about 500 bytes each. They lie side by side, because a
// survey is as fast as memory is read. Safe for many callers at once.
type indexCopy struct {
	mu sync.RWMutex
	// Guarded by mu.
	all     []memberFacts     // in no order
	place   map[string]int    // in all, by member
	words   map[string]string // what many sessions have in common, once
	version int64             // of the newest change that it has
}

type memberFacts struct {
	member string
	facts  survey.Facts
}

// readIndex reads all there is. It may have some of the changes after its version, too.
func (s *Store) readIndex(ctx context.Context) (*indexCopy, error) {
	changes, err := s.changesSince(ctx, 0, 0)
	if err != nil {
		return nil, err
	}
	c := &indexCopy{
		all: make([]memberFacts, 0, changes.listed), place: make(map[string]int, changes.listed),
		words: map[string]string{}, version: changes.newest,
	}
	return c, s.readWhole(ctx, c.set)
}

// each passes the facts of all sessions to look, in no order.
func (c *indexCopy) each(look func(f *survey.Facts, member string)) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for i := range c.all {
		look(&c.all[i].facts, c.all[i].member)
	}
}

func (c *indexCopy) seen() (version int64, size int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.version, len(c.all)
}

// follow reads what changed since, unless some of that is lost. It returns how many sessions that
// are listed the copy lacks. One caller at a time.
func (c *indexCopy) follow(ctx context.Context, s *Store) (lacks int, lost bool, err error) {
	for {
		version, _ := c.seen()
		changes, err := s.changesSince(ctx, version, mirrorStep)
		if err != nil || changes.lost {
			return 0, changes.lost, err
		}
		c.apply(changes)
		if len(changes.facts) < mirrorStep {
			_, size := c.seen()
			return changes.listed - size, false, nil
		}
	}
}

func (c *indexCopy) apply(changes indexChanges) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, change := range changes.facts {
		if f, ok := factsOf(change.member, change.text); ok {
			c.set(change.member, f)
		} else {
			c.remove(change.member)
		}
	}
	c.version = changes.newest
}

func (c *indexCopy) set(member string, f survey.Facts) {
	f.Key, f.Node, f.Model = c.word(f.Key), c.word(f.Node), c.word(f.Model)
	f.Status = session.Status(c.word(string(f.Status)))
	for i := range f.Labels {
		f.Labels[i].Name = c.word(f.Labels[i].Name)
	}
	if i, ok := c.place[member]; ok {
		c.all[i].facts = f
		return
	}
	c.place[member] = len(c.all)
	c.all = append(c.all, memberFacts{member, f})
}

// remove puts the last one in the place of the one that it removes.
func (c *indexCopy) remove(member string) {
	i, ok := c.place[member]
	if !ok {
		return
	}
	last := len(c.all) - 1
	c.all[i] = c.all[last]
	c.place[c.all[i].member] = i
	c.all[last] = memberFacts{}
	c.all = c.all[:last]
	delete(c.place, member)
}

// word is s, of which there is one copy however many sessions have it.
func (c *indexCopy) word(s string) string {
	if known, ok := c.words[s]; ok {
		return known
	}
	s = strings.Clone(s)
	c.words[s] = s
	return s
}
