package redisstore

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"switchboard/session"
)

// AddNote implements [session.Notes].
func (s *Store) AddNote(ctx context.Context, id session.ID, n session.Note) error {
	if !id.Valid() {
		return session.ErrNotFound
	}
	body, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("add note to %s: %w", id, err)
	}
	c := &call{
		script: addNoteScript, keys: []string{sessionKey(id, "record"), sessionKey(id, "notes")},
		args: []any{n.ID, body, session.NotesMost},
	}
	if err := s.run(ctx, []*call{c}); err != nil {
		return fmt.Errorf("add note to %s: %w", id, err)
	}
	switch added, err := c.answer.Int(); {
	case err != nil:
		return fmt.Errorf("add note to %s: %w", id, err)
	case added == 0:
		return session.ErrNotFound
	case added < 0:
		return &session.LimitError{Limit: "notes", Max: session.NotesMost}
	}
	return nil
}

// Notes implements [session.Notes].
func (s *Store) Notes(ctx context.Context, id session.ID) ([]session.Note, error) {
	if !id.Valid() {
		return nil, session.ErrNotFound
	}
	pipe := s.client.TxPipeline()
	known := pipe.Exists(ctx, sessionKey(id, "record"))
	stored := pipe.HGetAll(ctx, sessionKey(id, "notes"))
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("read notes of %s: %w", id, err)
	}
	if known.Val() == 0 {
		return nil, session.ErrNotFound
	}
	var notes []session.Note
	for _, value := range slices.Sorted(maps.Values(stored.Val())) {
		_, body, _ := strings.Cut(value, " ")
		var n session.Note
		if err := json.Unmarshal([]byte(body), &n); err != nil {
			return nil, fmt.Errorf("read notes of %s: %w", id, err)
		}
		notes = append(notes, n)
	}
	return notes, nil
}
