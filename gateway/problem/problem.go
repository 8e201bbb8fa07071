// Package problem is the body of refused requests (RFC 9457) of all routes but OpenAI's own. It
// is a leaf, because the gateway and the webhooks answer alike.
package problem

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"switchboard/gateway/strict"
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

	RetryAfter int         `json:"-"` // seconds; 0: no header
	Header     http.Header `json:"-"` // more headers of the answer; nil: none
}

// ProblemField says what is wrong with one field. The OpenAPI document has it by this name.
type ProblemField struct {
	Location string `json:"location" doc:"Where, as body.config.voice or query.limit"`
	Message  string `json:"message" doc:"What is wrong with it"`
}

// Prefix starts every Type.
const Prefix = "urn:switchboard:problem:"

// What an answer repeats of a request is bounded: an error must not be larger than what caused it.
const (
	longestDetail = 1000 // bytes of a text, of which what was sent is a part
	longestField  = 200  // bytes of a location or what is said of it
	mostFields    = 100
)

// New makes a problem; an empty kind is that of the status.
func New(status int, kind, detail string) *Problem {
	title := http.StatusText(status)
	if kind == "" {
		kind = strings.ReplaceAll(strings.ToLower(title), " ", "-")
	}
	return &Problem{Type: Prefix + kind, Title: title, Status: status, Detail: strict.Clip(detail, longestDetail)}
}

// Field makes the problem of a request with one field that is wrong.
func Field(location, message string) *Problem {
	p := New(http.StatusUnprocessableEntity, "invalid-request", "validation failed")
	p.add(location, message)
	return p
}

// add tells of one more field, if there is room.
func (p *Problem) add(location, message string) {
	if len(p.Errors) < mostFields {
		p.Errors = append(p.Errors, ProblemField{Location: strict.Clip(location, longestField), Message: strict.Clip(message, longestField)})
	}
}

// Error is the detail: the caller may read it.
func (p *Problem) Error() string { return p.Detail }

// GetStatus makes a Problem an error that huma writes as it is.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is asked by huma when it writes a Problem.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders is asked by huma when it writes a Problem.
func (p *Problem) GetHeaders() http.Header {
	h := p.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	return h
}

// Of makes a problem of a status, a detail and errors, of which huma's name fields. Values are
// not repeated: they may be secrets.
func Of(status int, detail string, errs ...error) huma.StatusError {
	kind := ""
	switch status {
	case http.StatusUnprocessableEntity:
		kind = "invalid-request"
	case http.StatusBadRequest:
		kind = "malformed-request"
	case http.StatusInternalServerError:
		return New(status, "", "unexpected error")
	}
	p := New(status, kind, detail)
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

// Write answers with err's problem, where huma does not.
func Write(w http.ResponseWriter, err huma.StatusError) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(err.GetStatus())
	_ = json.NewEncoder(w).Encode(err) // the client may be gone
}

// Install has huma refuse requests with problems, and take JSON's names as they are spelled. huma
// has one such setting for the whole program, so who makes an API calls it first; any number of
// callers may.
var Install = sync.OnceFunc(func() {
	huma.NewError = Of
	huma.ValidateStrictCasing = true // JSON has no other
})
