package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"switchboard/gateway/openapi"
	"switchboard/gateway/problem"
	"switchboard/gateway/role"
	"switchboard/gateway/strict"
	"switchboard/webhooks/batch"
	"switchboard/webhooks/spool"
	"switchboard/webhooks/tune"
)

const (
	largestJSON = 32 << 20 // of a batch given as JSON; larger ones are uploaded

	curlsDefault = "application/x-www-form-urlencoded" // of curl -d, which is JSON here as everywhere else in the gateway
)

// submission is a batch given as JSON, or as the fields of a form or a query.
type submission struct {
	Endpoint         string            `json:"endpoint,omitempty" doc:"Of all requests; left out if they say it"`
	Requests         []batch.Request   `json:"requests,omitempty" doc:"Or input_file_id"`
	InputFileID      string            `json:"input_file_id,omitempty" doc:"Of a file that OpenAI has, and the API key may see"`
	CompletionWindow string            `json:"completion_window,omitempty" doc:"24h if left out"`
	Metadata         map[string]string `json:"metadata,omitempty" nullable:"true" doc:"At most 16, kept by OpenAI"`
	OutputExpires    *batch.Expiry     `json:"output_expires_after,omitempty" doc:"When OpenAI deletes the results; left out: OpenAI's default"`
	OutputSeconds    *int64            `json:"output_expires_after_seconds,omitempty" doc:"Its seconds alone"`
}

// spec is how the requests are to be run.
func (sub *submission) spec() (batch.Spec, error) {
	spec := batch.Spec{Endpoint: sub.Endpoint, CompletionWindow: sub.CompletionWindow, Metadata: sub.Metadata, OutputExpires: sub.OutputExpires}
	if sub.OutputSeconds == nil {
		return spec, nil
	}
	if sub.OutputExpires != nil {
		return spec, invalid("output_expires_after_seconds", "say it here or in output_expires_after, not in both")
	}
	spec.OutputExpires = &batch.Expiry{Seconds: *sub.OutputSeconds}
	return spec, nil
}

// submissionRoutes take a file as it comes in, or JSON.
func (s *API) submissionRoutes() []openapi.Route {
	file := &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "JSON lines; the last field"}
	return []openapi.Route{
		{Method: "POST", Path: "/api/batches", ID: "submit-batch", Tag: tagBatches, Role: role.App, Status: 201, Errors: failures,
			Summary: "Submit a batch",
			Text: "As JSON with requests or the ID of an uploaded file, as multipart/form-data whose last field is the file, or as application/jsonl. " +
				"Checked line by line; 422 names the lines.",
			Do: openapi.Upload(openapi.Shape{
				Params: []*huma.Param{openapi.Param("query", "endpoint", "Of application/jsonl only", huma.TypeString)},
				Needed: true,
				Bodies: map[string]openapi.Model{
					"application/json": openapi.Of[submission](),
					"multipart/form-data": openapi.Is(object([]string{"file"}, map[string]*huma.Schema{
						"endpoint": text("Of all lines; left out if they say it"), "completion_window": text("24h if left out"),
						"metadata": text("A JSON object of texts"), "file": file,
					})),
					"application/jsonl": openapi.Text("The input file, with ?endpoint= if its lines do not say it"),
				},
				Answers: map[int]openapi.Answer{201: {Text: "The batch", Type: "application/json", Body: openapi.Of[batch.Batch]()}},
			}, s.submitBatch)},
		{Method: "POST", Path: "/api/fine-tuning/jobs", ID: "submit-tuning-job", Tag: tagTuning, Role: role.App, Status: 201, Errors: failures,
			Summary: "Start a fine-tuning job",
			Text:    "As JSON with the IDs of uploaded files, or as multipart/form-data whose last field is the training file.",
			Do: openapi.Upload(openapi.Shape{
				Needed: true,
				Bodies: map[string]openapi.Model{
					"application/json": openapi.Of[tune.Spec](),
					"multipart/form-data": openapi.Is(object([]string{"model", "file"}, map[string]*huma.Schema{
						"model": text("The base model"), "suffix": text("Of the new model's name"), "file": file,
					})),
				},
				Answers: map[int]openapi.Answer{201: {Text: "The job", Type: "application/json", Body: openapi.Of[tune.Job]()}},
			}, s.submitJob)},
	}
}

