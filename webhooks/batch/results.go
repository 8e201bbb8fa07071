package batch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"switchboard/webhooks/records"
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
	Skip, Limit int    // lines; Limit 0 reads to the end
	Requests    bool   // join each with its request and the request's line
	Original    bool   // as OpenAI wrote them
	Search      string // only those whose custom_id contains it, whatever the case; Skip and Limit count these
}

// Lines is a result file being read. Close it.
type Lines struct {
	body   io.ReadCloser // nil: the file is empty
	inputs *inputIndex   // nil: not joined
	o      Reading
}

// Open finds the result file of a batch. A batch that expired or was cancelled has what was done until then.
func (s *Batches) Open(ctx context.Context, who records.Viewer, id string, kind Kind, o Reading) (*Lines, error) {
	b, err := s.Get(ctx, who, id)
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
		l.inputs.lines.Close()
	}
	if l.body == nil {
		return nil
	}
	return l.body.Close()
}

// WriteTo writes one JSON object per line: custom_id, status_code, request_id, response, error, and with
// Reading.Requests also line and request. Lines may have any length: they pass in parts. An error means that lines are
// missing.
func (l *Lines) WriteTo(w io.Writer) (int64, error) {
	if l.body == nil {
		return 0, nil
	}
	out := &counted{Writer: bufio.NewWriterSize(w, 64<<10)}
	write := newJoiner(out, l.inputs).write
	if l.o.Original {
		write = out.original
	}
	each := eachPart
	if l.o.Search != "" {
		each = found(l.o.Search)
	}
	err := each(l.body, func(n int, part []byte, end bool) error {
		if n <= l.o.Skip {
			return nil
		}
		if err := write(part, end); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if end && l.o.Limit > 0 && n == l.o.Skip+l.o.Limit {
			return errEnough
		}
		return nil
	})
	return out.n, errors.Join(err, out.Flush())
}

// counted counts what is written.
type counted struct {
	*bufio.Writer
	n int64
}

// Write counts.
func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n += int64(n)
	return n, err
}

// original writes a part as it came.
func (c *counted) original(part []byte, end bool) error {
	_, err := c.Write(part)
	if end && err == nil {
		_, err = c.Write([]byte{'\n'})
	}
	return err
}

// joiner writes lines in this gateway's form, each member as soon as it comes.
type joiner struct {
	out    io.Writer
	inputs *inputIndex
	scan   *scanner
	id     captured
	told   map[string]bool // of the line
}

// joined are the members of a result line, and what they are called here.
var joined = []struct{ from, to string }{
	{"custom_id", "custom_id"}, {"response.status_code", "status_code"}, {"response.request_id", "request_id"},
	{"response.body", "response"}, {"error", "error"},
}

func newJoiner(out io.Writer, inputs *inputIndex) *joiner {
	j := &joiner{out: out, inputs: inputs, told: map[string]bool{}}
	j.scan = newScanner(j.member, "custom_id", "response.status_code", "response.request_id", "response.body", "error")
	return j
}

// write goes on by a part of a line.
func (j *joiner) write(part []byte, end bool) error {
	if err := j.scan.feed(part); err != nil || !end {
		return err
	}
	if err := j.scan.end(); err != nil {
		return err
	}
	for _, m := range joined {
		if !j.told[m.from] {
			if err := j.member(m.from, []byte("null"), true); err != nil {
				return err
			}
		}
	}
	clear(j.told)
	_, err := io.WriteString(j.out, "}\n")
	return err
}

// member writes a part of a member's value.
func (j *joiner) member(name string, part []byte, last bool) (err error) {
	if !j.told[name] {
		opening := byte(',')
		if len(j.told) == 0 {
			opening = '{'
		}
		j.told[name] = true
		for _, m := range joined {
			if m.from == name {
				_, err = fmt.Fprintf(j.out, `%c"%s":`, opening, m.to)
			}
		}
		j.id.reset()
	}
	if err == nil {
		_, err = j.out.Write(part)
	}
	if name != "custom_id" || j.inputs == nil || err != nil {
		return err
	}
	if j.id.add(part); last {
		err = j.inputs.write(j.out, j.id.string())
	}
	return err
}

func (s *Batches) content(ctx context.Context, fileID string) (io.ReadCloser, error) {
	resp, err := s.api.Files.Content(ctx, fileID)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// inputIndex finds requests by custom_id in a copy of the input file's bodies on disk.
type inputIndex struct {
	lines *spool.File
	at    map[string]span
}

type span struct {
	line           int
	offset, length int64
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
	if err = errors.Join(x.read(body), lines.Flush()); err != nil {
		lines.Close()
		return nil, err
	}
	return x, nil
}

func (x *inputIndex) read(input io.Reader) error {
	var id captured
	start := x.lines.Size()
	scan := newScanner(func(name string, part []byte, _ bool) (err error) {
		if name == "body" {
			_, err = x.lines.Write(part)
		} else {
			id.add(part)
		}
		return err
	}, "custom_id", "body")
	return eachPartInTurn(input, func(n int, part []byte, end bool) error {
		if err := scan.feed(part); err != nil || !end {
			return err
		}
		if scan.end() == nil {
			x.at[id.string()] = span{n, start, x.lines.Size() - start}
		}
		id.reset()
		start = x.lines.Size()
		return nil
	})
}

// write adds a request and its line to an object; one that is not in the input has line 0.
func (x *inputIndex) write(w io.Writer, customID string) error {
	at := x.at[customID]
	if _, err := fmt.Fprintf(w, `,"line":%d,"request":`, at.line); err != nil {
		return err
	}
	if at.length == 0 {
		_, err := io.WriteString(w, "null")
		return err
	}
	_, err := io.Copy(w, io.NewSectionReader(x.lines, at.offset, at.length))
	return err
}
