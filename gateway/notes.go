package gateway

import (
	"context"
	"strings"
	"time"

	"switchboard/session"
	"switchboard/session/hub"
)

type (
	noteInput struct {
		ID   session.ID `path:"id" doc:"The session's ID"`
		Body struct {
			Text string `json:"text" minLength:"1" maxLength:"4000" doc:"What others should know"`
		}
	}
	noteOutput  struct{ Body session.Note }
	notesOutput struct {
		Body struct {
			Notes []session.Note `json:"notes" nullable:"false" doc:"In the order in which they were written"`
		}
	}
)

func (g *Gateway) notes(ctx context.Context, in *idInput) (*notesOutput, error) {
	if _, err := g.find(ctx, callerOf(ctx), in.ID); err != nil {
		return nil, err
	}
	notes, err := g.options.Store.Notes(ctx, in.ID)
	if err != nil {
		return nil, storeError{err}
	}
	out := &notesOutput{}
	out.Body.Notes = append([]session.Note{}, notes...)
	return out, nil
}

func (g *Gateway) addNote(ctx context.Context, in *noteInput) (*noteOutput, error) {
	f, err := g.find(ctx, callerOf(ctx), in.ID)
	switch {
	case err != nil:
		return nil, err
	case strings.TrimSpace(in.Body.Text) == "":
		return nil, &session.InvalidError{Field: "text", Detail: "must not be empty"}
	case len(in.Body.Text) > session.NoteLength:
		return nil, &session.InvalidError{Field: "text", Detail: "must be at most 4000 bytes"}
	}
	n := session.Note{ID: session.NewID("note_"), At: time.Now().UTC().Truncate(time.Millisecond), By: callerOf(ctx).Key.Name, Text: in.Body.Text}
	if f.ctl != nil {
		g.flush(ctx) // a note needs the record of its session
	}
	if err := g.options.Store.AddNote(ctx, in.ID, n); err != nil {
		return nil, storeError{err}
	}
	if f.ctl != nil {
		note(ctx, f.ctl, hub.Command{Name: "note"})
	}
	return &noteOutput{Body: n}, nil
}
