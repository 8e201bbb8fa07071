package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"switchboard/gateway/problem"
	"switchboard/webhooks/batch"
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

func (s *API) listBatches(ctx context.Context, in *pageInput) (*batchListOutput, error) {
	var out batchListOutput
	var err error
	out.Body.Batches, out.Body.Next, err = s.batches.List(ctx, viewer(ctx), in.After, in.Limit)
	if out.Body.Batches == nil {
		out.Body.Batches = []*batch.Batch{}
	}
	return &out, err
}

func (s *API) getBatch(ctx context.Context, in *idInput) (*batchOutput, error) {
	b, err := s.batches.Get(ctx, viewer(ctx), in.ID)
	return &batchOutput{b}, err
}

func (s *API) cancelBatch(ctx context.Context, in *idInput) (*batchOutput, error) {
	b, err := s.batches.Cancel(ctx, viewer(ctx), in.ID)
	return &batchOutput{b}, err
}

func (s *API) retryBatch(ctx context.Context, in *idInput) (*batchOutput, error) {
	leave, err := s.files.enter(ctx, viewer(ctx).Key)
	if err != nil {
		return nil, err
	}
	defer leave()
	b, err := s.batches.Retry(ctx, viewer(ctx), in.ID)
	return &batchOutput{b}, err
}

// batchLines streams results or errors. A stream that breaks off breaks the connection, so that nobody takes a part for
// the whole.
func (s *API) batchLines(c *gin.Context) {
	kind := batch.Results
	if c.FullPath() == "/api/batches/:id/errors" {
		kind = batch.Errors
	}
	ctx := c.Request.Context()
	o, err := readingOf(c)
	if err == nil && (o.Requests || o.Search != "") { // the input file, or a line, is on disk meanwhile
		var leave func()
		if leave, err = s.files.enter(ctx, viewer(ctx).Key); err == nil {
			defer leave()
		}
	}
	var lines *batch.Lines
	if err == nil {
		lines, err = s.batches.Open(ctx, viewer(ctx), c.Param("id"), kind, o)
	}
	if err != nil {
		problem.Write(c.Writer, problemOf(s.log, err))
		return
	}
	defer lines.Close()
	c.Header("Content-Type", "application/x-ndjson")
	c.Status(http.StatusOK)
	out := patientWriter{c.Writer, http.NewResponseController(c.Writer)}
	if _, err := lines.WriteTo(out); err != nil {
		if ctx.Err() == nil {
			s.log.Warn("results broke off", "batch", c.Param("id"), "kind", kind, "err", err)
		}
		_ = out.control.Flush() // whole lines that went before are not lost
		panic(http.ErrAbortHandler)
	}
	_ = out.control.SetWriteDeadline(time.Time{}) // the connection is used again
}

// longestSearch is the longest custom_id.
const longestSearch = 512

// readingOf reads the query of a stream of lines.
func readingOf(c *gin.Context) (o batch.Reading, err error) {
	switch c.Query("include") {
	case "", "request":
		o.Requests = c.Query("include") != ""
	default:
		return o, problem.Of(422, "include must be request, or left out")
	}
	switch c.Query("format") {
	case "", "openai":
		o.Original = c.Query("format") != ""
	default:
		return o, problem.Of(422, "format must be openai, or left out")
	}
	if o.Original && o.Requests {
		return o, problem.Of(422, "lines in OpenAI's format are not joined with their requests: leave out include or format")
	}
	if o.Search = c.Query("search"); len(o.Search) > longestSearch {
		return o, problem.Of(422, fmt.Sprintf("search has at most %d bytes, as a custom_id", longestSearch))
	}
	for name, into := range map[string]*int{"offset": &o.Skip, "limit": &o.Limit} {
		given := c.Query(name)
		if given == "" {
			continue
		}
		if *into, err = strconv.Atoi(given); err != nil || *into < 0 {
			return o, problem.Of(422, name+" must be a whole number from 0", &huma.ErrorDetail{Location: "query." + name, Message: "must be a whole number from 0"})
		}
	}
	return o, nil
}
