package batch

import (
	"context"
	"errors"
	"io"
	"maps"

	"github.com/tidwall/gjson"

	"switchboard/webhooks/spool"
)

// Errors of Retry.
var (
	ErrRunning   = errors.New("the batch is still running")
	ErrNoneLeft  = errors.New("every request of the batch succeeded")
	ErrNothingOK = errors.New("the input itself was refused; correct it and submit it anew")
)

// Retry makes a new batch of the requests that did not succeed: those that failed, and those that an expired or
// cancelled batch never got to.
func (s *Batches) Retry(ctx context.Context, id string) (*Batch, error) {
	b, err := s.Get(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case !b.Ended():
		return nil, ErrRunning
	case b.Status == "failed":
		return nil, ErrNothingOK
	}
	done, err := s.succeeded(ctx, b)
	if err != nil {
		return nil, err
	}
	lines, err := spool.New()
	if err != nil {
		return nil, err
	}
	defer lines.Remove()
	left, err := s.copyLeft(ctx, b, done, lines)
	if err != nil {
		return nil, err
	}
	if left == 0 {
		return nil, ErrNoneLeft
	}
	metadata := map[string]string{}
	maps.Copy(metadata, b.Metadata)
	metadata[retryOf] = b.ID
	return s.send(ctx, Spec{Endpoint: b.Endpoint, CompletionWindow: b.CompletionWindow, Metadata: metadata}, lines)
}

// succeeded lists the custom_ids of requests that were answered well.
func (s *Batches) succeeded(ctx context.Context, b *Batch) (map[string]bool, error) {
	done := map[string]bool{}
	if b.OutputFileID == "" {
		return done, nil
	}
	body, err := s.content(ctx, b.OutputFileID)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return done, eachLine(body, func(_ int, line []byte) (bool, error) {
		f := gjson.GetManyBytes(line, "custom_id", "response.status_code", "error")
		if f[1].Int() < 300 && f[1].Int() >= 200 && !f[2].IsObject() {
			done[f[0].String()] = true
		}
		return true, nil
	})
}

// copyLeft copies the requests of the input that are not done and counts them.
func (s *Batches) copyLeft(ctx context.Context, b *Batch, done map[string]bool, to io.Writer) (left int, err error) {
	body, err := s.content(ctx, b.InputFileID)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	err = eachLine(body, func(_ int, line []byte) (bool, error) {
		if done[gjson.GetBytes(line, "custom_id").String()] {
			return true, nil
		}
		left++
		_, err := to.Write(append(line, '\n'))
		return true, err
	})
	return left, err
}
