package sessiontest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"switchboard/session"
	"switchboard/session/series"
)

// life is what Memory keeps of one life of a node.
type life struct {
	series.Vitals
	said    time.Time
	drainBy string
}

// PutVitals implements [series.Lives].
func (m *Memory) PutVitals(_ context.Context, v series.Vitals) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return "", m.down
	}
	maps.DeleteFunc(m.lives, func(_ string, l *life) bool { return time.Since(l.said) >= series.Silent })
	l := m.lives[v.Life()]
	if l == nil {
		l = &life{}
		m.lives[v.Life()] = l
	}
	l.Vitals, l.said = copied(v), time.Now()
	return l.drainBy, nil
}

// EndLife implements [series.Lives].
func (m *Memory) EndLife(_ context.Context, life string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.lives, life)
	return m.down
}

// Vitals implements [series.Lives].
func (m *Memory) Vitals(context.Context) ([]series.Vitals, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	var list []series.Vitals
	for _, l := range m.lives {
		if v := copied(l.Vitals); time.Since(l.said) < series.Silent {
			v.Silence, v.DrainBy = time.Since(l.said), l.drainBy
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b series.Vitals) int { return cmp.Or(cmp.Compare(a.Node, b.Node), a.Started.Compare(b.Started)) })
	return list, nil
}

// Drain implements [series.Lives].
func (m *Memory) Drain(_ context.Context, life, by string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch l := m.lives[life]; {
	case m.down != nil:
		return m.down
	case l == nil:
		return session.ErrNotFound
	default:
		l.drainBy = by
	}
	return nil
}

// TestLives is what every [series.Lives] must pass. open returns an empty one.
func TestLives(t *testing.T, open func(t *testing.T) series.Lives) {
	l := open(t)
	put := func(v series.Vitals) string {
		t.Helper()
		by, err := l.PutVitals(t.Context(), v)
		must(t, err)
		return by
	}
	list := func() []series.Vitals {
		t.Helper()
		list, err := l.Vitals(t.Context())
		must(t, err)
		for i := range list {
			if list[i].Silence > time.Minute || list[i].Silence < 0 {
				t.Fatalf("silent for %v", list[i].Silence)
			}
			list[i].Silence = 0
		}
		return list
	}
	if nodes := list(); len(nodes) > 0 {
		t.Fatalf("nodes of an empty fleet: %v", nodes)
	}
	a := series.Vitals{
		Node: "http://a", Started: created, Version: "v1 }{", Sessions: 1, Clients: 2, CPU: .25, Cores: 2, Memory: 3, MemoryMost: 4, Goroutines: 5,
		JournalPending: 6, JournalDropped: 7, AuditPending: 8, AuditLost: 9, StoreAway: 1, StoreTrip: 2, LeaseAge: 3,
		UpstreamErrors: [4]int64{1, 2, 3, 4}, Models: []series.Model{{Name: "m", Ends: created}},
	}
	restarted, b := a, series.Vitals{Node: "http://b", Started: created}
	restarted.Started = created.Add(time.Millisecond)
	put(b)
	put(restarted)
	put(series.Vitals{Node: "http://a", Started: created})
	put(a) // in its place
	wantSame(t, "the nodes", list(), []series.Vitals{a, restarted, b})

	must(t, l.Drain(t.Context(), restarted.Life(), "desk"))
	if one, other := put(a), put(restarted); one != "" || other != "desk" {
		t.Fatalf("to be drained by %q, and after a restart by %q", one, other)
	}
	restarted.DrainBy = "desk"
	wantSame(t, "the nodes", list(), []series.Vitals{a, restarted, b})
	must(t, l.Drain(t.Context(), restarted.Life(), ""))
	if by := put(restarted); by != "" {
		t.Fatalf("to be drained by %q, which was taken back", by)
	}
	wantNotFound(t, l.Drain(t.Context(), "http://c", "desk"))
	must(t, l.EndLife(t.Context(), a.Life()))
	must(t, l.EndLife(t.Context(), restarted.Life()))
	wantSame(t, "the nodes", list(), []series.Vitals{b})
	wantNotFound(t, l.Drain(t.Context(), a.Life(), "desk"))
}