// submitBatch takes a batch as JSON, as a form with a file, or as the lines themselves.
func (s *API) submitBatch(c *gin.Context) {
	s.upload(c, func(kind string, body patientReader) (any, error) {
		ctx := c.Request.Context()
		lines := kind == "application/jsonl" || kind == "application/x-ndjson" || kind == "application/x-jsonlines" || kind == "text/plain"
		if !lines && c.Request.URL.RawQuery != "" {
			return nil, problem.Of(422, "the address has a query, which only application/jsonl takes: put it in the body")
		}
		switch {
		case lines:
			return s.submitLines(ctx, c.Request.URL.Query(), body.toEnd(body))
		case kind == "application/json", kind == curlsDefault:
			return s.submitJSON(ctx, body.toEnd(body))
		case kind == "multipart/form-data":
			return s.submitForm(c.Request, body)
		}
		return nil, problem.Of(415, "send application/json, multipart/form-data or application/jsonl")
	})
}

// submitLines takes an input file as it is, and what is to be said of it from the query.
func (s *API) submitLines(ctx context.Context, query url.Values, file io.Reader) (*batch.Batch, error) {
	var fields []field
	for name, values := range query {
		for _, v := range values {
			fields = append(fields, field{name, v})
		}
	}
	var sub submission
	if err := decodeFields(fields, &sub); err != nil {
		return nil, err
	}
	return s.submitParts(ctx, &sub, file)
}

func (s *API) submitForm(r *http.Request, body patientReader) (*batch.Batch, error) {
	fields, file, err := openForm(r, body)
	if err != nil {
		return nil, err
	}
	var sub submission
	if err := decodeFields(fields, &sub); err != nil {
		return nil, err
	}
	if file == nil {
		if sub.InputFileID == "" {
			return nil, problem.Of(400, "the form has neither a field named file nor input_file_id")
		}
		return s.submitParts(r.Context(), &sub, nil)
	}
	return s.submitParts(r.Context(), &sub, body.toEnd(file))
}

// submitParts makes a batch of a file that comes with the request, or of one that OpenAI has.
func (s *API) submitParts(ctx context.Context, sub *submission, file io.Reader) (*batch.Batch, error) {
	spec, err := sub.spec()
	switch {
	case err != nil:
		return nil, err
	case len(sub.Requests) > 0:
		return nil, invalid("requests", "are given in a body of JSON only")
	case file == nil:
		return s.batches.SubmitUploaded(ctx, viewer(ctx), spec, sub.InputFileID)
	case sub.InputFileID != "":
		return nil, invalid("input_file_id", "give a file or input_file_id, not both")
	}
	return s.batches.SubmitFile(ctx, viewer(ctx), spec, file)
}

// submitJSON makes a batch of requests in JSON. The body is kept on disk and read twice, request by request: what is said
// of all requests may come behind them.
func (s *API) submitJSON(ctx context.Context, body io.Reader) (*batch.Batch, error) {
	file, err := spool.New()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	n, err := io.Copy(file, io.LimitReader(body, largestJSON+1))
	switch {
	case err != nil:
		return nil, err
	case n > largestJSON:
		return nil, tooMuchJSON(largestJSON)
	}
	if err := file.Flush(); err != nil {
		return nil, err
	}
	var sub submission
	requests, err := readSubmission(io.NewSectionReader(file, 0, n), &sub)
	if err != nil {
		return nil, err
	}
	spec, err := sub.spec()
	switch {
	case err != nil:
		return nil, err
	case sub.InputFileID == "" && requests == nil:
		return s.batches.SubmitRequests(ctx, viewer(ctx), spec, func(func(batch.Request, error) bool) {})
	case sub.InputFileID == "":
		return s.batches.SubmitRequests(ctx, viewer(ctx), spec, requests)
	case requests != nil:
		return nil, problem.Of(422, "give requests or input_file_id, not both")
	}
	return s.batches.SubmitUploaded(ctx, viewer(ctx), spec, sub.InputFileID)
}

// readSubmission reads all but the requests, and finds and counts those; nil if there are none.
func readSubmission(body *io.SectionReader, sub *submission) (requests iter.Seq2[batch.Request, error], err error) {
	rest := bytes.NewBufferString("{")
	err = strict.InTurns(body, func(r io.Reader) (err error) {
		requests, err = readMembers(body, r, rest, reflect.TypeOf(sub))
		return err
	})
	if err != nil {
		return nil, submissionError(err)
	}
	return requests, decode(rest.Bytes(), sub)
}

