package tune

import (
	"context"
	"log/slog"
	"regexp"
	"time"

	"github.com/openai/openai-go/v3"

	"switchboard/webhooks/follow"
	"switchboard/webhooks/notify"
	"switchboard/webhooks/queue"
	"switchboard/webhooks/records"
)

// Options tune Jobs.
type Options struct {
	Prompt    string         // of the smoke test; empty: none is made
	Expect    *regexp.Regexp // what the answer must match; nil: any text
	Responses bool           // ask through the Responses API instead of chat completions
	PollFirst time.Duration  // first pause between two looks at a running job; default 2 s
	Logger    *slog.Logger   // nil: nothing is logged
}

// Jobs works with the fine-tuning jobs of one OpenAI project. Its methods may be called from any goroutine. Errors of
// the API are *openai.Error.
type Jobs struct {
	*follow.Objects[Job]
	api     openai.Client
	records *records.Store
	o       Options
}

// The types of the work that Jobs gives itself.
const (
	WatchTask = "task.watch_job"
	SmokeTask = "task.smoke_test"
)

// New makes Jobs.
func New(api openai.Client, r *records.Store, w follow.Work, c follow.Changes, o Options) *Jobs {
	s := &Jobs{api: api, records: r, o: o}
	jobs := &s.api.FineTuning.Jobs
	s.Objects = follow.New(follow.Options{API: api, Records: r, Work: w, Changes: c, PollFirst: o.PollFirst, Logger: o.Logger}, follow.Source[Job]{
		Name: "fine_tuning", Watch: WatchTask, Told: "concluded", Newest: 50,
		Fetch:  func(ctx context.Context, id string) (*Job, error) { return viewed(jobs.Get(ctx, id)) },
		Cancel: func(ctx context.Context, id string) (*Job, error) { return viewed(jobs.Cancel(ctx, id)) },
		List:   s.page, Facts: facts, Restore: (*Job).restore, Conclude: s.conclusion, Look: s.showMetrics,
	})
	return s
}

// viewed is view for what may have failed.
func viewed(f *openai.FineTuningJob, err error) (*Job, error) {
	if err != nil {
		return nil, err
	}
	return view(f), nil
}

func (s *Jobs) page(ctx context.Context, after string, limit int64) (list []*Job, more bool, err error) {
	params := openai.FineTuningJobListParams{Limit: openai.Int(limit)}
	if after != "" {
		params.After = openai.String(after)
	}
	page, err := s.api.FineTuning.Jobs.List(ctx, params)
	if err != nil {
		return nil, false, err
	}
	for i := range page.Data {
		list = append(list, view(&page.Data[i]))
	}
	return list, page.HasMore, nil
}

func facts(j *Job) follow.Facts {
	return follow.Facts{ID: j.ID, Input: j.TrainingFile, Created: j.CreatedAt, Version: ranks[j.Status], Ended: j.Ended(), Key: &j.Key, Stale: &j.Stale}
}

// conclusion is the work that an ended job calls for: its model is tried, or people are told.
func (s *Jobs) conclusion(j *Job) queue.Item {
	if j.Status == "succeeded" && s.o.Prompt != "" {
		return queue.NewTask(SmokeTask, "smoke:"+j.ID, map[string]string{"id": j.ID})
	}
	return notice(j)
}

// notice tells people how a job ended.
func notice(j *Job) queue.Item {
	n := notify.Notice{Kind: "fine_tuning." + j.Status, Subject: j.ID, Fields: map[string]any{
		"model": j.Model, "fine_tuned_model": j.FineTunedModel, "error": j.Error,
	}}
	if j.Smoke != nil {
		n.Fields["prompt"], n.Fields["answer"] = j.Smoke.Prompt, j.Smoke.Answer
		if !j.Smoke.OK {
			n.Kind, n.Fields["error"] = "fine_tuning.held", j.Smoke.Error
		}
	}
	return n.Item("fine_tuning." + j.Status + ":" + j.ID)
}
