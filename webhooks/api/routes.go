package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"switchboard/gateway/problem"
	"switchboard/gateway/role"
	"switchboard/webhooks/records"
)

// mount is where routes go.
type mount struct {
	api  huma.API
	auth func(least role.Role) gin.HandlerFunc
	log  *slog.Logger
}

// Routes adds the routes to a gateway: the typed ones to api, which must be one of humagin, and those that stream or
// must see raw bytes to r. auth makes the handler that lets callers of at least a role through, and who says whose
// request that handler let through: an API key's name and role.
func (s *API) Routes(r gin.IRouter, api huma.API, auth func(least role.Role) gin.HandlerFunc, who func(context.Context) (key string, r role.Role)) {
	problem.Install()
	admit := auth
	auth = func(least role.Role) gin.HandlerFunc { return known(admit(least), who) }
	for _, path := range []string{"", "/batch", "/fine-tuning"} {
		r.POST("/webhooks/openai"+path, gin.WrapH(s.receiver))
	}
	r.POST("/api/batches", auth(role.App), s.submitBatch)
	r.GET("/api/batches/:id/results", auth(role.App), s.batchLines)
	r.GET("/api/batches/:id/errors", auth(role.App), s.batchLines)
	r.POST("/api/fine-tuning/jobs", auth(role.App), s.submitJob)
	r.Match([]string{http.MethodGet, http.MethodHead}, "/api/events", auth(role.App), s.follow)

	m := mount{api, auth, s.log}
	add(m, role.App, "GET", "/api/batches", "list-batches", "List the project's batches", s.listBatches)
	add(m, role.App, "GET", "/api/batches/{id}", "get-batch", "Look at a batch", s.getBatch)
	add(m, role.App, "POST", "/api/batches/{id}/cancel", "cancel-batch", "Cancel a batch", s.cancelBatch)
	add(m, role.App, "POST", "/api/batches/{id}/retry", "retry-batch", "Run the requests that did not succeed again, as a new batch", s.retryBatch)

	add(m, role.App, "GET", "/api/fine-tuning/jobs", "list-tuning-jobs", "List the project's fine-tuning jobs", s.listJobs)
	add(m, role.App, "GET", "/api/fine-tuning/jobs/{id}", "get-tuning-job", "Look at a job, its smoke test and its mark", s.getJob)
	add(m, role.App, "POST", "/api/fine-tuning/jobs/{id}/cancel", "cancel-tuning-job", "Cancel a job", s.cancelJob)
	add(m, role.App, "GET", "/api/fine-tuning/jobs/{id}/events", "list-tuning-events", "Read a job's log", s.jobEvents)
	add(m, role.App, "GET", "/api/fine-tuning/jobs/{id}/checkpoints", "list-checkpoints", "List a job's checkpoints", s.jobCheckpoints)
	add(m, role.App, "GET", "/api/fine-tuning/jobs/{id}/metrics", "get-tuning-metrics", "Read the points of a job's curves", s.jobMetrics)
	add(m, role.Operator, "POST", "/api/fine-tuning/jobs/{id}/smoke-test", "test-tuned-model", "Ask the new model again", s.retestJob)
	add(m, role.Operator, "POST", "/api/fine-tuning/jobs/{id}/mark", "mark-tuned-model", "Promote or hold the new model", s.markJob)
	add(m, role.App, "GET", "/api/dashboard", "get-dashboard", "Everything that the jobs page shows first", s.dashboard)

	add(m, role.Operator, "GET", "/webhooks/events", "list-webhook-events", "List the inbox", s.listEvents)
	add(m, role.Operator, "GET", "/webhooks/events/{id}", "get-webhook-event", "Look at an event and every attempt", s.getEvent)
	add(m, role.Operator, "POST", "/webhooks/events/{id}/replay", "replay-webhook-event", "Handle an event again", s.replayEvent)
	add(m, role.Operator, "POST", "/webhooks/events/replay", "replay-webhook-events", "Handle many events again", s.replayEvents)
	add(m, role.Operator, "POST", "/webhooks/events/{id}/discard", "discard-webhook-event", "Take an event that was given up off the list", s.discardEvent)
	add(m, role.Operator, "POST", "/webhooks/events/discard", "discard-webhook-events", "Take many off the list", s.discardEvents)

	add(m, role.Admin, "GET", "/webhooks/endpoints", "list-endpoints", "List OpenAI's webhook endpoints", s.listEndpoints)
	add(m, role.Admin, "POST", "/webhooks/endpoints", "create-endpoint", "Have OpenAI deliver here", s.createEndpoint)
	add(m, role.Admin, "GET", "/webhooks/endpoints/{id}", "get-endpoint", "Look at an endpoint", s.getEndpoint)
	add(m, role.Admin, "PATCH", "/webhooks/endpoints/{id}", "update-endpoint", "Change an endpoint", s.updateEndpoint)
	add(m, role.Admin, "DELETE", "/webhooks/endpoints/{id}", "delete-endpoint", "Delete an endpoint", s.deleteEndpoint)
	add(m, role.Admin, "POST", "/webhooks/endpoints/{id}/rotate-secret", "rotate-endpoint-secret", "Give an endpoint a new secret", s.rotateEndpoint)
	add(m, role.Admin, "POST", "/webhooks/endpoints/{id}/test", "test-endpoint", "Have OpenAI send a sample", s.testEndpoint)
	add(m, role.Admin, "GET", "/webhooks/event-types", "list-event-types", "List what OpenAI can deliver", s.eventTypes)

	add(m, role.Admin, "GET", "/webhooks/subscriptions", "list-subscriptions", "List subscriptions", s.listSubscriptions)
	add(m, role.Admin, "POST", "/webhooks/subscriptions", "create-subscription", "Have events delivered to an address", s.createSubscription)
	add(m, role.Admin, "GET", "/webhooks/subscriptions/{id}", "get-subscription", "Look at a subscription", s.getSubscription)
	add(m, role.Admin, "PATCH", "/webhooks/subscriptions/{id}", "update-subscription", "Change a subscription", s.updateSubscription)
	add(m, role.Admin, "DELETE", "/webhooks/subscriptions/{id}", "delete-subscription", "Delete a subscription and its deliveries", s.deleteSubscription)
	add(m, role.Admin, "POST", "/webhooks/subscriptions/{id}/rotate-secret", "rotate-subscription-secret", "Give a subscription a new secret", s.rotateSubscription)
	add(m, role.Admin, "POST", "/webhooks/subscriptions/{id}/test", "test-subscription", "Send a test delivery now", s.testSubscription)
	add(m, role.Admin, "GET", "/webhooks/subscriptions/{id}/deliveries", "list-deliveries", "Read the delivery log", s.listDeliveries)
	add(m, role.Admin, "GET", "/webhooks/subscriptions/{id}/deliveries/{delivery}", "get-delivery", "Look at a delivery and every attempt", s.getDelivery)
	add(m, role.Admin, "POST", "/webhooks/subscriptions/{id}/deliveries/{delivery}/replay", "replay-delivery", "Deliver again", s.replayDelivery)
	describeStreams(api)
}

