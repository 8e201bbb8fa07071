package webhooks

import (
	"context"
	"fmt"
)

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
