package batch

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tidwall/gjson"

	"switchboard/gateway/strict"
	"switchboard/webhooks/jsonl"
)

// MostRequests is how many requests a batch may have.
const MostRequests = 50_000

// OpenAI's limits for an input file, and ours for one line and for the errors that are listed.
const (
	maxLines      = MostRequests
	maxBytes      = 200 << 20
	maxLine       = 16 << 20
	maxCustomID   = 512
	maxEmbeddings = 50_000
	listedErrors  = 100
	longestModel  = 512
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
	bytes    int64 // made so far
	inputs   int   // of embeddings
	errs     []LineError
}

func newChecker(endpoint string) *checker {
	return &checker{endpoint: endpoint, ids: map[string]int{}}
}

// copy checks lines from r into w. The error, if any, is an *InputError, ErrTooLarge, or one of reading or writing.
func (c *checker) copy(w io.Writer, r io.Reader) error {
	in := jsonl.New(io.LimitReader(r, maxBytes+1), maxLine)
	if problem := in.Encoding(); problem != "" {
		c.add(LineError{Line: 1, Message: problem})
		return c.verdict()
	}
	blank := 0
	for {
		line, err := in.Next()
		switch {
		case in.Read() > maxBytes:
			return ErrTooLarge
		case err == io.EOF:
			return c.verdict()
		}
		c.lines++
		switch {
		case errors.Is(err, jsonl.ErrTooLong):
			c.add(LineError{Message: fmt.Sprintf("is longer than %d MiB", maxLine>>20)})
			continue
		case err != nil:
			return fmt.Errorf("read input: %w", err)
		case len(bytes.TrimSpace(line)) == 0:
			if blank == 0 {
				blank = c.lines
			}
			continue
		case blank != 0:
			c.add(LineError{Line: blank, Message: "is empty: remove it; only the end of the file may be blank"})
			blank = 0
		}
		if err := c.take(w, line); err != nil || len(c.errs) >= listedErrors {
			return cmp.Or(err, c.verdict())
		}
	}
}

// take checks a line and writes it.
func (c *checker) take(w io.Writer, line []byte) error {
	if c.bytes += int64(len(line)) + 1; c.bytes > maxBytes {
		return ErrTooLarge
	}
	if c.check(line); len(c.errs) > 0 {
		return nil // nobody will read the file
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("keep input: %w", err)
	}
	return nil
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
	if problem := jsonl.Check(line); problem != "" {
		c.add(LineError{Message: problem})
		return
	}
	request := gjson.ParseBytes(line)
	id := request.Get("custom_id")
	for _, e := range []LineError{c.checkID(id), c.checkTarget(request), c.checkBody(request.Get("body"))} {
		if e.Message != "" {
			e.CustomID = strings.Clone(strict.Clip(id.Str, longestShown))
			c.add(e)
			return
		}
	}
}

// longestShown is how much of a value an error repeats.
const longestShown = 100

// shown names a value in an error.
func shown(field, value string) string {
	return fmt.Sprintf("%s %q", field, strict.Clip(value, longestShown))
}

func (c *checker) checkID(id gjson.Result) LineError {
	e := LineError{Field: "custom_id"}
	switch first := c.ids[id.Str]; {
	case id.Type != gjson.String || id.Str == "":
		e.Message = "custom_id must be a text"
	case len(id.Str) > maxCustomID:
		e.Message = fmt.Sprintf("custom_id is longer than %d bytes", maxCustomID)
	case first != 0:
		e.Message = fmt.Sprintf("%s is that of line %d too", shown("custom_id", id.Str), first)
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
	switch {
	case c.endpoint == "" && endpoints[url]:
		c.endpoint = strings.Clone(url)
	case !endpoints[url]:
		return LineError{Field: "url", Message: shown("url", url) + " is no endpoint of the Batch API"}
	case url != c.endpoint:
		return LineError{Field: "url", Message: shown("url", url) + " is not the batch's endpoint " + c.endpoint}
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
	if len(model) > longestModel {
		return LineError{Field: "body.model", Message: fmt.Sprintf("model is longer than %d bytes", longestModel)}
	}
	if c.model == "" {
		c.model = strings.Clone(model)
	}
	if model != c.model {
		return LineError{Field: "body.model", Message: shown("model", model) + " is not the first line's " + shown("model", c.model) + "; a batch has one model"}
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
