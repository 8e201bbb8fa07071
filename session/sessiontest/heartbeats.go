package sessiontest

import (
	"context"
	"maps"
	"slices"
	"time"

	"switchboard/session"
)

// tombstone is for how long an incarnation is known to be dead.
const tombstone = 10 * time.Minute

// incarnation is one life of a node.
type incarnation struct {
	session.Member
	died time.Time
}

// Beat implements [session.Heartbeats].
func (m *Memory) Beat(_ context.Context, b session.Heartbeat) (session.Census, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.down != nil:
		return session.Census{}, m.down
	case b.Incarnation == "":
		return session.Census{}, &session.InvalidError{Field: "incarnation", Detail: "is empty"}
	case b.Node.URL == "":
		return session.Census{}, &session.InvalidError{Field: "url", Detail: "is empty"}
	}
	maps.DeleteFunc(m.beats, func(_ string, i *incarnation) bool { return i.Dead && time.Since(i.died) > tombstone })
	i := m.beats[b.Incarnation]
	if i == nil {
		m.generation = max(m.generation+1, b.Joined+1, b.Seen+1, time.Now().UnixMilli())
		i = &incarnation{}
		i.Incarnation, i.Node.URL, i.Joined = b.Incarnation, b.Node.URL, m.generation
		m.beats[b.Incarnation] = i
	}
	c := session.Census{Dead: i.Dead, Joined: i.Joined, Previous: i.Counter, Generation: m.generation}
	if !i.Dead && b.Counter > i.Counter {
		i.Counter, i.Acked, i.Seen = b.Counter, b.Acked, b.Seen
	}
	if !i.Dead {
		m.nodes[b.Node.URL] = announced{copied(b.Node), time.Now().Add(nodeTTL)}
	}
	for _, name := range slices.Sorted(maps.Keys(m.beats)) {
		c.Members = append(c.Members, m.beats[name].Member)
	}
	return c, nil
}

// Declare implements [session.Heartbeats].
func (m *Memory) Declare(_ context.Context, by string, d session.Heartbeat) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return false, m.down
	}
	declarer, i := m.beats[by], m.beats[d.Incarnation]
	if declarer == nil || declarer.Dead || i == nil || i.Dead || i.Counter != d.Counter {
		return false, nil
	}
	i.Dead, i.died = true, time.Now()
	for _, other := range m.beats {
		if other.Node.URL == i.Node.URL && !other.Dead {
			return true, nil
		}
	}
	delete(m.nodes, i.Node.URL)
	return true, nil
}
