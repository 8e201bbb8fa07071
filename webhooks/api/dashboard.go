package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"switchboard/gateway/openapi"
	"switchboard/gateway/role"
	"switchboard/webhooks/batch"
	"switchboard/webhooks/queue"
	"switchboard/webhooks/tune"
)

const (
	shownJobs   = 100
	shownEvents = 20
)

type dashboardOutput struct {
	Body struct {
		LastEventID string           `json:"last_event_id" doc:"Follow /api/events from here and no change is missed"`
		Batches     []*batch.Batch   `json:"batches" nullable:"false" doc:"The newest that the API key may see, as last known"`
		NextBatches string           `json:"next_batches,omitempty" doc:"There are older ones: after of GET /api/batches"`
		BatchCounts map[string]int   `json:"batch_counts" doc:"Those batches by status"`
		Jobs        []*tune.Job      `json:"jobs" nullable:"false" doc:"The newest fine-tuning jobs, as last known"`
		NextJobs    string           `json:"next_jobs,omitempty" doc:"There are older ones: after of GET /api/fine-tuning/jobs"`
		JobCounts   map[string]int   `json:"job_counts" doc:"Those jobs by status"`
		Inbox       inboxView        `json:"inbox" doc:"Of operators only, as events, dead and subscriptions; others get none"`
		Events      []EventView      `json:"events" nullable:"false" doc:"The newest deliveries"`
		Dead        []EventView      `json:"dead" nullable:"false" doc:"The newest that were given up"`
		Subscribers subscribersCount `json:"subscriptions"`
	}
}

type inboxView struct {
	Kept    int64 `json:"kept"`
	Waiting int64 `json:"waiting" doc:"Events and the gateway's own tasks"`
	Dead    int64 `json:"dead"`

	Discarded int64 `json:"discarded"`
}

type subscribersCount struct {
	All      int `json:"all"`
	Disabled int `json:"disabled"`
	Failing  int `json:"failing"`
}

// dashboardRoutes are what concerns batches and jobs alike.
func (s *API) dashboardRoutes() []openapi.Route {
	return []openapi.Route{
		{Method: "GET", Path: "/api/dashboard", ID: "get-dashboard", Tag: tagJobs, Role: role.App, Errors: failures,
			Summary: "Everything that the jobs page shows first", Do: openapi.JSON(s.dashboard)},
		{Method: "GET", Path: "/api/events", ID: "follow-changes", Tag: tagJobs, Role: role.App,
			Summary: "Follow changes",
			Text:    "Server-sent events. Resumes after Last-Event-ID or ?last_event_id=.",
			Do: openapi.Plain(openapi.Shape{
				Params: []*huma.Param{openapi.Param("header", "Last-Event-ID", "ID of the last event seen", huma.TypeString),
					openapi.Param("query", "last_event_id", "The same, for clients that cannot set the header", huma.TypeString)},
				Answers: map[int]openapi.Answer{200: {Text: "Changes", Type: "text/event-stream", Body: openapi.Text("")}},
				Events:  changeEvents(),
			}, s.follow)},
	}
}

// changeEvents are what is told of batches, jobs and the inbox.
func changeEvents() []openapi.Event {
	return []openapi.Event{
		{Type: "batch.updated", Text: "A batch, as GET /api/batches/{id} shows it.",
			Example: map[string]any{"id": "batch_…", "status": "in_progress"}},
		{Type: "fine_tuning.updated", Text: "A fine-tuning job, as GET /api/fine-tuning/jobs/{id} shows it.",
			Example: map[string]any{"id": "ftjob-…", "status": "running"}},
		{Type: "fine_tuning.metrics", Text: "More points of a job's curves.",
			Example: map[string]any{"id": "ftjob-…", "points": []any{map[string]any{"step": 10, "train_loss": 1.25}}}},
		{Type: "inbox.updated", Text: "An event of the inbox was received, handled, given up, replayed or discarded.",
			Example: map[string]any{"id": "wh_…", "type": "batch.completed", "origin": "openai", "state": "done", "received_at": "2026-11-30T12:00:00Z"}},
		{Type: "file.updated", Text: "A file of OpenAI's was created or deleted.", Example: map[string]any{"id": "file-…", "deleted": true}},
		{Type: "call.incoming", Text: "A call comes in by SIP.", Example: map[string]any{"call_id": "rtc_…"}},
		{Type: "resync", Text: "The last event that the client saw is no longer stored: read everything again.", Example: map[string]any{}},
	}
}

// follow streams the changes that are the caller's business.
func (s *API) follow(c *gin.Context) {
	s.changes.Serve(c.Writer, c.Request, viewer(c.Request.Context()).Sees)
}

// dashboard reads Redis only, so that it is quick and works while OpenAI is away.
func (s *API) dashboard(ctx context.Context, _ *struct{}) (*dashboardOutput, error) {
	var out dashboardOutput
	b := &out.Body
	var err error
	if b.LastEventID, err = s.changes.Last(ctx); err != nil { // first: what changes while we read comes again
		return nil, err
	}
	if b.Batches, b.NextBatches, err = s.batches.Known(ctx, viewer(ctx), "", shownJobs); err != nil {
		return nil, err
	}
	if b.Jobs, b.NextJobs, err = s.jobs.Known(ctx, viewer(ctx), "", shownJobs); err != nil {
		return nil, err
	}
	b.BatchCounts, b.JobCounts = map[string]int{}, map[string]int{}
	for _, x := range b.Batches {
		b.BatchCounts[x.Status]++
	}
	for _, x := range b.Jobs {
		b.JobCounts[x.Status]++
	}
	b.Events, b.Dead = []EventView{}, []EventView{}
	if !viewer(ctx).All {
		return &out, nil // the inbox is the operators'
	}
	return &out, s.dashboardInbox(ctx, &out)
}

func (s *API) dashboardInbox(ctx context.Context, out *dashboardOutput) (err error) {
	b := &out.Body
	n, err := s.inbox.Count(ctx)
	if err != nil {
		return err
	}
	b.Inbox = inboxView{n.All, n.Waiting, n.Dead, n.Discarded}
	recent, err := listQueue(ctx, s.inbox, queue.Filter{Origin: queue.FromOpenAI, Limit: shownEvents})
	if err != nil {
		return err
	}
	dead, err := listQueue(ctx, s.inbox, queue.Filter{State: queue.Dead, Limit: shownEvents})
	if err != nil {
		return err
	}
	b.Events, b.Dead = recent.Body.Events, dead.Body.Events
	subs, err := s.fanout.List(ctx)
	for _, sub := range subs {
		b.Subscribers.All++
		if !sub.Enabled {
			b.Subscribers.Disabled++
		}
		if !sub.FailingFrom.IsZero() {
			b.Subscribers.Failing++
		}
	}
	return err
}
