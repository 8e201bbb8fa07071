package api

import (
	"context"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"switchboard/gateway/openapi"
	"switchboard/gateway/role"
	"switchboard/webhooks/records"
)

// The groups of operations.
var (
	tagBatches       = openapi.Tag{Name: "Batches", Text: "Submit batches of requests, and read their results."}
	tagTuning        = openapi.Tag{Name: "Fine-tuning", Text: "Start fine-tuning jobs, follow them and try the new models."}
	tagJobs          = openapi.Tag{Name: "Jobs", Text: "What concerns batches and fine-tuning jobs alike, and where OpenAI's webhooks arrive."}
	tagInbox         = openapi.Tag{Name: "Inbox", Text: "The webhook events that OpenAI delivered: inspect, replay and discard them."}
	tagEndpoints     = openapi.Tag{Name: "Endpoints", Text: "The webhook endpoints that OpenAI has for this project."}
	tagSubscriptions = openapi.Tag{Name: "Subscriptions", Text: "Webhooks of the gateway's own, and the log of their deliveries."}
)

// failures are how what asks OpenAI or Redis may fail.
var failures = []int{404, 409, 422, 429, 502, 503, 504}

// Routes are the rows of a gateway's table. Handlers ask role.CallerOf whose request it is.
func (s *API) Routes() openapi.Table {
	return openapi.Table{
		Routes: slices.Concat(s.batchRoutes(), s.resultRoutes(), s.submissionRoutes(), s.tuningRoutes(), s.dashboardRoutes(),
			s.receiverRoutes(), s.inboxRoutes(), s.endpointRoutes(), s.subscriptionRoutes()),
		Problem: func(err error, _ string) huma.StatusError { return problemOf(s.log, err) },
	}
}

// viewer is whose request it is; nobody, who sees nothing, outside of one.
func viewer(ctx context.Context) records.Viewer {
	who := role.CallerOf(ctx)
	return records.Viewer{Key: who.Key, All: who.Role.AtLeast(role.Operator)}
}
