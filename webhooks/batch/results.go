package batch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tidwall/gjson"

	"switchboard/webhooks/spool"
)

// ErrNotReady says that a batch has no such file yet.
var ErrNotReady = errors.New("the batch is still running; results come when it has ended")

// Kind selects a batch's result file.
type Kind string

// The two result files of a batch.
const (
	Results Kind = "results" // answered requests
	Errors  Kind = "errors"  // requests that failed, were cancelled or expired
)

// Reading says which lines to read and how.
type Reading struct {
	Skip, Limit int  // lines; Limit 0 reads to the end
	Requests    bool // join each with its request and the request's line
}

// Lines is a result file being read. Close it.
type Lines struct {
	body   io.ReadCloser // nil: the file is empty
	inputs *inputIndex   // nil: not joined
	o      Reading
}

// Open finds the result file of a batch. A batch that expired or was cancelled has what was done until then.
func (s *Batches) Open(ctx context.Context, id string, kind Kind, o Reading) (*Lines, error) {
	b, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	file := b.OutputFileID
	if kind == Errors {
		file = b.ErrorFileID
	}
	if file == "" {
		if !b.Ended() {
			return nil, ErrNotReady
		}
		return &Lines{}, nil
	}
	l := &Lines{o: o}
	if o.Requests {
		if l.inputs, err = s.indexInputs(ctx, b.InputFileID); err != nil {
			return nil, err
		}
	}
	if l.body, err = s.content(ctx, file); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Close ends the reading.
func (l *Lines) Close() error {
	if l.inputs != nil {
		l.inputs.close()
	}
	if l.body == nil {
		return nil
	}
	return l.body.Close()
}

// WriteTo writes one JSON object per line: custom_id, status_code, request_id, response, error, and with
// Reading.Requests also line and request. It holds one line in memory. An error means that lines are missing.
func (l *Lines) WriteTo(w io.Writer) (int64, error) {
	if l.body == nil {
		return 0, nil
	}
	out := bufio.NewWriterSize(w, 64<<10)
	var total int64
	var buf []byte
	err := eachLine(l.body, func(n int, line []byte) (bool, error) {
		if n <= l.o.Skip {
			return true, nil
		}
		joined, err := l.join(buf[:0], line)
		if err != nil {
			return false, err
		}
		buf = joined
		total += int64(len(buf))
		_, err = out.Write(buf)
		return l.o.Limit == 0 || n < l.o.Skip+l.o.Limit, err
	})
	return total, errors.Join(err, out.Flush())
}

// join appends the line in this gateway's form to dst.
func (l *Lines) join(dst, line []byte) ([]byte, error) {
	fields := gjson.GetManyBytes(line, "custom_id", "response.status_code", "response.request_id", "response.body", "error")
	dst = append(dst, `{"custom_id":`...)
	dst = appendRaw(dst, fields[0])
	if l.inputs != nil {
		n, request, err := l.inputs.find(fields[0].Str)
		if err != nil {
			return nil, err
		}
		dst = fmt.Appendf(dst, `,"line":%d,"request":`, n)
		dst = appendRaw(dst, gjson.GetBytes(request, "body"))
	}
	for i, name := range []string{`,"status_code":`, `,"request_id":`, `,"response":`, `,"error":`} {
		dst = append(dst, name...)
		dst = appendRaw(dst, fields[i+1])
	}
	return append(dst, '}', '\n'), nil
}

func appendRaw(dst []byte, v gjson.Result) []byte {
	if !v.Exists() {
		return append(dst, "null"...)
	}
	return append(dst, v.Raw...)
}

// eachLine calls do with every line that is not blank, numbered from 1, until it returns false or an error.
func eachLine(r io.Reader, do func(n int, line []byte) (bool, error)) error {
	in := newLineReader(r)
	for n := 1; ; {
		line, err := in.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read lines: %w", err)
		}
		if len(line) == 0 {
			continue
		}
		more, err := do(n, line)
		if err != nil || !more {
			return err
		}
		n++
	}
}

func (s *Batches) content(ctx context.Context, fileID string) (io.ReadCloser, error) {
	resp, err := s.api.Files.Content(ctx, fileID)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// inputIndex finds requests by custom_id in a copy of the input file on disk.
type inputIndex struct {
	lines *spool.File
	at    map[string]span
}

type span struct {
	line   int
	offset int64
	length int
}

func (s *Batches) indexInputs(ctx context.Context, fileID string) (*inputIndex, error) {
	body, err := s.content(ctx, fileID)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	lines, err := spool.New()
	if err != nil {
		return nil, err
	}
	x := &inputIndex{lines: lines, at: map[string]span{}}
	err = eachLine(body, func(n int, line []byte) (bool, error) {
		x.at[gjson.GetBytes(line, "custom_id").String()] = span{n, lines.Size(), len(line)}
		_, err := lines.Write(line)
		return true, err
	})
	if err = errors.Join(err, lines.Flush()); err != nil {
		x.close()
		return nil, err
	}
	return x, nil
}

// find reads a request; one that is not in the input has line 0.
func (x *inputIndex) find(customID string) (line int, request []byte, err error) {
	at, ok := x.at[customID]
	if !ok {
		return 0, nil, nil
	}
	request = make([]byte, at.length)
	_, err = x.lines.ReadAt(request, at.offset)
	return at.line, request, err
}

func (x *inputIndex) close() { x.lines.Remove() }
