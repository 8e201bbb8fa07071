package sessiontest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"time"

	"switchboard/session"
	"switchboard/session/survey"
)

// logLength is the number of events that Memory keeps of a session.
const logLength = 2000

// logBytes is how many bytes of them.
const logBytes = 2 << 20

// Apply implements [session.Store].
func (m *Memory) Apply(_ context.Context, changes []session.Change) (stale []session.ID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	m.applied++
	for i, c := range changes {
		if !c.ID.Valid() || c.Event != nil && !isEventID(c.Event.ID) {
			return nil, &session.InvalidError{Field: fmt.Sprintf("changes[%d]", i), Detail: "is not valid"}
		}
	}
	// The newest epochs of each session that were refused and written.
	refused, written := map[session.ID]int64{}, map[session.ID]int64{}
	for _, c := range changes {
		s := m.sessionLocked(c.ID)
		if c.Epoch < s.epoch {
			refused[c.ID] = max(refused[c.ID], c.Epoch)
			continue
		}
		s.epoch = c.Epoch
		written[c.ID] = c.Epoch
		s.apply(c)
	}
	for id, epoch := range refused {
		if epoch >= written[id] {
			stale = append(stale, id)
		}
	}
	slices.Sort(stale)
	return stale, nil
}

func (s *kept) apply(c session.Change) {
	switch {
	case c.Record != nil:
		r := copied(*c.Record)
		s.record = &r
	case c.Item != nil:
		if _, known := s.items[c.Item.ID]; !known {
			s.order = slices.Insert(s.order, s.place(c.After), c.Item.ID)
		}
		s.items[c.Item.ID] = copied(*c.Item)
	case c.Removed != "":
		delete(s.items, c.Removed)
		s.order = slices.DeleteFunc(s.order, func(id string) bool { return id == c.Removed })
	case c.Event != nil:
		s.log(*c.Event, c.Draft)
		s.settle(c.Settled)
	}
}

// place is where a new item goes.
func (s *kept) place(after *string) int {
	switch i := -1; {
	case after == nil:
	case *after == "":
		return 0
	default:
		if i = slices.Index(s.order, *after); i >= 0 {
			return i + 1
		}
	}
	return len(s.order)
}

func (s *kept) log(e session.LoggedEvent, draft string) {
	if n := len(s.events); n > 0 && session.CompareEventIDs(e.ID, s.events[n-1].ID) <= 0 {
		return
	}
	if draft != "" {
		if s.drafts == nil {
			s.drafts = map[string]string{}
		}
		s.drafts[e.ID] = draft
	}
	e.Raw = bytes.Clone(e.Raw)
	s.events = append(s.events, e)
	s.events = s.events[max(0, len(s.events)-logLength):]
	size := 0
	for i, e := range slices.Backward(s.events) {
		if size += len(e.Raw); size > logBytes {
			s.events = s.events[min(i+1, len(s.events)-1):]
			break
		}
	}
}

// settle removes the deltas of a draft, or of all.
func (s *kept) settle(draft string) {
	s.events = slices.DeleteFunc(s.events, func(e session.LoggedEvent) bool {
		of, delta := s.drafts[e.ID]
		return delta && (draft == session.AllDrafts || draft == of)
	})
}

// Pack implements [session.Store]: there is nothing to gain.
func (m *Memory) Pack(context.Context, session.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.down
}

// AddNote implements [session.Notes].
func (m *Memory) AddNote(_ context.Context, id session.ID, n session.Note) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.knownLocked(id)
	switch {
	case err != nil:
		return err
	case slices.ContainsFunc(s.notes, func(o session.Note) bool { return o.ID == n.ID }):
		return nil
	case len(s.notes) >= session.NotesMost:
		return &session.LimitError{Limit: "notes", Max: session.NotesMost}
	}
	s.notes = append(s.notes, copied(n))
	return nil
}

// Notes implements [session.Notes].
func (m *Memory) Notes(_ context.Context, id session.ID) ([]session.Note, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.knownLocked(id)
	if err != nil {
		return nil, err
	}
	return slices.Clone(s.notes), nil
}