type (
	viewerKey struct{}
	callerOf  func(context.Context) (key string, r role.Role)
)

// known lets handlers ask whose request it is that admit lets through, whether they run behind admit or within it.
func known(admit gin.HandlerFunc, who callerOf) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), viewerKey{}, who))
		admit(c)
	}
}

// viewer is whose request it is; nobody, who sees nothing, outside of one.
func viewer(ctx context.Context) records.Viewer {
	who, ok := ctx.Value(viewerKey{}).(callerOf)
	if !ok {
		return records.Viewer{}
	}
	key, r := who(ctx)
	return records.Viewer{Key: key, All: r.AtLeast(role.Operator)}
}

// follow streams the changes that are the caller's business.
func (s *API) follow(c *gin.Context) {
	s.changes.Serve(c.Writer, c.Request, viewer(c.Request.Context()).Sees)
}

// add registers one typed operation; its errors become problems here.
func add[I, O any](m mount, least role.Role, method, path, id, summary string, do func(context.Context, *I) (*O, error)) {
	allow := m.auth(least)
	status := http.StatusOK
	switch {
	case method == "DELETE":
		status = http.StatusNoContent
	case strings.HasPrefix(id, "create-"):
		status = http.StatusCreated
	}
	op := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, DefaultStatus: status, Tags: []string{tagOf(path)},
		Errors: []int{400, 401, 403, 404, 409, 422, 429, 502, 503, 504}, Description: "Role: " + string(least) + ".",
		BodyReadTimeout: -1, // a deadline that stays would cancel handlers that wait for OpenAI
		Middlewares: huma.Middlewares{func(c huma.Context, next func(huma.Context)) {
			request := humagin.Unwrap(c)
			if allow(request); !request.IsAborted() {
				next(huma.WithContext(c, request.Request.Context()))
			}
		}},
	}
	huma.Register(m.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		if err != nil {
			return nil, problemOf(m.log, err)
		}
		return out, nil
	})
}

func tagOf(path string) string {
	for _, t := range []struct{ prefix, tag string }{
		{"/api/batches", "Batches"}, {"/api/fine-tuning", "Fine-tuning"}, {"/webhooks/events", "Inbox"},
		{"/webhooks/e", "Endpoints"}, {"/webhooks/subscriptions", "Subscriptions"},
	} {
		if strings.HasPrefix(path, t.prefix) {
			return t.tag
		}
	}
	return "Jobs"
}
