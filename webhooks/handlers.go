package webhooks

import (
	"context"
	"errors"

	"switchboard/webhooks/notify"
	"switchboard/webhooks/queue"
)

var errNoID = errors.New("the event names no object")

func (s *Server) onFile(ctx context.Context, id string) error {
	f, err := s.o.API.Files.Get(ctx, id)
	if err != nil {
		return err
	}
	return s.changes.Publish(ctx, "file.updated", "", map[string]any{
		"id": f.ID, "filename": f.Filename, "bytes": f.Bytes, "purpose": f.Purpose,
	})
}

// onFileDeleted shows what happened; the file can no longer be asked for.
func (s *Server) onFileDeleted(ctx context.Context, id string) error {
	return s.changes.Publish(ctx, "file.updated", "", map[string]any{"id": id, "deleted": true})
}

func (s *Server) onCall(ctx context.Context, e Event) error {
	id := e.Data.Get("call_id").Str
	if id == "" {
		return queue.Fatal(errNoID)
	}
	if err := s.changes.Publish(ctx, "call.incoming", "", map[string]any{"call_id": id}); err != nil {
		s.log.Warn("a call was not shown", "call", id, "err", err)
	}
	if s.o.CallIncoming == nil {
		return nil
	}
	return s.o.CallIncoming(ctx, id, e)
}

func (s *Server) onSafety(ctx context.Context, e Event) error {
	n := notify.Notice{Kind: e.Type, Subject: e.Data.Get("id").Str}
	_, err := s.inbox.Add(ctx, n.Item(e.ID))
	return err
}

const (
	discoverTask = "task.discover"
	discoverID   = "discover"
)

// discover keeps one task in the inbox, for all nodes, that looks for batches and jobs which were made elsewhere.
func (s *Server) discover(ctx context.Context) {
	if s.o.Discover <= 0 {
		return
	}
	ensure := func() {
		if _, err := s.inbox.Add(ctx, queue.NewTask(discoverTask, discoverID, nil)); err != nil && ctx.Err() == nil {
			s.log.Warn("not looking for jobs made elsewhere", "err", err)
		}
	}
	ensure()
	every(ctx, s.o.Discover, ensure)
}

func (s *Server) onDiscover(ctx context.Context, _ Event) error {
	if err := errors.Join(s.batches.Discover(ctx), s.jobs.Discover(ctx)); err != nil {
		s.log.Warn("jobs made elsewhere were not looked for", "err", err)
	}
	return queue.Again(s.o.Discover)
}
