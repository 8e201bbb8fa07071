package session

import (
	"context"
	"time"
)

// Bounds of the notes of one session.
const (
	NotesMost  = 200
	NoteLength = 4000 // bytes
)

// Note is what a person wrote about a session, for those who look at it later.
type Note struct {
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
	By   string    `json:"by" doc:"Name of the API key"`
	Text string    `json:"text"`
}

// Notes keeps the notes of sessions, as long as their records.
type Notes interface {
	// AddNote adds a note at the end, once for each of its IDs. ErrNotFound as Record;
	// *LimitError beyond NotesMost.
	AddNote(ctx context.Context, id ID, n Note) error

	// Notes returns them in order; ErrNotFound as Record.
	Notes(ctx context.Context, id ID) ([]Note, error)
}
