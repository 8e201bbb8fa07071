package sessiontest

import (
	"context"
	"slices"

	"switchboard/session"
	"switchboard/session/audit"
)

// AppendAudit implements [audit.Log].
func (m *Memory) AppendAudit(_ context.Context, id string, entries []audit.Entry) ([]audit.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	if before, again := m.appended[id]; again {
		return copied(before), nil
	}
	entries = copied(entries)
	for i := range entries {
		entries[i].Bound()
		entries[i].ID, _ = m.nextEntryLocked()
	}
	m.audited = append(m.audited, entries...)
	m.appended[id] = entries
	m.wakeLocked()
	return copied(entries), nil
}

// AuditEntries implements [audit.Log].
func (m *Memory) AuditEntries(_ context.Context, q audit.Query, before string, limit int) (page audit.Page, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.down != nil:
		return page, m.down
	case before != "" && !isEventID(before):
		return page, &session.InvalidError{Field: "before", Detail: "is not the next of a page"}
	}
	for _, e := range slices.Backward(m.audited) {
		if before != "" && session.CompareEventIDs(e.ID, before) >= 0 || !q.Selects(&e) {
			continue
		}
		if len(page.Entries) == limit {
			page.Next = page.Entries[limit-1].ID
			break
		}
		page.Entries = append(page.Entries, copied(e))
	}
	return page, nil
}

// FollowAudit implements [audit.Log].
func (m *Memory) FollowAudit(ctx context.Context, after string) ([]audit.Entry, error) {
	if after != "" && !isEventID(after) {
		return nil, &session.InvalidError{Field: "after", Detail: "is not the ID of an entry"}
	}
	for {
		entries, changed, err := m.auditedAfter(after)
		if err != nil || len(entries) > 0 {
			return entries, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// auditedAfter returns the entries behind after, and what is closed when there may be more.
func (m *Memory) auditedAfter(after string) (entries []audit.Entry, changed <-chan struct{}, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, nil, m.down
	}
	for _, e := range m.audited {
		if session.CompareEventIDs(e.ID, after) > 0 {
			entries = append(entries, copied(e))
		}
	}
	return entries, m.changed, nil
}

// NewestAudit implements [audit.Log].
func (m *Memory) NewestAudit(context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil || len(m.audited) == 0 {
		return "", m.down
	}
	return m.audited[len(m.audited)-1].ID, nil
}
