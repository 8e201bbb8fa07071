package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"switchboard/gateway/strict"
	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/realtime"
)

// Problem is the body of every refused request (RFC 9457) outside of OpenAI's own routes.
type Problem struct {
	Type   string         `json:"type" doc:"What kind of problem it is; stable, for programs" example:"urn:switchboard:problem:session-not-found"`
	Title  string         `json:"title" doc:"The kind in words" example:"Not Found"`
	Status int            `json:"status" doc:"HTTP status" example:"404"`
	Detail string         `json:"detail,omitempty" doc:"What happened this time"`
	Errors []ProblemField `json:"errors,omitempty" nullable:"false" doc:"Fields that are wrong"`

	Code         string `json:"code,omitempty" doc:"The upstream's error code, when the upstream refused"`
	Param        string `json:"param,omitempty" doc:"The upstream's name of the refused parameter"`
	UpstreamType string `json:"upstream_type,omitempty" doc:"The upstream's error type"`

	retryAfter int  // seconds; 0: no header
	moved      bool // nothing was done: a node that forwarded the request may look for the owner again
}

// ProblemField says what is wrong with one field.
type ProblemField struct {
	Location string `json:"location" doc:"Where, as body.config.voice or query.limit"`
	Message  string `json:"message" doc:"What is wrong with it"`
}

const problemPrefix = "urn:switchboard:problem:"

// Error is the detail: the caller may read it.
func (p *Problem) Error() string { return p.Detail }

// GetStatus makes a Problem an error that huma writes as it is.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is asked by huma when it writes a Problem.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders is asked by huma when it writes a Problem.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if p.moved {
		h.Set(movedHeader, "1")
	}
	return h
}

// refuse makes a problem; an empty kind is that of the status.
func refuse(status int, kind, detail string) *Problem {
	title := http.StatusText(status)
	if kind == "" {
		kind = strings.ReplaceAll(strings.ToLower(title), " ", "-")
	}
	return &Problem{Type: problemPrefix + kind, Title: title, Status: status, Detail: clip(detail)}
}

// What an answer repeats of a request is bounded: an error must not be larger than what caused it.
const (
	longestDetail = 1000 // bytes of a text, of which what was sent is a part
	longestField  = 200  // bytes of a location or what is said of it
	mostFields    = 100
)

func clip(s string) string { return strict.Clip(s, longestDetail) }

// add tells of one more field, if there is room.
func (p *Problem) add(location, message string) {
	if len(p.Errors) < mostFields {
		p.Errors = append(p.Errors, ProblemField{Location: strict.Clip(location, longestField), Message: strict.Clip(message, longestField)})
	}
}

// storeError marks an error of the store, whose text is not for the caller.
type storeError struct{ error }

// Unwrap gives the log and errors.Is the error itself.
func (e storeError) Unwrap() error { return e.error }

// storeErrorOf marks err, if there is one.
func storeErrorOf(err error) error {
	if err == nil {
		return nil
	}
	return storeError{err}
}

// kinds is the table from an error to what the caller is told. The first match counts.
var kinds = []struct {
	err    error
	status int
	kind   string
	detail string
	retry  int
}{
	{session.ErrNotFound, 404, "session-not-found", "there is no such session", 0},
	{session.ErrExists, 409, "session-exists", "the session ID is not available", 0},
	{hub.ErrEnded, 410, "session-ended", "the session has ended", 0},
	{hub.ErrLeaseLost, 503, "session-elsewhere", "the session's node was lost or has changed; another runs it on within moments", 1},
	{hub.ErrMoved, 503, "session-elsewhere", "the session is on its way to another node; nothing was done", 1},
	{hub.ErrDraining, 503, "draining", "this node takes no new sessions", 1},
	{session.ErrTimeout, 504, "upstream-timeout", "the upstream did not answer in time", 0},
	{hub.ErrUpstreamLost, 503, "upstream-lost", "the upstream was lost before it had answered, and nothing was done; the session goes on with another", 1},
	{hub.ErrBusy, 503, "upstream-busy", "the upstream is not taking what is sent", 1},
}

