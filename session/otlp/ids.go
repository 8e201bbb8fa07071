package otlp

import (
	"context"
	"crypto/rand"

	otel "go.opentelemetry.io/otel/trace"

	"switchboard/session"
	"switchboard/session/trace"
)

// sessionKey is of the context of a session's own span: the session's ID.
type sessionKey struct{}

// generator gives a session's own span the IDs that all nodes derive, and the spans in it random ones.
type generator struct{}

// NewIDs is called for spans without a parent: those of sessions.
func (g generator) NewIDs(ctx context.Context) (otel.TraceID, otel.SpanID) {
	id, _ := ctx.Value(sessionKey{}).(session.ID)
	return trace.ID(id), trace.Root(id)
}

// NewSpanID is called for all others.
func (generator) NewSpanID(context.Context, otel.TraceID) (id otel.SpanID) {
	_, _ = rand.Read(id[:]) // it never fails
	return id
}
