package tune

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"
	"time"

	"github.com/openai/openai-go/v3"

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
}

// Work keeps work that must be done later, by any node; *queue.Queue is one.
type Work interface {
	// AddIn keeps items that are due after delay and tells which of them are new. Errors: of the store.
	AddIn(ctx context.Context, delay time.Duration, items ...queue.Item) ([]bool, error)
}

// Changes is told of what pages want to see; *live.Log is one.
type Changes interface {
	// Publish adds a change of a kind, with data as JSON, for an owner and for those who see all. Errors: of the store.
	Publish(ctx context.Context, kind, owner string, data any) error
}

// Jobs works with the fine-tuning jobs of one OpenAI project. Its methods may be called from any goroutine. Errors of
// the API are *openai.Error.
type Jobs struct {
	api     openai.Client
	records *records.Store
	work    Work
	changes Changes
	o       Options
}

// The types of the work that Jobs gives itself.
const (
	WatchTask  = "task.watch_job"
	SmokeTask  = "task.smoke_test"
	longestGap = time.Minute
	afterError = 30 * time.Second
)

// New makes Jobs.
func New(api openai.Client, r *records.Store, w Work, c Changes, o Options) *Jobs {
	if o.PollFirst == 0 {
		o.PollFirst = 2 * time.Second
	}
	return &Jobs{api: api, records: r, work: w, changes: c, o: o}
}

// Get fetches a job; if OpenAI cannot be asked, the last known state comes back marked stale. A job that is not the
// viewer's business is records.ErrNotFound, as one that is not there.
func (s *Jobs) Get(ctx context.Context, who records.Viewer, id string) (*Job, error) {
	owner, err := s.records.Owner(ctx, id)
	if err != nil {
		return nil, err
	}
	if owner != "" && !who.Sees(owner) {
		return nil, records.ErrNotFound
	}
	j, err := s.fetch(ctx, id)
	if err == nil && !who.Sees(j.Key) || gone(err) && !who.All {
		return nil, records.ErrNotFound
	}
	return j, err
}

// allow is Get for those who do not see all: nil, or why the job is not the viewer's business.
func (s *Jobs) allow(ctx context.Context, who records.Viewer, id string) error {
	if who.All {
		return nil
	}
	_, err := s.Get(ctx, who, id)
	return err
}

func (s *Jobs) fetch(ctx context.Context, id string) (*Job, error) {
	fetched, err := s.api.FineTuning.Jobs.Get(ctx, id)
	if err == nil {
		return s.absorb(ctx, fetched)
	}
	if gone(err) {
		return nil, err
	}
	record, rerr := s.records.Get(ctx, id)
	if rerr != nil {
		return nil, err
	}
	last, rerr := fromRecord(record)
	if rerr != nil {
		return nil, err
	}
	last.Stale = true
	return last, nil
}

// List fetches a page of the project's jobs, newest first, and the After of the next page, if there is one. One API key's
// are listed as they are last known: those that run are watched.
func (s *Jobs) List(ctx context.Context, who records.Viewer, after string, limit int64) (list []*Job, next string, err error) {
	if !who.All {
		return s.Known(ctx, who, after, limit)
	}
	params := openai.FineTuningJobListParams{Limit: openai.Int(limit)}
	if after != "" {
		params.After = openai.String(after)
	}
	page, err := s.api.FineTuning.Jobs.List(ctx, params)
	if err != nil {
		return nil, "", err
	}
	for i := range page.Data {
		j, err := s.absorb(ctx, &page.Data[i])
		if err != nil {
			return nil, "", err
		}
		list = append(list, j)
	}
	if page.HasMore && len(list) > 0 {
		next = list[len(list)-1].ID
	}
	return list, next, nil
}

// Known returns a page of the last known states of jobs that a viewer sees, newest first, without asking OpenAI.
func (s *Jobs) Known(ctx context.Context, who records.Viewer, after string, limit int64) (list []*Job, next string, err error) {
	found, next, err := s.records.Newest(ctx, who, after, limit)
	if err != nil {
		return nil, "", err
	}
	list = make([]*Job, 0, len(found))
	for _, r := range found {
		if j, err := fromRecord(r); err == nil {
			list = append(list, j)
		}
	}
	return list, next, nil
}

