// Package api is the HTTP side of webhooks: the routes of batches, fine-tuning jobs, the inbox, OpenAI's endpoints and
// subscriptions, what their bodies look like, and what errors mean for a caller.
package api

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/openai/openai-go/v3"

	"switchboard/webhooks/batch"
	"switchboard/webhooks/fanout"
	"switchboard/webhooks/live"
	"switchboard/webhooks/queue"
	"switchboard/webhooks/tune"
)

// Secrets hold what OpenAI's endpoints sign with, for all nodes.
type Secrets interface {
	// Endpoints tells which endpoints' deliveries are accepted. Errors: of the store.
	Endpoints(ctx context.Context) (map[string]bool, error)
	// Put has an endpoint's secret accepted; keepOld accepts those before it for another day. Errors: of the store.
	Put(ctx context.Context, endpoint, secret string, keepOld bool) error
	// Remove ends that deliveries of an endpoint are accepted. Errors: of the store.
	Remove(ctx context.Context, endpoint string) error
}

// Options are the parts that the routes show and command.
type Options struct {
	Receiver http.Handler // where OpenAI delivers
	Inbox    *queue.Queue
	Secrets  Secrets
	Changes  *live.Log
	Batches  *batch.Batches
	Jobs     *tune.Jobs
	Fanout   *fanout.Fanout
	OpenAI   openai.Client
	Smoke    bool // new models are tried
	Logger   *slog.Logger
}

// API serves the routes. Create it with New; its Routes may be called once.
type API struct {
	receiver http.Handler
	inbox    *queue.Queue
	secrets  Secrets
	changes  *live.Log
	batches  *batch.Batches
	jobs     *tune.Jobs
	fanout   *fanout.Fanout
	openai   openai.Client
	smoke    bool
	log      *slog.Logger
	files    *gate
}

// New makes an API.
func New(o Options) *API {
	return &API{o.Receiver, o.Inbox, o.Secrets, o.Changes, o.Batches, o.Jobs, o.Fanout, o.OpenAI, o.Smoke, o.Logger, newGate()}
}
