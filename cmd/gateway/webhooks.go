package main

import (
	"cmp"
	"context"
	"log/slog"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/redis/go-redis/v9"

	"switchboard/session/audit"
	"switchboard/session/hub"
	"switchboard/session/upstream"
	"switchboard/webhooks"
)

// newWebhooks makes what stands beside the sessions: webhooks, batches, fine-tuning jobs.
func newWebhooks(c config, rdb redis.UniversalClient, node string, log *slog.Logger) (*webhooks.Server, error) {
	return webhooks.New(webhooks.Options{Config: c.Jobs, Redis: rdb, API: c.openAI(), Node: node, Logger: log})
}

// openAI is the client of OpenAI's REST API. It would look into the environment for what is not said here.
func (c *config) openAI() openai.Client {
	base := cmp.Or(c.OpenAIBaseURL, upstream.DefaultBaseURL)
	options := []option.RequestOption{option.WithBaseURL(strings.TrimSuffix(base, "/") + "/"), option.WithAPIKey(c.OpenAIKey)}
	if c.OpenAIOrganization != "" {
		options = append(options, option.WithOrganization(c.OpenAIOrganization))
	}
	if c.OpenAIProject != "" {
		options = append(options, option.WithProject(c.OpenAIProject))
	}
	return openai.NewClient(options...)
}

// tellAudit passes entries of the audit log on to subscribers.
func tellAudit(hooks *webhooks.Server, log *slog.Logger) func(context.Context, audit.Entry) {
	return func(ctx context.Context, e audit.Entry) {
		if err := hooks.Publish(context.WithoutCancel(ctx), "audit_"+e.ID, "audit."+e.Action, e); err != nil {
			log.Warn("subscribers were not told of an audit entry", "id", e.ID, "err", err)
		}
	}
}

// tell passes what happens in sessions on to subscribers.
func tell(hooks *webhooks.Server, log *slog.Logger) func(context.Context, hub.Notice) {
	return func(ctx context.Context, n hub.Notice) {
		if err := hooks.Publish(context.WithoutCancel(ctx), n.ID, n.Type, n); err != nil {
			log.Warn("subscribers were not told", "type", n.Type, "session", n.Session, "err", err)
		}
	}
}
