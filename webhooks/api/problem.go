package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/openai/openai-go/v3"
	"github.com/redis/go-redis/v9"

	"switchboard/gateway/problem"
	"switchboard/gateway/strict"
	"switchboard/webhooks/batch"
	"switchboard/webhooks/fanout"
	"switchboard/webhooks/queue"
	"switchboard/webhooks/records"
	"switchboard/webhooks/seal"
	"switchboard/webhooks/tune"
)

// statuses is the table from sentinel to HTTP status. The first that an error wraps counts.
var statuses = []struct {
	err    error
	status int
}{
	{queue.ErrNotFound, 404}, {fanout.ErrNotFound, 404}, {records.ErrNotFound, 404},
	{batch.ErrNotReady, 409}, {batch.ErrRunning, 409}, {batch.ErrNoneLeft, 409}, {batch.ErrNothingOK, 409}, {batch.ErrInputGone, 409},
	{fanout.ErrTooMany, 409}, {tune.ErrNoModel, 409}, {records.ErrBusy, 409}, {errNotDead, 409},
	{batch.ErrTooLarge, 413}, {seal.ErrSecret, 422}, {errKeyFiles, 429},
	{errNodeFiles, 503}, {context.DeadlineExceeded, 504}, {io.ErrUnexpectedEOF, 400}, // these last: others wrap them
}

// problemOf says what an error means for the caller. What is not known is 500 and says nothing.
func problemOf(log *slog.Logger, err error) huma.StatusError {
	for _, known := range statuses {
		if errors.Is(err, known.err) {
			return problem.Of(known.status, plain(known.err))
		}
	}
	if known, ok := errors.AsType[huma.StatusError](err); ok {
		return known
	}
	if invalid, ok := errors.AsType[*batch.InputError](err); ok {
		return inputProblem(invalid)
	}
	if missing, ok := errors.AsType[*records.FileError](err); ok {
		return problem.Of(404, missing.Error(), &huma.ErrorDetail{Location: "body." + missing.Field, Message: "there is no such file"})
	}
	if wrong, ok := errors.AsType[*tune.LineError](err); ok {
		return problem.Of(422, wrong.Error(), &huma.ErrorDetail{Location: fmt.Sprintf("line %d", wrong.Line), Message: wrong.Message})
	}
	if invalid, ok := errors.AsType[*fanout.InvalidError](err); ok {
		return problem.Of(422, invalid.Error(), &huma.ErrorDetail{Location: "body." + invalid.Field, Message: invalid.Message})
	}
	if refused, ok := errors.AsType[*openai.Error](err); ok {
		return upstreamProblem(log, refused)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return problem.Of(408, fmt.Sprintf("the upload took too long: at most %v without a byte, and %v in all", stalled, uploadTime))
	}
	if away(err) {
		log.Warn("Redis or OpenAI cannot be reached", "err", err)
		return problem.Of(503, "Redis or OpenAI cannot be reached now")
	}
	log.Error("request failed", "err", err)
	return problem.Of(500, "unexpected error")
}

// plain is a sentinel's text without its package.
func plain(sentinel error) string {
	text := sentinel.Error()
	if pkg, rest, ok := strings.Cut(text, ": "); ok && !strings.Contains(pkg, " ") {
		return rest
	}
	return text
}

// away reports whether an error is of the network, or of a Redis that is starting, ending or handing over. An error of
// a file passes for one of the network, too.
func away(err error) bool {
	if _, file := errors.AsType[*fs.PathError](err); file {
		return false
	}
	_, network := errors.AsType[net.Error](err)
	_, refused := errors.AsType[redis.Error](err)
	return network || refused || errors.Is(err, io.EOF) || errors.Is(err, redis.ErrPoolTimeout)
}

func inputProblem(e *batch.InputError) huma.StatusError {
	details := make([]error, len(e.Lines))
	for i, l := range e.Lines {
		location := fmt.Sprintf("line %d", l.Line)
		if l.Field != "" {
			location += " " + l.Field
		}
		details[i] = &huma.ErrorDetail{Location: location, Message: l.Message, Value: l.CustomID}
	}
	return problem.Of(422, e.Error(), details...)
}

// longestSaid is how much of OpenAI's words an answer repeats.
const longestSaid = 1000

// upstreamProblem passes on what the caller can act on; that the gateway's own key is refused is not of that kind.
func upstreamProblem(log *slog.Logger, e *openai.Error) huma.StatusError {
	said := strict.Clip(e.Message, longestSaid)
	switch e.StatusCode {
	case 400, 422:
		return problem.Of(422, said, &huma.ErrorDetail{Location: strict.Clip(e.Param, longestShown), Message: said})
	case 403, 410: // such as: this organization may no longer start fine-tuning jobs
		log.Warn("OpenAI does not allow it", "status", e.StatusCode, "code", e.Code)
		return problem.Of(422, "OpenAI refuses: "+said)
	case 404, 409, 429:
		return problem.Of(e.StatusCode, said)
	case 401:
		log.Error("OpenAI refuses the gateway's key", "status", e.StatusCode, "code", e.Code)
		return problem.Of(502, "OpenAI refuses the gateway's key")
	}
	log.Warn("OpenAI answered an error", "status", e.StatusCode, "code", e.Code)
	return problem.Of(502, "OpenAI answered with an error; try again")
}
