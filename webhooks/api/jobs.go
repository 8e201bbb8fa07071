package api

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"switchboard/gateway/openapi"
	"switchboard/gateway/problem"
	"switchboard/gateway/role"
	"switchboard/webhooks/tune"
)

type (
	jobOutput     struct{ Body *tune.Job }
	jobListOutput struct {
		Body struct {
			Jobs []*tune.Job `json:"jobs" nullable:"false" doc:"Newest first"`
			Next string      `json:"next,omitempty"`
		}
	}
	jobPageInput struct {
		ID    string `path:"id" maxLength:"256"`
		After string `query:"after" doc:"next of the page before"`
		Limit int64  `query:"limit" minimum:"1" maximum:"100" default:"20"`
	}
	jobEventsOutput struct {
		Body struct {
			Events []tune.JobEvent `json:"events" nullable:"false" doc:"Newest first"`
			Next   string          `json:"next,omitempty"`
		}
	}
	checkpointsOutput struct {
		Body struct {
			Checkpoints []tune.Checkpoint `json:"checkpoints" nullable:"false" doc:"Newest first"`
		}
	}
	metricsOutput struct {
		Body struct {
			Points []tune.Point `json:"points" nullable:"false" doc:"By step"`
		}
	}
	markInput struct {
		ID   string `path:"id" maxLength:"256"`
		Body struct {
			Mark string `json:"mark" enum:"candidate,promoted,held"`
			By   string `json:"by,omitempty" maxLength:"100" deprecated:"true" doc:"Ignored: by is the API key's name"`
			Note string `json:"note,omitempty" maxLength:"500"`
		}
	}
)

// tuningRoutes are those of fine-tuning jobs, but for their submission.
func (s *API) tuningRoutes() []openapi.Route {
	return []openapi.Route{
		{Method: "GET", Path: "/api/fine-tuning/jobs", ID: "list-tuning-jobs", Tag: tagTuning, Role: role.App, Errors: failures,
			Summary: "List the project's fine-tuning jobs", Do: openapi.JSON(s.listJobs)},
		{Method: "GET", Path: "/api/fine-tuning/jobs/{id}", ID: "get-tuning-job", Tag: tagTuning, Role: role.App, Errors: failures,
			Summary: "Look at a job, its smoke test and its mark", Do: openapi.JSON(s.getJob)},
		{Method: "POST", Path: "/api/fine-tuning/jobs/{id}/cancel", ID: "cancel-tuning-job", Tag: tagTuning, Role: role.App, Errors: failures,
			Summary: "Cancel a job", Do: openapi.JSON(s.cancelJob)},
		{Method: "GET", Path: "/api/fine-tuning/jobs/{id}/events", ID: "list-tuning-events", Tag: tagTuning, Role: role.App, Errors: failures,
			Summary: "Read a job's log", Do: openapi.JSON(s.jobEvents)},
		{Method: "GET", Path: "/api/fine-tuning/jobs/{id}/checkpoints", ID: "list-checkpoints", Tag: tagTuning, Role: role.App, Errors: failures,
			Summary: "List a job's checkpoints", Do: openapi.JSON(s.jobCheckpoints)},
		{Method: "GET", Path: "/api/fine-tuning/jobs/{id}/metrics", ID: "get-tuning-metrics", Tag: tagTuning, Role: role.App, Errors: failures,
			Summary: "Read the points of a job's curves", Do: openapi.JSON(s.jobMetrics)},
		{Method: "POST", Path: "/api/fine-tuning/jobs/{id}/smoke-test", ID: "test-tuned-model", Tag: tagTuning, Role: role.Operator, Errors: failures,
			Summary: "Ask the new model again", Do: openapi.JSON(s.retestJob)},
		{Method: "POST", Path: "/api/fine-tuning/jobs/{id}/mark", ID: "mark-tuned-model", Tag: tagTuning, Role: role.Operator, Errors: failures,
			Summary: "Promote or hold the new model", Do: openapi.JSON(s.markJob)},
	}
}

func (s *API) listJobs(ctx context.Context, in *pageInput) (*jobListOutput, error) {
	var out jobListOutput
	var err error
	out.Body.Jobs, out.Body.Next, err = s.jobs.List(ctx, viewer(ctx), in.After, in.Limit)
	if out.Body.Jobs == nil {
		out.Body.Jobs = []*tune.Job{}
	}
	return &out, err
}

