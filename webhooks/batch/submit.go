package batch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/shared"

	"switchboard/webhooks/spool"
)

// Spec says how requests are to be run.
type Spec struct {
	Endpoint         string            // of all requests; may be empty if the lines say it
	CompletionWindow string            // default "24h"
	Metadata         map[string]string // at most 16, kept by OpenAI
	OutputExpires    time.Duration     // 1 h to 30 days; 0 for OpenAI's default
}

// Request is one request of a batch, and one line of an input file.
type Request struct {
	CustomID string          `json:"custom_id,omitempty" doc:"request-1, request-2, … if left out"`
	Method   string          `json:"method,omitempty" doc:"POST, the only one, if left out"`
	URL      string          `json:"url,omitempty" doc:"The batch's endpoint if left out"`
	Body     json.RawMessage `json:"body" doc:"What the endpoint takes"`
}

// SubmitRequests makes a batch of requests. Their endpoint is that of the first one if the Spec does not say it.
func (s *Batches) SubmitRequests(ctx context.Context, spec Spec, requests []Request) (*Batch, error) {
	if spec.Endpoint == "" && len(requests) > 0 {
		spec.Endpoint = requests[0].URL
	}
	if spec.Endpoint == "" {
		return nil, &InputError{[]LineError{{Line: 1, Field: "endpoint", Message: "the batch's endpoint is missing"}}}
	}
	var lines bytes.Buffer
	if err := writeRequests(&lines, spec.Endpoint, requests); err != nil {
		return nil, err
	}
	return s.SubmitFile(ctx, spec, &lines)
}

func writeRequests(w io.Writer, endpoint string, requests []Request) error {
	encode := json.NewEncoder(w)
	for i, r := range requests {
		if r.CustomID == "" {
			r.CustomID = fmt.Sprintf("request-%d", i+1)
		}
		if len(r.Body) == 0 {
			r.Body = json.RawMessage("null")
		}
		r.Method, r.URL = cmp.Or(r.Method, "POST"), cmp.Or(r.URL, endpoint)
		if err := encode.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// SubmitFile checks an input file line by line, gives it to OpenAI and makes a batch of it. A file that has anything
// wrong is refused as a whole with an *InputError, before OpenAI sees any of it.
func (s *Batches) SubmitFile(ctx context.Context, spec Spec, input io.Reader) (*Batch, error) {
	lines, err := spool.New()
	if err != nil {
		return nil, err
	}
	defer lines.Remove()
	c := newChecker(spec.Endpoint)
	if err := c.copy(lines, input); err != nil {
		return nil, err
	}
	spec.Endpoint = c.endpoint
	return s.send(ctx, spec, lines)
}

// send uploads lines that were checked, and makes a batch of them.
func (s *Batches) send(ctx context.Context, spec Spec, lines *spool.File) (*Batch, error) {
	file, err := lines.Send(ctx, s.api, openai.FilePurposeBatch, "batch.jsonl")
	if err != nil {
		return nil, err
	}
	b, err := s.SubmitUploaded(ctx, spec, file)
	if err != nil {
		if _, derr := s.api.Files.Delete(context.WithoutCancel(ctx), file); derr != nil {
			slog.Warn("batch: the input of a refused batch stays at OpenAI", "file", file, "err", derr)
		}
	}
	return b, err
}

// SubmitUploaded makes a batch of a file that OpenAI has already.
func (s *Batches) SubmitUploaded(ctx context.Context, spec Spec, fileID string) (*Batch, error) {
	params := openai.BatchNewParams{
		Endpoint: openai.BatchNewParamsEndpoint(spec.Endpoint), InputFileID: fileID,
		CompletionWindow: openai.BatchNewParamsCompletionWindow24h, Metadata: shared.Metadata(spec.Metadata),
	}
	if spec.CompletionWindow != "" {
		params.CompletionWindow = openai.BatchNewParamsCompletionWindow(spec.CompletionWindow)
	}
	if spec.OutputExpires > 0 {
		params.OutputExpiresAfter.Seconds = int64(spec.OutputExpires.Seconds())
	}
	b, err := s.api.Batches.New(ctx, params)
	if err != nil {
		return nil, err
	}
	return s.absorb(ctx, b)
}
