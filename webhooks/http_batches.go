package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"switchboard/webhooks/batch"
)

const (
	largestJSON   = 32 << 20  // of a batch given as JSON; larger ones are uploaded
	largestUpload = 201 << 20 // the Batch API's 200 MB and a form around them
	largestField  = 64 << 10
	stalled       = 30 * time.Second // without a byte, either way
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

func (s *Service) listBatches(ctx context.Context, in *pageInput) (*batchListOutput, error) {
	var out batchListOutput
	var err error
	out.Body.Batches, out.Body.Next, err = s.batches.List(ctx, in.After, in.Limit)
	if out.Body.Batches == nil {
		out.Body.Batches = []*batch.Batch{}
	}
	return &out, err
}

func (s *Service) getBatch(ctx context.Context, in *idInput) (*batchOutput, error) {
	b, err := s.batches.Get(ctx, in.ID)
	return &batchOutput{b}, err
}

func (s *Service) cancelBatch(ctx context.Context, in *idInput) (*batchOutput, error) {
	b, err := s.batches.Cancel(ctx, in.ID)
	return &batchOutput{b}, err
}

func (s *Service) retryBatch(ctx context.Context, in *idInput) (*batchOutput, error) {
	b, err := s.batches.Retry(ctx, in.ID)
	return &batchOutput{b}, err
}

// submission is a batch given as JSON.
type submission struct {
	Endpoint         string            `json:"endpoint"`
	Requests         []batch.Request   `json:"requests"`
	InputFileID      string            `json:"input_file_id"`
	CompletionWindow string            `json:"completion_window"`
	Metadata         map[string]string `json:"metadata"`
	OutputExpires    int64             `json:"output_expires_after_seconds"`
}

func (sub *submission) spec() batch.Spec {
	return batch.Spec{
		Endpoint: sub.Endpoint, CompletionWindow: sub.CompletionWindow, Metadata: sub.Metadata,
		OutputExpires: time.Duration(sub.OutputExpires) * time.Second,
	}
}

// submitBatch takes a batch as JSON, as a form with a file, or as the lines themselves.
func (s *Service) submitBatch(c *gin.Context) {
	kind, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type"))
	body := patientReader{http.MaxBytesReader(c.Writer, c.Request.Body, largestUpload), http.NewResponseController(c.Writer)}
	var b *batch.Batch
	var err error
	switch kind {
	case "application/json":
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
		err = huma.NewError(413, "the body is larger than 200 MB")
	}
	if err != nil {
		send(c.Writer, problemOf(err))
		return
	}
	c.JSON(http.StatusCreated, created)
}

func (s *Service) submitJSON(ctx context.Context, body patientReader) (*batch.Batch, error) {
	raw, err := io.ReadAll(body.toEnd(io.LimitReader(body, largestJSON+1)))
	var sub submission
	if err != nil || len(raw) > largestJSON || json.Unmarshal(raw, &sub) != nil {
		return nil, huma.NewError(400, "the body is not the JSON that is expected here, or larger than 32 MiB")
	}
	if sub.InputFileID != "" {
		return s.batches.SubmitUploaded(ctx, sub.spec(), sub.InputFileID)
	}
	return s.batches.SubmitRequests(ctx, sub.spec(), sub.Requests)
}

func (s *Service) submitForm(r *http.Request, body patientReader) (*batch.Batch, error) {
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
func openForm(r *http.Request, body io.Reader) (map[string]string, *multipart.Part, error) {
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
			return fields, part, nil
		}
		value, err := io.ReadAll(io.LimitReader(part, largestField))
		if err != nil || len(fields) > 20 {
			return nil, nil, huma.NewError(400, "the form cannot be read")
		}
		fields[part.FormName()] = string(value)
	}
}

// batchLines streams results or errors. A stream that breaks off breaks the connection, so that nobody takes a part for
// the whole.
func (s *Service) batchLines(c *gin.Context) {
	kind := batch.Results
	if c.FullPath() == "/api/batches/:id/errors" {
		kind = batch.Errors
	}
	o := batch.Reading{Skip: number(c, "offset"), Limit: number(c, "limit"), Requests: c.Query("include") == "request"}
	lines, err := s.batches.Open(c.Request.Context(), c.Param("id"), kind, o)
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

func number(c *gin.Context, name string) int {
	n, err := strconv.Atoi(c.Query(name))
	if err != nil {
		return 0
	}
	return max(0, n)
}

// patientReader lets a body take its time as long as bytes come.
type patientReader struct {
	r       io.Reader
	control *http.ResponseController
}

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

func (p patientWriter) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(stalled))
	return p.w.Write(b)
}
