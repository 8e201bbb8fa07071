package webhooks

import (
	"context"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

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
			By   string `json:"by,omitempty" default:"operator" maxLength:"100"`
			Note string `json:"note,omitempty" maxLength:"500"`
		}
	}
)

func (s *Office) listJobs(ctx context.Context, in *pageInput) (*jobListOutput, error) {
	var out jobListOutput
	var err error
	out.Body.Jobs, out.Body.Next, err = s.jobs.List(ctx, in.After, in.Limit)
	if out.Body.Jobs == nil {
		out.Body.Jobs = []*tune.Job{}
	}
	return &out, err
}

func (s *Office) getJob(ctx context.Context, in *idInput) (*jobOutput, error) {
	j, err := s.jobs.Get(ctx, in.ID)
	return &jobOutput{j}, err
}

func (s *Office) cancelJob(ctx context.Context, in *idInput) (*jobOutput, error) {
	j, err := s.jobs.Cancel(ctx, in.ID)
	return &jobOutput{j}, err
}

func (s *Office) jobEvents(ctx context.Context, in *jobPageInput) (*jobEventsOutput, error) {
	var out jobEventsOutput
	var err error
	out.Body.Events, out.Body.Next, err = s.jobs.Events(ctx, in.ID, in.After, in.Limit)
	if out.Body.Events == nil {
		out.Body.Events = []tune.JobEvent{}
	}
	return &out, err
}

func (s *Office) jobCheckpoints(ctx context.Context, in *idInput) (*checkpointsOutput, error) {
	var out checkpointsOutput
	var err error
	out.Body.Checkpoints, err = s.jobs.Checkpoints(ctx, in.ID)
	return &out, err
}

func (s *Office) jobMetrics(ctx context.Context, in *idInput) (*metricsOutput, error) {
	var out metricsOutput
	var err error
	out.Body.Points, err = s.jobs.Metrics(ctx, in.ID)
	return &out, err
}

// retestJob makes the smoke test again, at once, and answers with its outcome.
func (s *Office) retestJob(ctx context.Context, in *idInput) (*jobOutput, error) {
	if s.o.SmokePrompt == "" {
		return nil, huma.NewError(409, "no smoke prompt is configured")
	}
	if err := s.jobs.SmokeTest(ctx, in.ID, lastAttempt); err != nil {
		return nil, err
	}
	return s.getJob(ctx, in)
}

// lastAttempt has a failing smoke test kept instead of tried again.
const lastAttempt = 1 << 10

func (s *Office) markJob(ctx context.Context, in *markInput) (*jobOutput, error) {
	j, err := s.jobs.SetMark(ctx, in.ID, tune.ModelMark{Mark: in.Body.Mark, By: in.Body.By, Note: in.Body.Note})
	return &jobOutput{j}, err
}

// submitJob starts a job from JSON that names uploaded files, or from a form with the training file.
func (s *Office) submitJob(c *gin.Context) {
	kind, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type"))
	body := patientReader{http.MaxBytesReader(c.Writer, c.Request.Body, largestUpload), http.NewResponseController(c.Writer)}
	var j *tune.Job
	var err error
	switch kind {
	case "application/json", curlsDefault:
		j, err = s.submitJobJSON(c.Request.Context(), body)
	case "multipart/form-data":
		j, err = s.submitJobForm(c.Request, body)
	default:
		err = huma.NewError(415, "send application/json or multipart/form-data")
	}
	respond(c, j, err)
}

// jobSubmission is a job given as JSON.
type jobSubmission struct {
	Model          string            `json:"model" doc:"The base model"`
	TrainingFile   string            `json:"training_file" doc:"ID of a file that OpenAI has"`
	ValidationFile string            `json:"validation_file,omitempty" doc:"The same, to validate with"`
	Suffix         string            `json:"suffix,omitempty" doc:"Of the new model's name"`
	Metadata       map[string]string `json:"metadata,omitempty" doc:"At most 16, kept by OpenAI"`
}

func (s *Office) submitJobJSON(ctx context.Context, body patientReader) (*tune.Job, error) {
	var in jobSubmission
	if err := readJSON(body, largestField, &in); err != nil {
		return nil, err
	}
	if in.Model == "" || in.TrainingFile == "" {
		return nil, huma.NewError(422, "model and training_file are required")
	}
	return s.jobs.Submit(ctx, tune.Spec{
		Model: in.Model, TrainingFile: in.TrainingFile, ValidationFile: in.ValidationFile, Suffix: in.Suffix, Metadata: in.Metadata,
	})
}

func (s *Office) submitJobForm(r *http.Request, body patientReader) (*tune.Job, error) {
	fields, file, err := openForm(r, body)
	if err != nil {
		return nil, err
	}
	if fields["model"] == "" {
		return nil, huma.NewError(400, "the form's field model is missing, or comes after the file")
	}
	id, err := s.jobs.Upload(r.Context(), file.FileName(), body.toEnd(file))
	if err != nil {
		return nil, err
	}
	return s.jobs.Submit(r.Context(), tune.Spec{Model: fields["model"], TrainingFile: id, Suffix: fields["suffix"]})
}