func (s *API) getJob(ctx context.Context, in *idInput) (*jobOutput, error) {
	j, err := s.jobs.Get(ctx, viewer(ctx), in.ID)
	return &jobOutput{j}, err
}

func (s *API) cancelJob(ctx context.Context, in *idInput) (*jobOutput, error) {
	j, err := s.jobs.Cancel(ctx, viewer(ctx), in.ID)
	return &jobOutput{j}, err
}

func (s *API) jobEvents(ctx context.Context, in *jobPageInput) (*jobEventsOutput, error) {
	var out jobEventsOutput
	var err error
	out.Body.Events, out.Body.Next, err = s.jobs.Events(ctx, viewer(ctx), in.ID, in.After, in.Limit)
	if out.Body.Events == nil {
		out.Body.Events = []tune.JobEvent{}
	}
	return &out, err
}

func (s *API) jobCheckpoints(ctx context.Context, in *idInput) (*checkpointsOutput, error) {
	var out checkpointsOutput
	var err error
	out.Body.Checkpoints, err = s.jobs.Checkpoints(ctx, viewer(ctx), in.ID)
	return &out, err
}

func (s *API) jobMetrics(ctx context.Context, in *idInput) (*metricsOutput, error) {
	var out metricsOutput
	var err error
	out.Body.Points, err = s.jobs.Metrics(ctx, viewer(ctx), in.ID)
	return &out, err
}

// retestJob makes the smoke test again, at once, and answers with its outcome.
func (s *API) retestJob(ctx context.Context, in *idInput) (*jobOutput, error) {
	if !s.smoke {
		return nil, problem.Of(409, "no smoke prompt is configured")
	}
	if err := s.jobs.SmokeTest(ctx, in.ID, lastAttempt); err != nil {
		return nil, err
	}
	return s.getJob(ctx, in)
}

// lastAttempt has a failing smoke test kept instead of tried again.
const lastAttempt = 1 << 10

func (s *API) markJob(ctx context.Context, in *markInput) (*jobOutput, error) {
	j, err := s.jobs.SetMark(ctx, in.ID, tune.ModelMark{Mark: in.Body.Mark, By: viewer(ctx).Key, Note: in.Body.Note})
	return &jobOutput{j}, err
}

// submitJob starts a job from JSON that names uploaded files, or from a form with the training file.
func (s *API) submitJob(c *gin.Context) {
	s.upload(c, func(kind string, body patientReader) (any, error) {
		if c.Request.URL.RawQuery != "" {
			return nil, problem.Of(422, "the address has a query: put it in the body")
		}
		switch kind {
		case "application/json", curlsDefault:
			return s.submitJobJSON(c.Request.Context(), body)
		case "multipart/form-data":
			return s.submitJobForm(c.Request, body)
		}
		return nil, problem.Of(415, "send application/json or multipart/form-data")
	})
}

func (s *API) submitJobJSON(ctx context.Context, body patientReader) (*tune.Job, error) {
	var spec tune.Spec
	if err := readJSON(body.toEnd(body), largestField, &spec); err != nil {
		return nil, err
	}
	return s.startJob(ctx, spec)
}

func (s *API) startJob(ctx context.Context, spec tune.Spec) (*tune.Job, error) {
	for name, value := range map[string]string{"model": spec.Model, "training_file": spec.TrainingFile} {
		if value == "" {
			return nil, invalid(name, "is missing; model and training_file are required")
		}
	}
	return s.jobs.Submit(ctx, viewer(ctx), spec)
}

func (s *API) submitJobForm(r *http.Request, body patientReader) (*tune.Job, error) {
	fields, file, err := openForm(r, body)
	if err != nil {
		return nil, err
	}
	var spec tune.Spec
	if err := decodeFields(fields, &spec); err != nil {
		return nil, err
	}
	switch {
	case file == nil:
		return s.startJob(r.Context(), spec)
	case spec.Model == "":
		return nil, problem.Of(400, "the form's field model is missing, or comes after the file")
	case spec.TrainingFile != "":
		return nil, invalid("training_file", "give a file or training_file, not both")
	}
	return s.jobs.SubmitFile(r.Context(), viewer(r.Context()), spec, file.FileName(), body.toEnd(file))
}
