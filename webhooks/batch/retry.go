package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/openai/openai-go/v3"

	"switchboard/webhooks/follow"
	"switchboard/webhooks/records"
	"switchboard/webhooks/spool"
)

// Errors of Retry.
var (
	ErrRunning   = errors.New("the batch is still running")
	ErrNoneLeft  = errors.New("every request of the batch succeeded")
	ErrNothingOK = errors.New("the input itself was refused; correct it and submit it anew")
	ErrInputGone = errors.New("OpenAI no longer has the batch's input or output file")
)

// What a record says of a batch's retry: the input file that was made of the requests which are left, before the new
// batch is, and then that batch. A process that ends between the two leaves a trace by which the batch is found.
const (
	ownRetryFile  = "retry_file"
	ownRetryBatch = "retry_batch"
	ownRetryOf    = "retry_of"
	ownExpires    = "output_expires"

	maxMetadata = 16 // entries that OpenAI keeps
	retryWait   = 30 * time.Second
)

// Retry makes a new batch of the requests that did not succeed: those that failed, and those that an expired or
// cancelled batch never got to. Asked again, at once or later, on any node, it returns the same new batch, with Repeated
// set; only if that one was refused as a whole another is made.
func (s *Batches) Retry(ctx context.Context, who records.Viewer, id string) (b *Batch, err error) {
	old, err := s.Get(ctx, who, id)
	switch {
	case err != nil:
		return nil, err
	case !old.Ended():
		return nil, ErrRunning
	case old.Status == "failed" && slices.ContainsFunc(old.Errors, func(e InputProblem) bool { return e.Line > 0 }):
		return nil, ErrNothingOK
	}
	waiting, cancel := context.WithTimeout(ctx, retryWait)
	defer cancel()
	err = s.records.Alone(waiting, "retry:"+id, func(ctx context.Context) error {
		b, err = s.retryOnce(ctx, who, old)
		return err
	})
	return b, err
}

// retryOnce finds the batch that an earlier call made, or makes one.
func (s *Batches) retryOnce(ctx context.Context, who records.Viewer, old *Batch) (*Batch, error) {
	record, err := s.records.Get(ctx, old.ID)
	if err != nil {
		return nil, err
	}
	file := record.Own[ownRetryFile]
	if file != "" {
		made, err := s.retried(ctx, record)
		if err != nil {
			return nil, err
		}
		if made != nil && made.Status != "failed" {
			made.Repeated = true
			return made, s.noteRetry(ctx, old, made)
		}
		if made != nil || !s.has(ctx, file) {
			file = ""
		}
	}
	owner := old.Key
	if owner == "" {
		owner = who.Key
	}
	spec := Spec{Endpoint: old.Endpoint, CompletionWindow: old.CompletionWindow, Metadata: retryMetadata(old), OutputExpires: expires(record.Own[ownExpires])}
	if file == "" {
		if file, err = s.uploadLeft(ctx, owner, old); err != nil {
			return nil, err
		}
		if err := s.records.Write(ctx, old.ID, ownRetryFile, file); err != nil {
			s.DeleteFile(ctx, file)
			return nil, err
		}
	}
	b, err := s.create(ctx, owner, spec, file, old.ID)
	if err != nil {
		s.DeleteFile(ctx, file)
		return nil, errors.Join(err, s.records.Forget(ctx, old.ID, ownRetryFile))
	}
	return b, s.noteRetry(ctx, old, b)
}

// noteRetry writes beside a batch which one retries it, and shows it on pages.
func (s *Batches) noteRetry(ctx context.Context, old, made *Batch) error {
	if err := s.records.Write(ctx, old.ID, ownRetryBatch, made.ID); err != nil {
		return err
	}
	if old.RetriedBy != made.ID {
		old.RetriedBy = made.ID
		s.Show(ctx, "updated", old.Key, old)
	}
	return nil
}