// copied goes through JSON, as a real store does: nothing is shared with the caller and
// what JSON does not keep is not kept.
func copied[T any](v T) (out T) {
	raw, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		panic(fmt.Sprintf("sessiontest: %T does not survive JSON: %v", v, err))
	}
	return out
}

// Record implements [session.Store].
func (m *Memory) Record(_ context.Context, id session.ID) (session.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.knownLocked(id)
	if err != nil {
		return session.Record{}, err
	}
	return copied(*s.record), nil
}

func (m *Memory) knownLocked(id session.ID) (*kept, error) {
	if m.down != nil {
		return nil, m.down
	}
	if s := m.sessions[id]; s != nil && s.record != nil {
		return s, nil
	}
	return nil, session.ErrNotFound
}

// Records implements [session.Index].
func (m *Memory) Records(_ context.Context, q session.Query) (session.Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.down != nil:
		return session.Page{}, m.down
	}
	found, byPlace := survey.New(q, time.Now()), map[string]session.Record{}
	for _, s := range m.sessions {
		if s.record != nil {
			f := survey.Of(s.record)
			found.Add(&f, place(*s.record))
			byPlace[place(*s.record)] = copied(*s.record)
		}
	}
	members, page, err := found.Page(min(cmp.Or(max(q.Limit, 0), 50), 200))
	if err != nil {
		return page, err
	}
	for _, p := range members {
		page.Records = append(page.Records, byPlace[p])
	}
	return page, nil
}

// Version implements [session.Index]: it counts the calls of Apply.
func (m *Memory) Version(context.Context, time.Duration) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.applied, m.down
}

// Totals implements [session.Index].
func (m *Memory) Totals(_ context.Context, key string) (session.Totals, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := survey.New(session.Query{Scope: key}, time.Now())
	for _, s := range m.sessions {
		if s.record != nil {
			f := survey.Of(s.record)
			found.Add(&f, place(*s.record))
		}
	}
	_, page, err := found.Page(1)
	return *page.Totals, errors.Join(err, m.down)
}

// place sorts records by creation and tells them apart.
func place(r session.Record) string {
	return fmt.Sprintf("%016x.%s", max(0, r.CreatedAt.UnixMicro()), r.ID)
}

// Load implements [session.Store].
func (m *Memory) Load(ctx context.Context, id session.ID) (l session.Stored, err error) {
	if l.Record, err = m.Record(ctx, id); err != nil {
		return session.Stored{}, err
	}
	if l.Items, err = m.Items(ctx, id); err != nil {
		return session.Stored{}, err
	}
	l.Events, err = m.Events(ctx, id, "", math.MaxInt)
	return l, err
}

// Items implements [session.Store].
func (m *Memory) Items(_ context.Context, id session.ID) ([]session.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, err := m.knownLocked(id)
	if err != nil {
		return nil, err
	}
	var items []session.Item
	for _, id := range s.order {
		if item, ok := s.items[id]; ok {
			items = append(items, copied(item))
		}
	}
	return items, nil
}

// Events implements [session.Store].
func (m *Memory) Events(ctx context.Context, id session.ID, after string, limit int) ([]session.LoggedEvent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return nil, ctx.Err() // as one that is asked over a network
	}
	s, err := m.knownLocked(id)
	if err != nil {
		return nil, err
	}
	if after != "" && !isEventID(after) {
		return nil, &session.InvalidError{Field: "after", Detail: "is not the ID of an event"}
	}
	var events []session.LoggedEvent
	for _, e := range s.events {
		if len(events) < limit && (after == "" || session.CompareEventIDs(e.ID, after) > 0) {
			e.Raw = bytes.Clone(e.Raw)
			events = append(events, e)
		}
	}
	return events, nil
}

// isEventID reports whether id is "<unix ms>-<n>".
var (
	isEventID = regexp.MustCompile(`^\d{1,15}-\d{1,15}$`).MatchString
)