// asProblem turns any error into what the caller is told. What is not known is 500 and
// says nothing.
func asProblem(err error) *Problem {
	var (
		problem  *Problem
		invalid  *session.InvalidError
		limit    *session.LimitError
		held     *session.HeldError
		upstream *session.UpstreamError
		closed   *session.CloseError
		network  net.Error
		store    storeError
	)
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &upstream):
		return refusal(upstream)
	case errors.As(err, &invalid):
		p := refuse(http.StatusUnprocessableEntity, "invalid-request", "validation failed")
		p.add(strings.TrimSuffix("body."+invalid.Field, "."), invalid.Detail)
		return p
	case errors.As(err, &limit):
		p := refuse(http.StatusTooManyRequests, "limit-reached", limit.Error())
		p.Code, p.retryAfter = limit.Limit, 10
		return p
	case errors.As(err, &held):
		return refuse(http.StatusConflict, "session-exists", "the session ID is not available")
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			p := refuse(k.status, k.kind, k.detail)
			p.retryAfter, p.moved = k.retry, k.err == hub.ErrMoved
			return p
		}
	}
	switch {
	case errors.As(err, &closed):
		return refuse(http.StatusBadGateway, "upstream-left", "the upstream closed the connection")
	case errors.As(err, &store), errors.As(err, &network): // the upstream's troubles come typed
		p := refuse(http.StatusServiceUnavailable, "store-unavailable", "the store cannot be reached")
		p.retryAfter = 1
		return p
	}
	return refuse(http.StatusInternalServerError, "", "unexpected error")
}

// refusal tells what the upstream said. A request that can be put right is 422, a race
// 409; the rest is between the gateway and the upstream.
func refusal(e *session.UpstreamError) *Problem {
	status := http.StatusUnprocessableEntity
	switch class := e.Class(); {
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusServiceUnavailable:
		status = e.Status
	case e.Status >= 500, class == session.Account:
		status = http.StatusBadGateway
	case class == session.Benign:
		status = http.StatusConflict
	}
	p := refuse(status, "upstream-refused", realtime.PlainError(e).Message)
	p.Code, p.Param, p.UpstreamType = e.Code, e.Param, e.Type
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		p.retryAfter = 5
	}
	return p
}

// fail ends a request with err, in OpenAI's shape on OpenAI's routes.
func (g *Gateway) fail(c *gin.Context, err error) {
	c.Abort()
	p := g.problem(err, c.FullPath())
	for name, values := range p.GetHeaders() {
		c.Writer.Header()[name] = values
	}
	if strings.HasPrefix(c.Request.URL.Path, "/v1/") {
		status, body := openAIError(p)
		c.JSON(status, body)
		return
	}
	c.Header("Content-Type", "application/problem+json") // JSON leaves it
	c.JSON(p.Status, p)
}

// problem is asProblem, with what the caller is not told in the log.
func (g *Gateway) problem(err error, where string) *Problem {
	if errors.Is(err, context.Canceled) {
		return refuse(statusClientGone, "client-gone", "the client went away")
	}
	p := asProblem(err)
	switch p.Type {
	case problemPrefix + "upstream-refused":
		var refused *session.UpstreamError
		if errors.As(err, &refused) && refused.Message != p.Detail { // the caller was not told all of it
			g.Logger.Warn("refused by the upstream", "at", where, "err", refused)
		}
	case problemPrefix + "internal-server-error":
		g.Logger.Error("request failed", "at", where, "err", err)
	case problemPrefix + "store-unavailable":
		g.Logger.Warn("store unavailable", "at", where, "err", err)
	}
	return p
}

// statusClientGone is nginx's status, for the log only: nobody is there to read it.
const statusClientGone = 499

// humaProblem replaces huma's error model; values are not echoed, they may be secrets.
func humaProblem(status int, message string, errs ...error) huma.StatusError {
	kind := ""
	switch status {
	case http.StatusUnprocessableEntity:
		kind = "invalid-request"
	case http.StatusBadRequest:
		kind = "malformed-request"
	case http.StatusInternalServerError:
		return refuse(status, "", "unexpected error")
	}
	p := refuse(status, kind, message)
	for _, err := range errs {
		var d huma.ErrorDetailer
		if errors.As(err, &d) {
			p.add(d.ErrorDetail().Location, d.ErrorDetail().Message)
		} else if err != nil {
			p.add("", err.Error())
		}
	}
	return p
}

// huma has one hook and one setting for the whole program.
func init() {
	huma.NewError = humaProblem
	huma.ValidateStrictCasing = true // JSON has no other
}
