package sessiontest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"switchboard/session"
	"switchboard/session/broadcast"
)

// reported is what nodes said of one entry.
type reported struct {
	nodes    map[string]int
	outcomes map[session.ID]broadcast.Outcome
	said     map[string]bool // IDs of reports whose matched were counted
}

// Report implements [session.Broadcasts].
func (m *Memory) Report(_ context.Context, r broadcast.Report) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	if !isEventID(r.Broadcast) {
		return &session.InvalidError{Field: "broadcast", Detail: "is not the ID of a broadcast"}
	}
	for i, o := range r.Outcomes {
		if !o.Session.Valid() || !slices.Contains(outcomes, o.Status) {
			return &session.InvalidError{Field: fmt.Sprintf("outcomes[%d]", i), Detail: "is not valid"}
		}
	}
	key := entryKey{r.Broadcast, r.Withdrawn}
	of := m.reports[key]
	if of == nil {
		of = &reported{map[string]int{}, map[session.ID]broadcast.Outcome{}, map[string]bool{}}
		m.reports[key] = of
	}
	if r.Matched > 0 && !of.said[r.ID] {
		of.said[r.ID] = r.ID != ""
		of.nodes[r.Node] += r.Matched
	}
	for _, o := range r.Outcomes {
		of.outcomes[o.Session] = copied(o)
	}
	m.wakeLocked()
	return nil
}

// outcomes are the statuses that there are.
var outcomes = []string{
	broadcast.Applied, broadcast.Deferred, broadcast.Refused,
	broadcast.Ended, broadcast.Silent,
}

// Broadcast returns how far a broadcast has come; ErrNotFound if the log does not have it.
func (m *Memory) Broadcast(ctx context.Context, id string) (broadcast.BroadcastStatus, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return broadcast.BroadcastStatus{}, ctx.Err() // as one that is asked over a network
	}
	e, err := m.publishedLocked(id)
	if err != nil {
		return broadcast.BroadcastStatus{}, err
	}
	s := broadcast.BroadcastStatus{Broadcast: copied(e.Broadcast), Tally: m.reports[entryKey{id, false}].tally()}
	if !s.WithdrawnAt.IsZero() {
		s.Withdrawal = new(m.reports[entryKey{id, true}].tally())
	}
	return s, nil
}

// BroadcastChange waits until the status of a broadcast is another one than was.
func (m *Memory) BroadcastChange(ctx context.Context, was broadcast.BroadcastStatus) (broadcast.BroadcastStatus, error) {
	for {
		m.mu.Lock()
		changed := m.changed
		m.mu.Unlock()
		now, err := m.Broadcast(ctx, was.ID)
		if err != nil || !reflect.DeepEqual(now, was) {
			return now, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return now, context.Cause(ctx)
		}
	}
}

func (r *reported) tally() broadcast.Tally {
	t := broadcast.Tally{Nodes: map[string]int{}, Outcomes: map[string]int{}}
	if r == nil {
		return t
	}
	for node, n := range r.nodes {
		t.Nodes[node] = n
		t.Matched += n
	}
	for _, o := range r.outcomes {
		t.Outcomes[o.Status]++
	}
	return t
}

// BroadcastOutcomes lists what became of a broadcast, or of its withdrawal, by session
// ID; status "" lists all, limit 0 is 50, at most 1000. next goes into after for the next
// page, "" when there is none.
func (m *Memory) BroadcastOutcomes(_ context.Context, id string, withdrawn bool, status, after string, limit int) (page []broadcast.Outcome, next string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.publishedLocked(id); err != nil {
		return nil, "", err
	}
	switch {
	case status != "" && !slices.Contains(outcomes, status):
		return nil, "", &session.InvalidError{Field: "status", Detail: "is not the status of an outcome"}
	case after != "" && !session.ID(after).Valid():
		return nil, "", &session.InvalidError{Field: "after", Detail: "is not the next of a page"}
	}
	of := m.reports[entryKey{id, withdrawn}]
	if of == nil {
		return nil, "", nil
	}
	limit = min(cmp.Or(max(limit, 0), 50), 1000)
	for _, sid := range slices.Sorted(maps.Keys(of.outcomes)) {
		o := of.outcomes[sid]
		if string(sid) <= after || status != "" && o.Status != status {
			continue
		}
		if len(page) == limit {
			return page, string(page[limit-1].Session), nil
		}
		page = append(page, copied(o))
	}
	return page, "", nil
}
