package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"switchboard/session/otlp"
	"switchboard/session/trace"
)

// traces is where spans go; the zero value is nowhere.
type traces struct{ to *otlp.Exporter }

// traces opens the way to the collector, if there is one, and returns a logger that names traces.
func (c *config) traces(ctx context.Context, log *slog.Logger) (traces, *slog.Logger, error) {
	if c.OTLPEndpoint == "" {
		return traces{}, log, nil
	}
	to, err := otlp.New(ctx, otlp.Options{Endpoint: c.OTLPEndpoint, Ratio: c.TraceRatio, Version: buildVersion(), Node: c.NodeURL})
	if err != nil {
		return traces{}, log, fmt.Errorf("--otlp-endpoint: %w", err)
	}
	return traces{to}, slog.New(to.LogHandler(log.Handler())), nil
}

// recorder is nil where nobody wants spans.
func (t traces) recorder() trace.Recorder {
	if t.to == nil {
		return nil
	}
	return t.to
}

// close sends what is left.
func (t traces) close(within time.Duration, log *slog.Logger) {
	if t.to == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := t.to.Close(ctx); err != nil {
		log.Warn("traces are lost", "err", err)
	}
}
