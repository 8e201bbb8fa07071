package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"switchboard/gateway/problem"
	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/realtime"
)

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
	{hub.ErrNotHeard, 403, "listening-not-allowed", "the session does not allow to listen in; its listen_in is never", 0},
	{session.ErrTimeout, 504, "upstream-timeout", "the upstream did not answer in time", 0},
	{hub.ErrUpstreamLost, 503, "upstream-lost", "the upstream was lost before it had answered, and nothing was done; the session goes on with another", 1},
	{hub.ErrBusy, 503, "upstream-busy", "the upstream is not taking what is sent", 1},
}

// asProblem turns any error into what the caller is told. What is not known is 500 and
// says nothing.
func asProblem(err error) *problem.Problem {
	var (
		known    *problem.Problem
		invalid  *session.InvalidError
		limit    *session.LimitError
		held     *session.HeldError
		upstream *session.UpstreamError
		closed   *session.CloseError
		network  net.Error
		store    storeError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &upstream):
		return refusal(upstream)
	case errors.As(err, &invalid):
		return problem.Field(strings.TrimSuffix("body."+invalid.Field, "."), invalid.Detail)
	case errors.As(err, &limit):
		p := problem.New(http.StatusTooManyRequests, "limit-reached", limit.Error())
		p.Code, p.RetryAfter = limit.Limit, 10
		return p
	case errors.As(err, &held):
		return problem.New(http.StatusConflict, "session-exists", "the session ID is not available")
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			p := problem.New(k.status, k.kind, k.detail)
			p.RetryAfter = k.retry
			if k.err == hub.ErrMoved { // nothing was done: a node that forwarded the request may look for the owner again
				p.Header = http.Header{movedHeader: {"1"}}
			}
			return p
		}
	}
	switch {
	case errors.As(err, &closed):
		return problem.New(http.StatusBadGateway, "upstream-left", "the upstream closed the connection")
	case errors.As(err, &store), errors.As(err, &network): // the upstream's troubles come typed
		p := problem.New(http.StatusServiceUnavailable, "store-unavailable", "the store cannot be reached")
		p.RetryAfter = 1
		return p
	}
	return problem.New(http.StatusInternalServerError, "", "unexpected error")
}

// refusal tells what the upstream said. A request that can be put right is 422, a race
// 409; the rest is between the gateway and the upstream.
func refusal(e *session.UpstreamError) *problem.Problem {
	status := http.StatusUnprocessableEntity
	switch class := e.Class(); {
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusServiceUnavailable:
		status = e.Status
	case e.Status >= 500, class == session.Account:
		status = http.StatusBadGateway
	case class == session.Benign:
		status = http.StatusConflict
	}
	p := problem.New(status, "upstream-refused", realtime.PlainError(e).Message)
	p.Code, p.Param, p.UpstreamType = e.Code, e.Param, e.Type
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		p.RetryAfter = 5
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
func (g *Gateway) problem(err error, where string) *problem.Problem {
	if errors.Is(err, context.Canceled) {
		return problem.New(statusClientGone, "client-gone", "the client went away")
	}
	p := asProblem(err)
	switch p.Type {
	case problem.Prefix + "upstream-refused":
		var refused *session.UpstreamError
		if errors.As(err, &refused) && refused.Message != p.Detail { // the caller was not told all of it
			g.options.Logger.Warn("refused by the upstream", "at", where, "err", refused)
		}
	case problem.Prefix + "internal-server-error":
		g.options.Logger.Error("request failed", "at", where, "err", err)
	case problem.Prefix + "store-unavailable":
		g.options.Logger.Warn("store unavailable", "at", where, "err", err)
	}
	return p
}

// statusClientGone is nginx's status, for the log only: nobody is there to read it.
const statusClientGone = 499
