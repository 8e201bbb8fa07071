package api

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"switchboard/gateway/openapi"
	"switchboard/gateway/problem"
	"switchboard/gateway/role"
	"switchboard/webhooks/batch"
)

// resultLine describes one line of a batch's results or errors. batch.Results writes them without
// it, because a line may be larger than memory should hold.
type resultLine struct {
	CustomID   *string `json:"custom_id" nullable:"true"`
	StatusCode *int    `json:"status_code" nullable:"true" doc:"null: the request was not answered"`
	RequestID  *string `json:"request_id" nullable:"true"`
	Response   any     `json:"response" doc:"The body of the answer"`
	Error      any     `json:"error"`
	Line       int     `json:"line,omitempty" doc:"With include=request: the line of the input file"`
	Request    any     `json:"request,omitempty" doc:"With include=request: the body of the request"`
}

// resultRoutes read a batch line by line.
func (s *API) resultRoutes() []openapi.Route {
	read := func(id, path, summary, says string, kind batch.Kind) openapi.Route {
		return openapi.Route{Method: "GET", Path: path, ID: id, Tag: tagBatches, Role: role.App, Errors: failures, Summary: summary,
			Do: openapi.Plain(openapi.Shape{
				Params: []*huma.Param{
					openapi.Param("path", "id", "", huma.TypeString),
					openapi.Param("query", "offset", "Lines to skip", huma.TypeInteger), openapi.Param("query", "limit", "Lines to read", huma.TypeInteger),
					openapi.Param("query", "search", "Only lines whose custom_id contains it, whatever the case; offset and limit count these", huma.TypeString),
					choice("include", "request: join each line with its request", "request"),
					choice("format", "openai: OpenAI's own file, byte for byte", "openai"),
				},
				Answers: map[int]openapi.Answer{200: {Text: says, Type: "application/x-ndjson", Body: openapi.Of[resultLine]()}},
			}, s.batchLines(kind))}
	}
	return []openapi.Route{
		read("read-results", "/api/batches/{id}/results", "Read answered requests", "One JSON object per line", batch.Results),
		read("read-errors", "/api/batches/{id}/errors", "Read requests that failed", "One JSON object per line, like results", batch.Errors),
	}
}

// choice is a parameter of a query that may be left out, or say one word.
func choice(name, says, word string) *huma.Param {
	p := openapi.Param("query", name, says, huma.TypeString)
	p.Schema.Enum = []any{word}
	return p
}

func (s *API) batchLines(kind batch.Kind) gin.HandlerFunc {
	return func(c *gin.Context) { s.readLines(c, kind) }
}

// readLines streams results or errors. A stream that breaks off breaks the connection, so that nobody takes a part for
// the whole.
func (s *API) readLines(c *gin.Context, kind batch.Kind) {
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
