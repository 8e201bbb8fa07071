package otlp

import (
	"context"
	"log/slog"

	"switchboard/session"
	"switchboard/session/trace"
)

// logHandler adds trace_id to records that name a session.
type logHandler struct {
	slog.Handler
	exporter *Exporter
}

// Handle adds it.
func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		id, ok := sessionIn(a)
		if ok && h.exporter.Traces(id) {
			r = r.Clone()
			r.AddAttrs(slog.String("trace_id", trace.Hex(id)))
		}
		return !ok
	})
	return h.Handler.Handle(ctx, r)
}

// WithAttrs adds it to all records of a logger that names a session.
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		if id, ok := sessionIn(a); ok && h.exporter.Traces(id) {
			attrs = append(attrs[:len(attrs):len(attrs)], slog.String("trace_id", trace.Hex(id)))
			break
		}
	}
	return logHandler{h.Handler.WithAttrs(attrs), h.exporter}
}

// WithGroup keeps adding it.
func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.Handler.WithGroup(name), h.exporter}
}

// sessionIn reads the ID of an attribute that names a session.
func sessionIn(a slog.Attr) (session.ID, bool) {
	if a.Key != "session" {
		return "", false
	}
	switch id := a.Value.Any().(type) {
	case session.ID:
		return id, id != ""
	case string:
		return session.ID(id), id != ""
	}
	return "", false
}
