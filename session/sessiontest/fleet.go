package sessiontest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"switchboard/session"
)

// nodeTTL is how long a node is listed that says nothing more.
const nodeTTL = time.Minute

// orphanPause is for how long a session that Orphans listed is not listed again.
const orphanPause = time.Second

type announced struct {
	session.Node
	until time.Time
}

// Offer implements [session.Fleet].
func (m *Memory) Offer(_ context.Context, incarnation string) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return 0, m.down
	}
	for _, s := range m.sessions {
		if s.held() && s.lease.Incarnation == incarnation {
			s.giveUp()
			n++
		}
	}
	return n, nil
}

// Nodes implements [session.Fleet]. They come sorted by URL.
func (m *Memory) Nodes(context.Context) ([]session.Node, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	maps.DeleteFunc(m.nodes, func(_ string, n announced) bool { return !time.Now().Before(n.until) })
	var nodes []session.Node
	for _, n := range m.nodes {
		nodes = append(nodes, copied(n.Node))
	}
	slices.SortFunc(nodes, func(a, b session.Node) int { return strings.Compare(a.URL, b.URL) })
	return nodes, nil
}

// Orphans implements [session.Fleet]. Those it lists it does not list again for a
// second, so that several who ask get different ones.
func (m *Memory) Orphans(_ context.Context, limit int) ([]session.ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	now := time.Now()
	var due []*kept
	for _, s := range m.sessions {
		if s.orphan() && !now.Before(s.listed.Add(orphanPause)) {
			due = append(due, s)
		}
	}
	slices.SortFunc(due, func(a, b *kept) int { return a.released.Compare(b.released) })
	var ids []session.ID
	for _, s := range due[:min(len(due), max(limit, 0))] {
		s.listed = now
		ids = append(ids, s.lease.ID)
	}
	return ids, nil
}

// orphan reports whether a session that was once held goes on without anybody.
func (s *kept) orphan() bool {
	return s.lease.ID != "" && !s.held() && s.record != nil && s.record.Status != session.StatusEnded
}

// ClusterSecret returns what the nodes that share this memory know each other by.
func (m *Memory) ClusterSecret(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.secret), m.down
}
