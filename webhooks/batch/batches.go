package batch

import (
	"context"
	"log/slog"
	"time"

	"github.com/openai/openai-go/v3"

	"switchboard/webhooks/follow"
	"switchboard/webhooks/notify"
	"switchboard/webhooks/queue"
	"switchboard/webhooks/records"
)

// Options tune Batches. Prices may be empty.
type Options struct {
	Prices    []Price
	PollFirst time.Duration // first pause between two looks at a running batch; default 2 s
	Logger    *slog.Logger  // nil: nothing is logged
}

// Batches works with the batches of one OpenAI project. Its methods may be called from any goroutine. Errors of the API
// are *openai.Error.
type Batches struct {
	*follow.Objects[Batch]
	api     openai.Client
	records *records.Store
	o       Options
}

// WatchTask is the type of the work that Batches gives itself.
const WatchTask = "task.watch_batch"

// New makes Batches.
func New(api openai.Client, r *records.Store, w follow.Work, c follow.Changes, o Options) *Batches {
	s := &Batches{api: api, records: r, o: o}
	s.Objects = follow.New(follow.Options{API: api, Records: r, Work: w, Changes: c, PollFirst: o.PollFirst, Logger: o.Logger}, follow.Source[Batch]{
		Name: "batch", Watch: WatchTask, Told: "told", Newest: 100,
		Fetch:  func(ctx context.Context, id string) (*Batch, error) { return s.viewed(api.Batches.Get(ctx, id)) },
		Cancel: func(ctx context.Context, id string) (*Batch, error) { return s.viewed(api.Batches.Cancel(ctx, id)) },
		List:   s.page, Facts: facts, Restore: (*Batch).restore, Conclude: notice,
	})
	return s
}

// viewed is view for what may have failed.
func (s *Batches) viewed(b *openai.Batch, err error) (*Batch, error) {
	if err != nil {
		return nil, err
	}
	return s.view(b), nil
}

func (s *Batches) page(ctx context.Context, after string, limit int64) (list []*Batch, more bool, err error) {
	params := openai.BatchListParams{Limit: openai.Int(limit)}
	if after != "" {
		params.After = openai.String(after)
	}
	page, err := s.api.Batches.List(ctx, params)
	if err != nil {
		return nil, false, err
	}
	for i := range page.Data {
		list = append(list, s.view(&page.Data[i]))
	}
	return list, page.HasMore, nil
}

func facts(b *Batch) follow.Facts {
	return follow.Facts{ID: b.ID, Input: b.InputFileID, Created: b.CreatedAt, Version: b.version(), Ended: b.Ended(), Key: &b.Key, Stale: &b.Stale}
}

// notice tells people how a batch ended.
func notice(b *Batch) queue.Item {
	n := notify.Notice{Kind: "batch." + b.Status, Subject: b.ID, Fields: map[string]any{
		"total": b.Counts.Total, "completed": b.Counts.Completed, "failed": b.Counts.Failed,
		"endpoint": b.Endpoint, "model": b.Model, "errors": b.Errors, "cost_usd": b.CostUSD,
	}}
	return n.Item("batch." + b.Status + ":" + b.ID)
}