// Cancel asks OpenAI to cancel a job.
func (s *Jobs) Cancel(ctx context.Context, who records.Viewer, id string) (*Job, error) {
	if err := s.allow(ctx, who, id); err != nil {
		return nil, err
	}
	j, err := s.api.FineTuning.Jobs.Cancel(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.absorb(ctx, j)
}

// absorb takes a fetched state over and shows it on pages if it is new. A job that runs is watched; when one ends that
// was followed (seen running, or named by a webhook), its model is tried and people are told. Each step may be repeated.
func (s *Jobs) absorb(ctx context.Context, fetched *openai.FineTuningJob) (*Job, error) {
	return s.take(ctx, fetched, false)
}

func (s *Jobs) take(ctx context.Context, fetched *openai.FineTuningJob, followed bool) (*Job, error) {
	j := view(fetched)
	var err error
	if j.Key, err = s.records.Owner(ctx, j.ID, j.TrainingFile); err != nil {
		return nil, err
	}
	object, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	record, changed, err := s.records.Absorb(ctx, j.Key, j.ID, j.CreatedAt, ranks[j.Status], object)
	if err != nil {
		return nil, err
	}
	j.withOwn(record.Own)
	if changed {
		s.show(ctx, "fine_tuning.updated", j.Key, j)
	}
	add := func() error {
		_, err := s.work.AddIn(ctx, 0, s.next(j))
		return err
	}
	switch {
	case !j.Ended():
		err = s.records.Once(ctx, record, "watched", add)
	case followed || record.Own["watched"] != "":
		err = s.records.Once(ctx, record, "concluded", add)
	}
	return j, err
}

// next is the work that a job's state calls for.
func (s *Jobs) next(j *Job) queue.Item {
	switch {
	case !j.Ended():
		return queue.NewTask(WatchTask, "watch:"+j.ID, map[string]string{"id": j.ID})
	case j.Status == "succeeded" && s.o.Prompt != "":
		return queue.NewTask(SmokeTask, "smoke:"+j.ID, map[string]string{"id": j.ID})
	}
	return s.notice(j)
}

// notice tells people how a job ended.
func (s *Jobs) notice(j *Job) queue.Item {
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

func (s *Jobs) show(ctx context.Context, kind, owner string, data any) {
	if err := s.changes.Publish(ctx, kind, owner, data); err != nil {
		slog.Warn("tune: a change was not shown", "kind", kind, "err", err)
	}
}

// Fetch takes over the state of the job that a webhook named.
func (s *Jobs) Fetch(ctx context.Context, id string) error {
	j, err := s.api.FineTuning.Jobs.Get(ctx, id)
	if err != nil {
		return err
	}
	_, err = s.take(ctx, j, true)
	return err
}

// Watch looks at a running job once, shows new metrics, and asks to be called again until it has ended.
func (s *Jobs) Watch(ctx context.Context, id string) error {
	fetched, err := s.api.FineTuning.Jobs.Get(ctx, id)
	if gone(err) {
		return nil
	}
	if err != nil {
		slog.Warn("tune: job not looked at", "job", id, "err", err)
		return queue.Again(afterError)
	}
	j, err := s.absorb(ctx, fetched)
	if err != nil {
		return err
	}
	if err := s.showMetrics(ctx, j); err != nil {
		slog.Warn("tune: metrics not read", "job", id, "err", err)
	}
	if j.Ended() {
		return nil
	}
	age := time.Since(time.Unix(j.CreatedAt, 0))
	return queue.Again(min(max(age/20, s.o.PollFirst), max(longestGap, s.o.PollFirst)))
}

// Discover takes over the states of the newest jobs, those made elsewhere too.
func (s *Jobs) Discover(ctx context.Context) error {
	_, _, err := s.List(ctx, records.Everyone, "", 50)
	return err
}

func gone(err error) bool {
	refused, ok := errors.AsType[*openai.Error](err)
	return ok && refused.StatusCode == 404
}