// retryMetadata is the old batch's, and which batch that was if there is room for it; the record says it in any case.
func retryMetadata(old *Batch) map[string]string {
	metadata := map[string]string{}
	maps.Copy(metadata, old.Metadata)
	if _, there := metadata[retryOf]; there || len(metadata) < maxMetadata {
		metadata[retryOf] = old.ID
	}
	return metadata
}

// retried finds the batch that was made of a retry's file; nil if there is none.
func (s *Batches) retried(ctx context.Context, old records.Record) (*Batch, error) {
	if id := old.Own[ownRetryBatch]; id != "" {
		b, err := s.Get(ctx, records.Everyone, id)
		if follow.Gone(err) {
			return nil, nil
		}
		return b, err
	}
	// The process that made the file ended before it could say what it made of it.
	pages := s.api.Batches.ListAutoPaging(ctx, openai.BatchListParams{Limit: openai.Int(100)})
	for n := 0; n < lookedThrough && pages.Next(); n++ {
		if b := pages.Current(); b.InputFileID == old.Own[ownRetryFile] {
			made := s.view(&b)
			return made, s.Absorb(ctx, made)
		}
	}
	return nil, pages.Err()
}

// lookedThrough is how many of the newest batches may hold a retry that was lost sight of.
const lookedThrough = 500

func (s *Batches) has(ctx context.Context, file string) bool {
	_, err := s.api.Files.Get(ctx, file)
	return !follow.Gone(err)
}

// uploadLeft gives OpenAI the requests that are to be run again.
func (s *Batches) uploadLeft(ctx context.Context, owner string, old *Batch) (file string, err error) {
	done, err := s.succeeded(ctx, old)
	if err != nil {
		return "", lost(err)
	}
	lines, err := spool.New()
	if err != nil {
		return "", err
	}
	defer lines.Close()
	left, err := s.copyLeft(ctx, old, done, lines)
	if err != nil {
		return "", lost(err)
	}
	if left == 0 {
		return "", ErrNoneLeft
	}
	return s.upload(ctx, owner, lines)
}

// lost names what is meant by a file that is not there.
func lost(err error) error {
	if follow.Gone(err) {
		return ErrInputGone
	}
	return err
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
	values := map[string]*captured{"custom_id": {}, "response.status_code": {}, "error": {}}
	scan := newScanner(func(name string, part []byte, _ bool) error {
		values[name].add(part)
		return nil
	}, "custom_id", "response.status_code", "error")
	return done, eachPartInTurn(body, func(n int, part []byte, end bool) error {
		if err := scan.feed(part); err != nil || !end {
			return err
		}
		if err := scan.end(); err != nil {
			return fmt.Errorf("output line %d: %w", n, err)
		}
		status, failed := values["response.status_code"], values["error"]
		if len(status.raw) >= 3 && status.raw[0] == '2' && (len(failed.raw) == 0 || failed.raw[0] != '{') {
			done[values["custom_id"].string()] = true
		}
		for _, v := range values {
			v.reset()
		}
		return nil
	})
}

// copyLeft copies the requests of the input that are not done and counts them. A line is written as it comes, and taken
// back if its custom_id says that it is done.
func (s *Batches) copyLeft(ctx context.Context, b *Batch, done map[string]bool, to *spool.File) (left int, err error) {
	body, err := s.content(ctx, b.InputFileID)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	return copyUndone(body, done, to)
}

func copyUndone(input io.Reader, done map[string]bool, to *spool.File) (left int, err error) {
	var id captured
	var start int64
	scan := newScanner(func(_ string, part []byte, _ bool) error {
		id.add(part)
		return nil
	}, "custom_id")
	err = eachPartInTurn(input, func(n int, part []byte, end bool) error {
		if err := scan.feed(part); err != nil {
			return err
		}
		if _, err := to.Write(part); err != nil || !end {
			return err
		}
		if err := scan.end(); err != nil {
			return fmt.Errorf("input line %d: %w", n, err)
		}
		if done[id.string()] {
			err = to.Cut(start)
		} else {
			left++
			_, err = to.Write([]byte{'\n'})
		}
		id.reset()
		start = to.Size()
		return err
	})
	return left, err
}
