package otlp

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"switchboard/session"
	"switchboard/session/trace"
)

func exporter(t *testing.T, ratio float64) (*Exporter, *tracetest.InMemoryExporter) {
	to := tracetest.NewInMemoryExporter()
	e := newExporter(to, resource.Empty(), ratio)
	t.Cleanup(func() { e.Close(t.Context()) })
	return e, to
}

func TestLogsNameTheTraceOfASession(t *testing.T) {
	e, _ := exporter(t, 1)
	none, _ := exporter(t, 0)
	for name, c := range map[string]struct {
		of   *Exporter
		log  func(*slog.Logger)
		want int
	}{
		"a session":          {e, func(l *slog.Logger) { l.Info("x", "n", 1, "session", session.ID("one")) }, 1},
		"a session's logger": {e, func(l *slog.Logger) { l.With("session", "one").Info("x") }, 1},
		"in a group":         {e, func(l *slog.Logger) { l.WithGroup("g").Info("x", "session", "one") }, 1},
		"no session":         {e, func(l *slog.Logger) { l.Info("x", "node", "one") }, 0},
		"an empty ID":        {e, func(l *slog.Logger) { l.Info("x", "session", session.ID("")) }, 0},
		"not sampled":        {none, func(l *slog.Logger) { l.Info("x", "session", session.ID("one")) }, 0},
	} {
		var out bytes.Buffer
		c.log(slog.New(c.of.LogHandler(slog.NewTextHandler(&out, nil))))
		if n := strings.Count(out.String(), "trace_id="+trace.Hex("one")); n != min(c.want, 1) && !strings.Contains(out.String(), "g.trace_id") {
			t.Errorf("%s: %s", name, &out)
		}
	}
}

func TestAShareOfSessionsIsTraced(t *testing.T) {
	e, _ := exporter(t, 0.25)
	again, _ := exporter(t, 0.25)
	n := 0
	for i := range 4000 {
		id := session.ID(fmt.Sprint("s", i))
		if e.Traces(id) != again.Traces(id) {
			t.Fatal("two nodes differ")
		}
		if e.Traces(id) {
			n++
		}
	}
	if n < 800 || n > 1200 {
		t.Errorf("%d of 4000", n)
	}
}

// Whatever is recorded is in the session's trace, below its own span, with its own times.
func TestSpans(t *testing.T) {
	e, to := exporter(t, 1)
	began := time.Now().Add(-time.Hour)
	for _, kind := range []trace.Kind{trace.Speech, trace.Response, trace.Tool, trace.Renewal, trace.Command, trace.Session} {
		e.make(trace.Span{Session: "one", Kind: kind, Name: "n", Start: began, End: began.Add(time.Second), Err: "broken"})
	}
	if err := e.provider.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := to.GetSpans()
	if len(spans) != 6 {
		t.Fatalf("%d spans", len(spans))
	}
	seen := map[string]bool{}
	for i, s := range spans {
		if s.SpanContext.TraceID() != trace.ID("one") || seen[s.SpanContext.SpanID().String()] || !s.StartTime.Equal(began) || s.EndTime.Sub(s.StartTime) != time.Second || s.Status.Description != "broken" {
			t.Errorf("%+v", s)
		}
		seen[s.SpanContext.SpanID().String()] = true
		if root := i == 5; root != (s.SpanContext.SpanID() == trace.Root("one")) || !root && s.Parent.SpanID() != trace.Root("one") {
			t.Errorf("parent of %s: %v", s.Name, s.Parent)
		}
	}
}

// A turn has about seven spans and several hundred events: what a span costs is spread over them.
func BenchmarkSpan(b *testing.B) {
	e := newExporter(tracetest.NewNoopExporter(), resource.Empty(), 1)
	defer e.Close(b.Context())
	s := trace.Span{Session: "one", Kind: trace.Response, ID: "resp_1", Model: "gpt-realtime-2.1", Start: time.Now(), End: time.Now(), FirstAudio: time.Now(), Outcome: "completed"}
	for b.Loop() {
		e.make(s)
	}
}