// readMembers reads all of a body from r: the members of t into rest, but for the requests, which are looked for in body.
func readMembers(body *io.SectionReader, r io.Reader, rest *bytes.Buffer, t reflect.Type) (requests iter.Seq2[batch.Request, error], err error) {
	d := json.NewDecoder(r)
	err = strict.Members(d, func(name string) error {
		if name == "requests" {
			at, err := skipRequests(d)
			if at > 0 {
				requests = requestsFrom(body, at)
			}
			return err
		}
		key, _ := json.Marshal(name) // a string always encodes
		if len(name) > longestShown || strict.Unknown(fmt.Appendf(nil, "{%s:0}", key), t) != "" {
			return &strict.Error{Field: name, Detail: strict.Unexpected}
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return err
		}
		if rest.Len()+len(raw) > largestField {
			return &strict.Error{Field: name, Detail: fmt.Sprintf("is longer than %d KiB", largestField>>10)}
		}
		if rest.Len() > 1 {
			rest.WriteByte(',')
		}
		fmt.Fprintf(rest, "%s:%s", key, raw)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, err = d.Token(); err != io.EOF {
		return nil, cmp.Or(err, errors.New("there is more behind it"))
	}
	rest.WriteByte('}')
	return requests, nil
}

// submissionError says what is wrong with a body that is read bit by bit.
func submissionError(err error) error {
	if wrong, ok := errors.AsType[*strict.Error](err); ok {
		return invalid(wrong.Field, wrong.Detail)
	}
	if _, known := errors.AsType[huma.StatusError](err); known {
		return err
	}
	if _, known := errors.AsType[*batch.InputError](err); known {
		return err
	}
	if _, typed := errors.AsType[*json.UnmarshalTypeError](err); typed {
		return mistyped("", err)
	}
	return notJSON(err)
}

// skipRequests passes over the requests and returns where the first one begins; 0 if there are none.
func skipRequests(d *json.Decoder) (at int64, err error) {
	open, err := d.Token()
	if err != nil {
		return 0, err
	}
	if open == nil {
		return 0, nil
	}
	if open != json.Delim('[') {
		return 0, &strict.Error{Field: "requests", Detail: "must be a list"}
	}
	start := d.InputOffset()
	var raw json.RawMessage
	for n := 1; d.More(); n++ {
		if err := d.Decode(&raw); err != nil {
			return 0, err
		}
		if n > batch.MostRequests {
			return 0, invalid("requests", fmt.Sprintf("a batch has at most %d requests", batch.MostRequests))
		}
		at = start
	}
	_, err = d.Token()
	return at, err
}

// requestsFrom reads the requests one by one from where the first one begins.
func requestsFrom(body *io.SectionReader, at int64) iter.Seq2[batch.Request, error] {
	return func(yield func(batch.Request, error) bool) {
		list := io.MultiReader(strings.NewReader("["), io.NewSectionReader(body, at, body.Size()-at))
		_ = strict.InTurns(list, func(list io.Reader) error { // an error was yielded
			d := json.NewDecoder(list)
			if _, err := d.Token(); err != nil {
				yield(batch.Request{}, err)
				return err
			}
			var raw json.RawMessage
			for n := 0; d.More(); n++ {
				var r batch.Request
				err := d.Decode(&raw)
				if err == nil {
					err = readRequest(raw, n, &r)
				}
				if !yield(r, err) || err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// readRequest reads one request to the letter, in the turn of the list that it is in; its body is as free as the endpoint has it.
func readRequest(raw []byte, n int, r *batch.Request) error {
	if !utf8.Valid(raw) {
		return problem.Of(400, "the body is not UTF-8")
	}
	path := fmt.Sprintf("requests[%d]", n)
	if null := strict.NullWithin(raw, reflect.TypeFor[batch.Request]()); null != nil {
		return invalid(strings.TrimSuffix(path+"."+null.Field, "."), null.Detail)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	members := map[string]any{"custom_id": &r.CustomID, "method": &r.Method, "url": &r.URL, "body": &r.Body}
	err := strict.Members(d, func(name string) error {
		into, known := members[name]
		if !known {
			return &strict.Error{Field: name, Detail: strict.Unexpected}
		}
		if err := d.Decode(into); err != nil {
			if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
				return &strict.Error{Field: name, Detail: "cannot be of JSON type " + wrong.Value}
			}
			return err
		}
		return nil
	})
	if wrong, ok := errors.AsType[*strict.Error](err); ok {
		return invalid(strings.TrimSuffix(path+"."+wrong.Field, "."), wrong.Detail)
	}
	return err
}
