package webhooks

import (
	"context"
	"errors"
	"log/slog"

	"switchboard/webhooks/batch"
	"switchboard/webhooks/notify"
	"switchboard/webhooks/queue"
	"switchboard/webhooks/tune"
)

// taskCategory is work that the gateway gave itself: kept, tried again and shown like events, but not passed on.
const taskCategory = "task."

var errNoID = errors.New("the event names no object")

// register is the one place where types meet handlers.
func (s *Office) register() {
	s.router.Handle("batch.", withID("id", s.batches.Fetch))
	s.router.Handle("fine_tuning.", withID("id", s.jobs.Fetch))
	s.router.Handle("file.", withID("id", s.onFile))
	s.router.Handle("file.deleted", withID("id", s.onFileDeleted))
	s.router.Handle("realtime.call.incoming", s.onCall)
	s.router.Handle("safety.", s.onSafety)
	s.router.Handle("session.", func(context.Context, Event) error { return nil }) // passed on already

	s.router.Handle(batch.WatchTask, withID("id", s.batches.Watch))
	s.router.Handle(tune.WatchTask, withID("id", s.jobs.Watch))
	s.router.Handle(tune.SmokeTask, func(ctx context.Context, e Event) error {
		return s.jobs.SmokeTest(ctx, e.Data.Get("id").Str, e.Attempt)
	})
	s.router.Handle(discoverTask, s.onDiscover)
	s.router.Handle(notify.Task, func(ctx context.Context, e Event) error {
		return s.notifier.Spread(ctx, []byte(e.Data.Raw), e.ID, s.inbox)
	})
	s.router.Handle(notify.ToTask, func(ctx context.Context, e Event) error {
		return s.notifier.Send(ctx, []byte(e.Data.Raw))
	})
	if s.o.Handlers != nil {
		s.o.Handlers(&s.router)
	}
}

// withID makes a handler of a function that takes the ID of the object that the event is about.
func withID(field string, do func(context.Context, string) error) Handler {
	return func(ctx context.Context, e Event) error {
		id := e.Data.Get(field).Str
		if id == "" {
			return queue.Fatal(errNoID)
		}
		return do(ctx, id)
	}
}

func (s *Office) onFile(ctx context.Context, id string) error {
	f, err := s.o.API.Files.Get(ctx, id)
	if err != nil {
		return err
	}
	return s.changes.Publish(ctx, "file.updated", "", map[string]any{
		"id": f.ID, "filename": f.Filename, "bytes": f.Bytes, "purpose": f.Purpose,
	})
}

// onFileDeleted shows what happened; the file can no longer be asked for.
func (s *Office) onFileDeleted(ctx context.Context, id string) error {
	return s.changes.Publish(ctx, "file.updated", "", map[string]any{"id": id, "deleted": true})
}

func (s *Office) onCall(ctx context.Context, e Event) error {
	id := e.Data.Get("call_id").Str
	if id == "" {
		return queue.Fatal(errNoID)
	}
	if err := s.changes.Publish(ctx, "call.incoming", "", map[string]any{"call_id": id}); err != nil {
		slog.Warn("webhooks: a call was not shown", "call", id, "err", err)
	}
	if s.o.CallIncoming == nil {
		return nil
	}
	return s.o.CallIncoming(ctx, id, e)
}

func (s *Office) onSafety(ctx context.Context, e Event) error {
	n := notify.Notice{Kind: e.Type, Subject: e.Data.Get("id").Str}
	_, err := s.inbox.Add(ctx, n.Item(e.ID))
	return err
}

const (
	discoverTask = "task.discover"
	discoverID   = "discover"
)

// discover keeps one task in the inbox, for all nodes, that looks for batches and jobs which were made elsewhere.
func (s *Office) discover(ctx context.Context) {
	if s.o.Discover <= 0 {
		return
	}
	ensure := func() {
		if _, err := s.inbox.Add(ctx, queue.NewTask(discoverTask, discoverID, nil)); err != nil && ctx.Err() == nil {
			slog.Warn("webhooks: not looking for jobs made elsewhere", "err", err)
		}
	}
	ensure()
	every(ctx, s.o.Discover, ensure)
}

func (s *Office) onDiscover(ctx context.Context, _ Event) error {
	if err := errors.Join(s.batches.Discover(ctx), s.jobs.Discover(ctx)); err != nil {
		slog.Warn("webhooks: jobs made elsewhere were not looked for", "err", err)
	}
	return queue.Again(s.o.Discover)
}
