package batch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// OpenAI's limits for an input file, and ours for one line and for the errors that are listed.
const (
	maxLines      = 50_000
	maxBytes      = 200 << 20
	maxLine       = 16 << 20
	maxCustomID   = 512
	maxEmbeddings = 50_000
	listedErrors  = 100
)

// ErrTooLarge says that an input file is over the Batch API's limit.
var ErrTooLarge = fmt.Errorf("an input file has at most %d MB", maxBytes>>20)

// endpoints are those that the Batch API takes.
var endpoints = map[string]bool{
	"/v1/responses": true, "/v1/chat/completions": true, "/v1/embeddings": true, "/v1/completions": true,
	"/v1/moderations": true, "/v1/images/generations": true, "/v1/images/edits": true, "/v1/videos": true,
}

// LineError says what is wrong with a line of an input file.
type LineError struct {
	Line     int    `json:"line"`
	CustomID string `json:"custom_id,omitempty"`
	Field    string `json:"field,omitempty"`
	Message  string `json:"message"`
}

// InputError lists what is wrong with an input file: the first hundred lines.
type InputError struct{ Lines []LineError }

// Error gives the first line that is wrong and counts the others that are listed.
func (e *InputError) Error() string {
	first := e.Lines[0]
	if len(e.Lines) == 1 {
		return fmt.Sprintf("line %d: %s", first.Line, first.Message)
	}
	return fmt.Sprintf("line %d: %s (and %d more lines)", first.Line, first.Message, len(e.Lines)-1)
}

// checker reads an input file line by line and keeps of it what later lines are checked against.
type checker struct {
	endpoint string // of all lines; "" until known
	model    string // of the first line
	ids      map[string]int
	lines    int
	inputs   int // of embeddings
	errs     []LineError
}

func newChecker(endpoint string) *checker {
	return &checker{endpoint: endpoint, ids: map[string]int{}}
}

// copy checks lines from r into w. The error, if any, is an *InputError, ErrTooLarge, or one of reading or writing.
func (c *checker) copy(w io.Writer, r io.Reader) error {
	in := newLineReader(io.LimitReader(r, maxBytes+1))
	blank := 0
	for {
		line, err := in.next()
		switch {
		case in.read > maxBytes:
			return ErrTooLarge
		case err == io.EOF:
			return c.verdict()
		}
		c.lines++
		switch {
		case errors.Is(err, errLineTooLong):
			c.add(LineError{Message: fmt.Sprintf("is longer than %d MiB", maxLine>>20)})
		case err != nil:
			return fmt.Errorf("read input: %w", err)
		case len(bytes.TrimSpace(line)) == 0:
			blank = c.lines
			continue
		case blank != 0:
			c.add(LineError{Line: blank, Message: "is empty"})
			blank = 0
			c.check(line)
		default:
			c.check(line)
		}
		if len(c.errs) >= listedErrors {
			return c.verdict()
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("keep input: %w", err)
		}
	}
}

func (c *checker) verdict() error {
	if len(c.ids) == 0 && len(c.errs) == 0 {
		c.add(LineError{Line: 1, Message: "the file has no requests"})
	}
	if len(c.errs) > 0 {
		return &InputError{c.errs}
	}
	return nil
}

func (c *checker) add(e LineError) {
	if e.Line == 0 {
		e.Line = c.lines
	}
	c.errs = append(c.errs, e)
}

// check finds the first thing wrong with a line.
func (c *checker) check(line []byte) {
	if c.lines > maxLines {
		if c.lines == maxLines+1 {
			c.add(LineError{Message: fmt.Sprintf("a batch has at most %d requests", maxLines)})
		}
		return
	}
	if !utf8.Valid(line) || !json.Valid(line) { // gjson's own check has no bound in depth
		c.add(LineError{Message: "is not JSON"})
		return
	}
	request := gjson.ParseBytes(line)
	if !request.IsObject() {
		c.add(LineError{Message: "is not a JSON object"})
		return
	}
	id := request.Get("custom_id")
	for _, e := range []LineError{c.checkID(id), c.checkTarget(request), c.checkBody(request.Get("body"))} {
		if e.Message != "" {
			e.CustomID = id.Str[:min(len(id.Str), maxCustomID)]
			c.add(e)
			return
		}
	}
}

