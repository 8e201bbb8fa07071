package webhooks

import (
	"context"
	"fmt"

	"switchboard/webhooks/batch"
	"switchboard/webhooks/notify"
	"switchboard/webhooks/queue"
	"switchboard/webhooks/tune"
)

// taskCategory is work that the gateway gave itself: kept, tried again and shown like events, but not passed on.
const taskCategory = "task."

// register is the one place where types meet handlers.
func (s *Server) register() {
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

// Handler acts on an event. It may be called more than once for one event, and events come in any order: fetch the
// object that the event names and trust that one. Errors are tried again, those of queue.Fatal are not.
type Handler func(ctx context.Context, e Event) error

// unhandled is how the inbox names the fallback.
const unhandled = "unhandled"

// Router finds the handler of an event: the one of its exact type, else the one of its category ("batch."), else none.
// Register everything before the first Route.
type Router struct {
	handlers map[string]Handler
}

// Handle registers a handler for an exact type, or for a category if the pattern ends in a dot.
func (r *Router) Handle(pattern string, h Handler) {
	if r.handlers == nil {
		r.handlers = map[string]Handler{}
	}
	if _, twice := r.handlers[pattern]; twice {
		panic(fmt.Sprintf("webhooks: two handlers for %q", pattern))
	}
	r.handlers[pattern] = h
}

// Route calls the event's handler and returns the pattern that it is registered under, or "unhandled".
func (r *Router) Route(ctx context.Context, e Event) (string, error) {
	for _, pattern := range []string{e.Type, category(e.Type)} {
		if h, ok := r.handlers[pattern]; ok {
			return pattern, h(ctx, e)
		}
	}
	return unhandled, nil
}
