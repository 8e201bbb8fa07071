package sessiontest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"switchboard/session"
	"switchboard/session/broadcast"
)

// broadcastLog is how many entries the log keeps.
const broadcastLog = 1000

// entryKey names an entry of the log: a broadcast, or its withdrawal.
type entryKey struct {
	broadcast string
	withdrawn bool
}

// Publish appends a broadcast to the log and returns it with its ID and time.
func (m *Memory) Publish(_ context.Context, b session.Broadcast) (session.Broadcast, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return session.Broadcast{}, m.down
	}
	b = copied(b)
	b.ID, b.CreatedAt = m.nextEntryLocked()
	b.WithdrawnBy, b.WithdrawnAt = "", time.Time{}
	m.appendLocked(broadcast.Entry{ID: b.ID, Broadcast: b})
	return copied(b), nil
}

// Withdraw appends that a broadcast was withdrawn. ErrNotFound if the log does not have
// it, ErrExists if it was withdrawn before.
func (m *Memory) Withdraw(_ context.Context, id, by string) (session.Broadcast, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.publishedLocked(id)
	switch {
	case err != nil:
		return session.Broadcast{}, err
	case !e.Broadcast.WithdrawnAt.IsZero():
		return session.Broadcast{}, session.ErrExists
	}
	e.Broadcast.WithdrawnBy = by
	entry := broadcast.Entry{Withdrawn: true}
	entry.ID, e.Broadcast.WithdrawnAt = m.nextEntryLocked()
	entry.Broadcast = copied(e.Broadcast)
	m.appendLocked(entry)
	return copied(entry.Broadcast), nil
}

// nextEntryLocked returns an ID greater than all before, and the time in it.
func (m *Memory) nextEntryLocked() (string, time.Time) {
	now := time.Now().UnixMilli()
	if now > m.lastMS {
		m.lastMS, m.lastN = now, 0
	} else {
		m.lastN++
	}
	return fmt.Sprintf("%d-%d", m.lastMS, m.lastN), time.UnixMilli(m.lastMS).UTC()
}

func (m *Memory) appendLocked(e broadcast.Entry) {
	m.log = append(m.log, &e)
	m.log = m.log[max(0, len(m.log)-broadcastLog):]
	m.wakeLocked()
}

// wakeLocked lets all that wait in Follow look again.
func (m *Memory) wakeLocked() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// publishedLocked finds the entry with which a broadcast began.
func (m *Memory) publishedLocked(id string) (*broadcast.Entry, error) {
	if m.down != nil {
		return nil, m.down
	}
	i := slices.IndexFunc(m.log, func(e *broadcast.Entry) bool { return e.ID == id && !e.Withdrawn })
	if i < 0 {
		return nil, session.ErrNotFound
	}
	return m.log[i], nil
}

// Follow implements [session.Broadcasts].
func (m *Memory) Follow(ctx context.Context, after string) ([]broadcast.Entry, error) {
	if after != "" && !isEventID(after) {
		return nil, &session.InvalidError{Field: "after", Detail: "is not the ID of an entry"}
	}
	for {
		entries, changed, err := m.entries(after)
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

// entries returns those behind after, and what is closed when there may be more.
func (m *Memory) entries(after string) (entries []broadcast.Entry, changed <-chan struct{}, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.log {
		if after != "" && session.CompareEventIDs(e.ID, after) <= 0 {
			continue
		}
		seen := *e
		seen.Broadcast = copied(e.Broadcast)
		if !e.Withdrawn { // as it was when it began
			seen.Broadcast.WithdrawnBy, seen.Broadcast.WithdrawnAt = "", time.Time{}
		}
		entries = append(entries, seen)
	}
	if m.down != nil {
		entries = nil
	}
	return entries, m.changed, m.down
}

// BroadcastList returns at most limit broadcasts (0 is 50, at most 200), newest first;
// before, unless empty, is the ID of the last one of the page before.
func (m *Memory) BroadcastList(_ context.Context, limit int, before string) ([]session.Broadcast, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.down != nil:
		return nil, m.down
	case before != "" && !isEventID(before):
		return nil, &session.InvalidError{Field: "before", Detail: "is not the ID of a broadcast"}
	}
	limit = min(cmp.Or(max(limit, 0), 50), 200)
	var list []session.Broadcast
	for _, e := range slices.Backward(m.log) {
		if len(list) < limit && !e.Withdrawn && (before == "" || session.CompareEventIDs(e.ID, before) < 0) {
			list = append(list, copied(e.Broadcast))
		}
	}
	return list, nil
}