func (c *checker) checkID(id gjson.Result) LineError {
	e := LineError{Field: "custom_id"}
	switch first := c.ids[id.Str]; {
	case id.Type != gjson.String || id.Str == "":
		e.Message = "custom_id must be a text"
	case len(id.Str) > maxCustomID:
		e.Message = fmt.Sprintf("custom_id is longer than %d bytes", maxCustomID)
	case first != 0:
		e.Message = fmt.Sprintf("custom_id %q is that of line %d too", id.Str, first)
	default:
		c.ids[strings.Clone(id.Str)] = c.lines
	}
	return e
}

func (c *checker) checkTarget(request gjson.Result) LineError {
	if request.Get("method").Str != "POST" {
		return LineError{Field: "method", Message: "method must be POST"}
	}
	url := request.Get("url").Str
	if c.endpoint == "" {
		c.endpoint = strings.Clone(url)
	}
	switch {
	case !endpoints[url]:
		return LineError{Field: "url", Message: fmt.Sprintf("url %q is no endpoint of the Batch API", url)}
	case url != c.endpoint:
		return LineError{Field: "url", Message: fmt.Sprintf("url %q is not the batch's endpoint %s", url, c.endpoint)}
	}
	return LineError{}
}

func (c *checker) checkBody(body gjson.Result) LineError {
	if !body.IsObject() {
		return LineError{Field: "body", Message: "body must be an object"}
	}
	if body.Get("stream").Bool() {
		return LineError{Field: "body.stream", Message: "a batch does not stream"}
	}
	model := body.Get("model").Str
	if c.model == "" {
		c.model = strings.Clone(model)
	}
	if model != c.model {
		return LineError{Field: "body.model", Message: fmt.Sprintf("model %q is not the first line's %q; a batch has one model", model, c.model)}
	}
	if c.endpoint == "/v1/embeddings" {
		c.inputs += countInputs(body.Get("input"))
		if c.inputs > maxEmbeddings {
			return LineError{Field: "body.input", Message: fmt.Sprintf("a batch has at most %d embedding inputs", maxEmbeddings)}
		}
	}
	return LineError{}
}

// countInputs counts what an embeddings request embeds: a text and a list of tokens are one, other lists as many.
func countInputs(input gjson.Result) int {
	if !input.IsArray() || input.Get("0").Type == gjson.Number {
		return 1
	}
	return int(input.Get("#").Int())
}

var errLineTooLong = errors.New("batch: line too long")

// lineReader reads lines into one buffer that grows to the longest line.
type lineReader struct {
	r    *bufio.Reader
	buf  []byte
	read int64 // bytes so far
}

func newLineReader(r io.Reader) *lineReader { return &lineReader{r: bufio.NewReaderSize(r, 64<<10)} }

// next returns a line without its end, valid until the next call. A line that is too long is skipped.
func (l *lineReader) next() ([]byte, error) {
	l.buf = l.buf[:0]
	tooLong := false
	for {
		part, err := l.r.ReadSlice('\n')
		l.read += int64(len(part))
		if tooLong = tooLong || len(l.buf)+len(part) > maxLine; !tooLong {
			l.buf = append(l.buf, part...)
		}
		switch {
		case err == bufio.ErrBufferFull:
		case err == io.EOF && len(l.buf) == 0 && !tooLong:
			return nil, io.EOF
		case err != nil && err != io.EOF:
			return nil, err
		case tooLong:
			return nil, errLineTooLong
		default:
			return bytes.TrimRight(l.buf, "\r\n"), nil
		}
	}
}
