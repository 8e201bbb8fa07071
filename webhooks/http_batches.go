package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"switchboard/webhooks/batch"
)

const (
	largestJSON   = 32 << 20  // of a batch given as JSON; larger ones are uploaded
	largestUpload = 201 << 20 // the Batch API's 200 MB and a form around them
	largestField  = 64 << 10
	stalled       = 30 * time.Second // without a byte, either way

	curlsDefault = "application/x-www-form-urlencoded" // of curl -d, which is JSON here as everywhere else in the gateway
)

type (
	idInput struct {
		ID string `path:"id" maxLength:"256"`
	}
	pageInput struct {
		After string `query:"after" doc:"next of the page before"`
		Limit int64  `query:"limit" minimum:"1" maximum:"100" default:"20"`
	}
	batchOutput     struct{ Body *batch.Batch }
	batchListOutput struct {
		Body struct {
			Batches []*batch.Batch `json:"batches" nullable:"false" doc:"Newest first"`
			Next    string         `json:"next,omitempty"`
		}
	}
)

func (s *Office) listBatches(ctx context.Context, in *pageInput) (*batchListOutput, error) {
	var out batchListOutput
	var err error
	out.Body.Batches, out.Body.Next, err = s.batches.List(ctx, in.After, in.Limit)
	if out.Body.Batches == nil {
		out.Body.Batches = []*batch.Batch{}
	}
	return &out, err
}

func (s *Office) getBatch(ctx context.Context, in *idInput) (*batchOutput, error) {
	b, err := s.batches.Get(ctx, in.ID)
	return &batchOutput{b}, err
}

func (s *Office) cancelBatch(ctx context.Context, in *idInput) (*batchOutput, error) {
	b, err := s.batches.Cancel(ctx, in.ID)
	return &batchOutput{b}, err
}

func (s *Office) retryBatch(ctx context.Context, in *idInput) (*batchOutput, error) {
	b, err := s.batches.Retry(ctx, in.ID)
	return &batchOutput{b}, err
}

// submission is a batch given as JSON.
type submission struct {
	Endpoint         string            `json:"endpoint,omitempty" doc:"Of all requests; left out if they say it"`
	Requests         []batch.Request   `json:"requests,omitempty" doc:"Or input_file_id"`
	InputFileID      string            `json:"input_file_id,omitempty" doc:"Of a file that OpenAI has"`
	CompletionWindow string            `json:"completion_window,omitempty" doc:"24h if left out"`
	Metadata         map[string]string `json:"metadata,omitempty" doc:"At most 16, kept by OpenAI"`
	OutputExpires    int64             `json:"output_expires_after_seconds,omitempty" doc:"From an hour to 30 days; left out: OpenAI's default"`
}

func (sub *submission) spec() batch.Spec {
	return batch.Spec{
		Endpoint: sub.Endpoint, CompletionWindow: sub.CompletionWindow, Metadata: sub.Metadata,
		OutputExpires: time.Duration(sub.OutputExpires) * time.Second,
	}
}

// submitBatch takes a batch as JSON, as a form with a file, or as the lines themselves.
func (s *Office) submitBatch(c *gin.Context) {
	kind, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type"))
	body := patientReader{http.MaxBytesReader(c.Writer, c.Request.Body, largestUpload), http.NewResponseController(c.Writer)}
	var b *batch.Batch
	var err error
	switch kind {
	case "application/json", curlsDefault:
		b, err = s.submitJSON(c.Request.Context(), body)
	case "multipart/form-data":
		b, err = s.submitForm(c.Request, body)
	case "application/jsonl", "application/x-ndjson", "application/x-jsonlines", "text/plain":
		b, err = s.batches.SubmitFile(c.Request.Context(), batch.Spec{Endpoint: c.Query("endpoint")}, body.toEnd(body))
	default:
		err = huma.NewError(415, "send application/json, multipart/form-data or application/jsonl")
	}
	respond(c, b, err)
}

func respond(c *gin.Context, created any, err error) {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		err = batch.ErrTooLarge
	}
	if err != nil {
		send(c.Writer, problemOf(err))
		return
	}
	c.JSON(http.StatusCreated, created)
}

func (s *Office) submitJSON(ctx context.Context, body patientReader) (*batch.Batch, error) {
	var sub submission
	if err := readJSON(body, largestJSON, &sub); err != nil {
		return nil, err
	}
	if sub.InputFileID != "" {
		if len(sub.Requests) > 0 {
			return nil, huma.NewError(422, "give requests or input_file_id, not both")
		}
		return s.batches.SubmitUploaded(ctx, sub.spec(), sub.InputFileID)
	}
	return s.batches.SubmitRequests(ctx, sub.spec(), sub.Requests)
}

// readJSON reads a body whole; what is wrong with it is named.
func readJSON(body patientReader, limit int64, into any) error {
	raw, err := io.ReadAll(body.toEnd(io.LimitReader(body, limit+1)))
	switch {
	case err != nil:
		return err
	case int64(len(raw)) > limit:
		return huma.NewError(413, fmt.Sprintf("a body of JSON has at most %d KiB; what is larger is uploaded as a file", limit>>10))
	case !utf8.Valid(raw):
		return huma.NewError(400, "the body is not UTF-8")
	}
	err = json.Unmarshal(raw, into)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		location := strings.TrimSuffix("body."+wrong.Field, ".")
		message := "cannot be of JSON type " + wrong.Value
		return huma.NewError(422, location+" "+message, &huma.ErrorDetail{Location: location, Message: message})
	}
	if err != nil {
		return huma.NewError(400, "the body is not JSON: "+err.Error())
	}
	return nil
}

