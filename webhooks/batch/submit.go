package batch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strconv"

	"github.com/openai/openai-go/v3"

	"switchboard/gateway/strict"
	"switchboard/webhooks/follow"
	"switchboard/webhooks/records"
	"switchboard/webhooks/spool"
)

// Spec says how requests are to be run.
type Spec struct {
	Endpoint         string            // of all requests; may be empty if the lines say it
	CompletionWindow string            // default "24h"
	Metadata         map[string]string // at most 16, kept by OpenAI
	OutputExpires    *Expiry           // nil for OpenAI's default
}

// Expiry says when OpenAI deletes a batch's results.
type Expiry struct {
	Anchor  string `json:"anchor,omitempty" doc:"created_at, the only one, if left out: that of the file"`
	Seconds int64  `json:"seconds" doc:"3600 (an hour) to 2592000 (30 days)"`
}

// Request is one request of a batch, and one line of an input file.
type Request struct {
	CustomID string          `json:"custom_id,omitempty" doc:"request-1, request-2, … if left out"`
	Method   string          `json:"method,omitempty" doc:"POST, the only one, if left out"`
	URL      string          `json:"url,omitempty" doc:"The batch's endpoint if left out"`
	Body     json.RawMessage `json:"body" doc:"What the endpoint takes"`
}

// SubmitRequests makes a batch of requests, which are checked and written one by one. Their endpoint is that of the first
// one if the Spec does not say it. An error of the sequence ends it.
func (s *Batches) SubmitRequests(ctx context.Context, who records.Viewer, spec Spec, requests iter.Seq2[Request, error]) (*Batch, error) {
	return s.submit(ctx, who, spec, func(c *checker, to io.Writer) error {
		return c.takeRequests(to, requests)
	})
}

// SubmitFile checks an input file line by line, gives it to OpenAI and makes a batch of it. A file that has anything
// wrong is refused as a whole with an *InputError, before OpenAI sees any of it.
func (s *Batches) SubmitFile(ctx context.Context, who records.Viewer, spec Spec, input io.Reader) (*Batch, error) {
	return s.submit(ctx, who, spec, func(c *checker, to io.Writer) error {
		return strict.InTurns(input, func(input io.Reader) error { return c.copy(to, input) })
	})
}

func (s *Batches) submit(ctx context.Context, who records.Viewer, spec Spec, read func(*checker, io.Writer) error) (*Batch, error) {
	if spec.Endpoint != "" && !endpoints[spec.Endpoint] {
		return nil, &InputError{[]LineError{{Line: 1, Field: "endpoint", Message: shown("endpoint", spec.Endpoint) + " is no endpoint of the Batch API"}}}
	}
	lines, err := spool.New()
	if err != nil {
		return nil, err
	}
	defer lines.Close()
	c := newChecker(spec.Endpoint)
	if err := read(c, lines); err != nil {
		return nil, err
	}
	spec.Endpoint = c.endpoint
	file, err := s.upload(ctx, who.Key, lines)
	if err != nil {
		return nil, err
	}
	b, err := s.create(ctx, who.Key, spec, file, "")
	if err != nil {
		s.DeleteFile(ctx, file)
	}
	return b, err
}

func (s *Batches) upload(ctx context.Context, owner string, lines *spool.File) (file string, err error) {
	return s.Send(ctx, owner, lines, openai.FilePurposeBatch, "batch.jsonl")
}

// SubmitUploaded makes a batch of a file that OpenAI has already, and the caller may see.
func (s *Batches) SubmitUploaded(ctx context.Context, who records.Viewer, spec Spec, fileID string) (*Batch, error) {
	owner, err := s.records.Owner(ctx, fileID)
	if err != nil {
		return nil, err
	}
	if !who.Sees(owner) {
		return nil, &records.FileError{Field: "input_file_id"}
	}
	return s.create(ctx, cmp.Or(owner, who.Key), spec, fileID, "")
}

// create has OpenAI make the batch. One that was made is not lost by what goes wrong behind it.
func (s *Batches) create(ctx context.Context, owner string, spec Spec, fileID, retryOf string) (*Batch, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), follow.CreateTime)
	defer cancel()
	if spec.OutputExpires != nil {
		spec.OutputExpires.Anchor = cmp.Or(spec.OutputExpires.Anchor, "created_at")
	}
	body := struct {
		InputFileID      string            `json:"input_file_id"`
		Endpoint         string            `json:"endpoint"`
		CompletionWindow string            `json:"completion_window"`
		Metadata         map[string]string `json:"metadata,omitempty"`
		OutputExpires    *Expiry           `json:"output_expires_after,omitempty"`
	}{fileID, spec.Endpoint, cmp.Or(spec.CompletionWindow, "24h"), spec.Metadata, spec.OutputExpires}
	var made openai.Batch
	if err := s.api.Post(ctx, "batches", body, &made); err != nil {
		return nil, err
	}
	b, err := s.keep(ctx, owner, &made, spec, retryOf)
	if err != nil {
		s.Log().Error("a new batch is not noted yet; it will be when it is looked at", "batch", made.ID, "err", err)
		b = s.view(&made)
		b.Key, b.RetryOf = owner, cmp.Or(retryOf, b.RetryOf)
	}
	return b, nil
}

// keep notes a new batch, and beside it what OpenAI does not say of one.
func (s *Batches) keep(ctx context.Context, owner string, made *openai.Batch, spec Spec, retryOf string) (*Batch, error) {
	if err := s.records.Own(ctx, owner, made.ID); err != nil {
		return nil, err
	}
	if retryOf != "" {
		if err := s.records.Write(ctx, made.ID, ownRetryOf, retryOf); err != nil {
			return nil, err
		}
	}
	if spec.OutputExpires != nil {
		if err := s.records.Write(ctx, made.ID, ownExpires, strconv.FormatInt(spec.OutputExpires.Seconds, 10)); err != nil {
			return nil, err
		}
	}
	b := s.view(made)
	return b, s.Absorb(ctx, b)
}

// expires reads what keep wrote.
func expires(seconds string) *Expiry {
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return nil
	}
	return &Expiry{Seconds: n}
}

// takeRequests checks and writes requests as lines.
func (c *checker) takeRequests(to io.Writer, requests iter.Seq2[Request, error]) error {
	var line bytes.Buffer
	encode := json.NewEncoder(&line)
	encode.SetEscapeHTML(false)
	for r, err := range requests {
		if err != nil {
			return err
		}
		if c.lines++; c.endpoint == "" && r.URL == "" {
			return &InputError{[]LineError{{Line: 1, Field: "endpoint", Message: "the batch's endpoint is missing"}}}
		}
		r.CustomID = cmp.Or(r.CustomID, fmt.Sprintf("request-%d", c.lines))
		if len(r.Body) == 0 {
			r.Body = json.RawMessage("null")
		}
		r.Method, r.URL = cmp.Or(r.Method, "POST"), cmp.Or(r.URL, c.endpoint)
		line.Reset()
		if err := encode.Encode(r); err != nil {
			return err
		}
		if err := c.take(to, bytes.TrimRight(line.Bytes(), "\n")); err != nil || len(c.errs) >= listedErrors {
			return cmp.Or(err, c.verdict())
		}
	}
	return c.verdict()
}
