// Package otlp sends the spans of sessions to an OpenTelemetry collector, over OTLP and HTTP. Names follow the
// conventions for generative AI (github.com/open-telemetry/semantic-conventions-genai, in development), which the
// semconv package of OpenTelemetry for Go does not have.
package otlp

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"sync"

	global "go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	otel "go.opentelemetry.io/otel/trace"

	"switchboard/session"
	"switchboard/session/trace"
)

// Options say where spans go.
type Options struct {
	Endpoint string  // of the collector, as http://127.0.0.1:4318; /v1/traces is added
	Ratio    float64 // of the sessions, from 0 to 1
	Version  string  // of the gateway
	Node     string  // its address
}

// Exporter sends spans in batches. Its methods may be called from any goroutine; Record never waits: spans that a
// collector does not take in time are dropped.
type Exporter struct {
	provider *sdk.TracerProvider
	tracer   otel.Tracer
	ratio    float64
	queue    chan trace.Span
	closing  chan struct{}
	working  sync.WaitGroup
}

// queued is how many spans may wait: a few thousand sessions ending at once.
const queued = 8192

var _ trace.Recorder = (*Exporter)(nil)

// New makes an Exporter; Close it. OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_TIMEOUT, OTEL_RESOURCE_ATTRIBUTES and
// OTEL_BSP_* count as the specification says. Errors: of the options.
func New(ctx context.Context, o Options) (*Exporter, error) {
	at, err := url.Parse(o.Endpoint)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return nil, fmt.Errorf("%q is no http or https address", o.Endpoint)
	}
	client, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(at.JoinPath("v1", "traces").String()))
	if err != nil {
		return nil, err
	}
	own, err := resource.New(ctx, resource.WithAttributes(resourceOf(o)...), resource.WithFromEnv())
	if err != nil {
		return nil, err
	}
	return newExporter(client, own, o.Ratio), nil
}

func newExporter(to sdk.SpanExporter, own *resource.Resource, ratio float64) *Exporter {
	provider := sdk.NewTracerProvider(sdk.WithBatcher(to), sdk.WithResource(own), sdk.WithIDGenerator(generator{}), sdk.WithSampler(sdk.AlwaysSample()))
	e := &Exporter{provider: provider, tracer: provider.Tracer("switchboard"), ratio: ratio, queue: make(chan trace.Span, queued), closing: make(chan struct{})}
	e.working.Go(e.work)
	return e
}

// Close sends what is left. It must be called once, when nothing is recorded any more.
func (e *Exporter) Close(ctx context.Context) error {
	close(e.closing)
	e.working.Wait()
	return e.provider.Shutdown(ctx)
}

// work makes spans of the SDK's from ours, which takes longer than those who record them may wait.
func (e *Exporter) work() {
	for {
		select {
		case s := <-e.queue:
			e.make(s)
		case <-e.closing:
			for range len(e.queue) {
				e.make(<-e.queue)
			}
			return
		}
	}
}

// Traces picks sessions by their IDs, so that all nodes pick the same.
func (e *Exporter) Traces(id session.ID) bool {
	of := trace.ID(id)
	return e.ratio >= 1 || float64(binary.BigEndian.Uint64(of[:8])) < e.ratio*math.MaxUint64
}

// Record sends a span, some time later.
func (e *Exporter) Record(s trace.Span) {
	select {
	case e.queue <- s:
	default: // too many wait
	}
}

func (e *Exporter) make(s trace.Span) {
	ctx := context.WithValue(context.Background(), sessionKey{}, s.Session)
	kind := otel.SpanKindInternal
	switch s.Kind {
	case trace.Session:
		kind = otel.SpanKindServer
	case trace.Response, trace.Command, trace.Renewal:
		kind = otel.SpanKindClient
	}
	if s.Kind != trace.Session {
		ctx = otel.ContextWithRemoteSpanContext(context.Background(), otel.NewSpanContext(otel.SpanContextConfig{
			TraceID: trace.ID(s.Session), SpanID: trace.Root(s.Session), TraceFlags: otel.FlagsSampled, Remote: true,
		}))
	}
	_, span := e.tracer.Start(ctx, nameOf(s), otel.WithTimestamp(s.Start), otel.WithSpanKind(kind), otel.WithAttributes(attributesOf(s)...))
	if !s.FirstAudio.IsZero() {
		span.AddEvent("first audio", otel.WithTimestamp(s.FirstAudio))
	}
	if s.Err != "" {
		span.SetStatus(errorStatus, s.Err)
	}
	span.End(otel.WithTimestamp(s.End))
}

// LogErrors logs what goes wrong with sending spans, for the whole program: a collector that is away costs spans, and
// nothing else.
func LogErrors(log *slog.Logger) {
	global.SetErrorHandler(global.ErrorHandlerFunc(func(err error) { log.Warn("traces are not sent", "err", err) }))
}

// LogHandler adds the trace's ID to what is logged of a session that is traced.
func (e *Exporter) LogHandler(next slog.Handler) slog.Handler { return logHandler{next, e} }