func (s *Office) submitForm(r *http.Request, body patientReader) (*batch.Batch, error) {
	fields, file, err := openForm(r, body)
	if err != nil {
		return nil, err
	}
	sub := submission{Endpoint: fields["endpoint"], CompletionWindow: fields["completion_window"]}
	if m := fields["metadata"]; m != "" && json.Unmarshal([]byte(m), &sub.Metadata) != nil {
		return nil, huma.NewError(400, "metadata must be a JSON object of texts")
	}
	return s.batches.SubmitFile(r.Context(), sub.spec(), body.toEnd(file))
}

// openForm reads a form's fields up to its file, which is then read as it comes in.
func openForm(r *http.Request, body io.Reader) (map[string]string, *lastPart, error) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return nil, nil, huma.NewError(400, "the form has no boundary")
	}
	form := multipart.NewReader(body, params["boundary"])
	fields := map[string]string{}
	for {
		part, err := form.NextPart()
		if err != nil {
			return nil, nil, huma.NewError(400, "the form has no field named file")
		}
		if part.FormName() == "file" {
			return fields, &lastPart{Part: part, form: form}, nil
		}
		value, err := io.ReadAll(io.LimitReader(part, largestField))
		if err != nil || len(fields) > 20 {
			return nil, nil, huma.NewError(400, "the form cannot be read")
		}
		fields[part.FormName()] = string(value)
	}
}

// lastPart is a form's file. A field that comes after it would come too late: it is refused, not ignored.
type lastPart struct {
	*multipart.Part
	form *multipart.Reader
	end  error // once it was reached: the form's reader tells it once
}

// Read returns io.EOF at the file's end if the form ends there, too.
func (p *lastPart) Read(b []byte) (int, error) {
	if p.end != nil {
		return 0, p.end
	}
	n, err := p.Part.Read(b)
	if err != io.EOF {
		return n, err
	}
	next, end := p.form.NextPart() // io.EOF, or where the form was cut off
	if end == nil {
		end = huma.NewError(400, fmt.Sprintf("the form's field %q comes after its file: put the file last", next.FormName()))
	}
	p.end = end
	return n, end
}

// batchLines streams results or errors. A stream that breaks off breaks the connection, so that nobody takes a part for
// the whole.
func (s *Office) batchLines(c *gin.Context) {
	kind := batch.Results
	if c.FullPath() == "/api/batches/:id/errors" {
		kind = batch.Errors
	}
	o, err := readingOf(c)
	var lines *batch.Lines
	if err == nil {
		lines, err = s.batches.Open(c.Request.Context(), c.Param("id"), kind, o)
	}
	if err != nil {
		send(c.Writer, problemOf(err))
		return
	}
	defer lines.Close()
	c.Header("Content-Type", "application/x-ndjson")
	c.Status(http.StatusOK)
	out := patientWriter{c.Writer, http.NewResponseController(c.Writer)}
	if _, err := lines.WriteTo(out); err != nil {
		panic(http.ErrAbortHandler)
	}
	_ = out.control.SetWriteDeadline(time.Time{}) // the connection is used again
}

// readingOf reads the query of a stream of lines.
func readingOf(c *gin.Context) (o batch.Reading, err error) {
	switch c.Query("include") {
	case "", "request":
		o.Requests = c.Query("include") != ""
	default:
		return o, huma.NewError(422, "include must be request, or left out")
	}
	for name, into := range map[string]*int{"offset": &o.Skip, "limit": &o.Limit} {
		given := c.Query(name)
		if given == "" {
			continue
		}
		if *into, err = strconv.Atoi(given); err != nil || *into < 0 {
			return o, huma.NewError(422, name+" must be a whole number from 0", &huma.ErrorDetail{Location: "query." + name, Message: "must be a whole number from 0", Value: given})
		}
	}
	return o, nil
}

// patientReader lets a body take its time as long as bytes come.
type patientReader struct {
	r       io.Reader
	control *http.ResponseController
}

// Read gives the next bytes their own deadline.
func (p patientReader) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(stalled)) // a recorder in a test has none
	return p.r.Read(b)
}

// toEnd wraps what is read of the body up to an end: there the deadline is taken back, which would otherwise cancel the
// request while it waits for OpenAI.
func (p patientReader) toEnd(r io.Reader) io.Reader { return endReader{r, p.control} }

type endReader struct {
	r       io.Reader
	control *http.ResponseController
}

// Read takes the deadline back with the first error, io.EOF among them.
func (e endReader) Read(b []byte) (int, error) {
	n, err := e.r.Read(b)
	if err != nil {
		_ = e.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// patientWriter lets an answer take its time as long as bytes go.
type patientWriter struct {
	w       io.Writer
	control *http.ResponseController
}

// Write gives these bytes their own deadline.
func (p patientWriter) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(stalled))
	return p.w.Write(b)
}
