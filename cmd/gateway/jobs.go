package main

import (
	"cmp"
	"context"
	"log/slog"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/redis/go-redis/v9"

	"switchboard/session"
	"switchboard/webhooks"
)

// newJobs makes what stands beside the sessions: webhooks, batches, fine-tuning jobs.
func newJobs(c config, rdb redis.UniversalClient, node string) (*webhooks.Service, error) {
	return webhooks.New(webhooks.Options{Config: c.Jobs, Redis: rdb, API: c.openAI(), Node: node})
}

// openAI is the client of OpenAI's REST API. It would look into the environment for what is not said here.
func (c *config) openAI() openai.Client {
	base := cmp.Or(c.OpenAIBaseURL, "https://api.openai.com/v1")
	options := []option.RequestOption{option.WithBaseURL(strings.TrimSuffix(base, "/") + "/"), option.WithAPIKey(c.OpenAIKey)}
	if c.OpenAIOrganization != "" {
		options = append(options, option.WithOrganization(c.OpenAIOrganization))
	}
	if c.OpenAIProject != "" {
		options = append(options, option.WithProject(c.OpenAIProject))
	}
	return openai.NewClient(options...)
}

// tell passes what happens in sessions on to subscribers.
func tell(jobs *webhooks.Service, log *slog.Logger) func(context.Context, session.Notice) {
	return func(ctx context.Context, n session.Notice) {
		if err := jobs.Publish(context.WithoutCancel(ctx), n.Type, n); err != nil {
			log.Warn("subscribers were not told", "type", n.Type, "session", n.Session, "error", err)
		}
	}
}
