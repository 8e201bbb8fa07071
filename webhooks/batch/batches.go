package batch

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/openai/openai-go/v3"

	"switchboard/webhooks/notify"
	"switchboard/webhooks/queue"
	"switchboard/webhooks/records"
)

// Options tune Batches. Prices may be empty.
type Options struct {
	Prices    []Price
	PollFirst time.Duration // first pause between two looks at a running batch; default 2 s
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

// Batches works with the batches of one OpenAI project. Its methods may be called from any goroutine. Errors of the API
// are *openai.Error.
type Batches struct {
	api     openai.Client
	records *records.Store
	work    Work
	changes Changes
	o       Options
}

// The types of the work that Batches gives itself.
const (
	WatchTask  = "task.watch_batch"
	longestGap = time.Minute
	afterError = 30 * time.Second
)

// New makes Batches.
func New(api openai.Client, r *records.Store, w Work, c Changes, o Options) *Batches {
	if o.PollFirst == 0 {
		o.PollFirst = 2 * time.Second
	}
	return &Batches{api: api, records: r, work: w, changes: c, o: o}
}

// Get fetches a batch; if OpenAI cannot be asked, the last known state comes back marked stale. A batch that is not the
// viewer's business is records.ErrNotFound, as one that is not there.
func (s *Batches) Get(ctx context.Context, who records.Viewer, id string) (*Batch, error) {
	owner, err := s.records.Owner(ctx, id)
	if err != nil {
		return nil, err
	}
	if owner != "" && !who.Sees(owner) {
		return nil, records.ErrNotFound
	}
	b, err := s.fetch(ctx, id)
	if err == nil && !who.Sees(b.Key) || gone(err) && !who.All {
		return nil, records.ErrNotFound
	}
	return b, err
}

func (s *Batches) fetch(ctx context.Context, id string) (*Batch, error) {
	fetched, err := s.api.Batches.Get(ctx, id)
	if err == nil {
		return s.absorb(ctx, fetched)
	}
	if gone(err) {
		return nil, err
	}
	record, rerr := s.records.Get(ctx, id)
	var last Batch
	if rerr != nil || json.Unmarshal(record.Object, &last) != nil {
		return nil, err
	}
	last.Stale = true
	return last.withOwn(record.Own), nil
}

// List fetches a page of the project's batches, newest first, and the After of the next page, if there is one. One API
// key's are listed as they are last known: those that run are watched.
func (s *Batches) List(ctx context.Context, who records.Viewer, after string, limit int64) (list []*Batch, next string, err error) {
	if !who.All {
		return s.Known(ctx, who, after, limit)
	}
	params := openai.BatchListParams{Limit: openai.Int(limit)}
	if after != "" {
		params.After = openai.String(after)
	}
	page, err := s.api.Batches.List(ctx, params)
	if err != nil {
		return nil, "", err
	}
	for i := range page.Data {
		b, err := s.absorb(ctx, &page.Data[i])
		if err != nil {
			return nil, "", err
		}
		list = append(list, b)
	}
	if page.HasMore && len(list) > 0 {
		next = list[len(list)-1].ID
	}
	return list, next, nil
}

// Known returns a page of the last known states of batches that a viewer sees, newest first, without asking OpenAI.
func (s *Batches) Known(ctx context.Context, who records.Viewer, after string, limit int64) (list []*Batch, next string, err error) {
	found, next, err := s.records.Newest(ctx, who, after, limit)
	if err != nil {
		return nil, "", err
	}
	list = make([]*Batch, 0, len(found))
	for _, r := range found {
		var b Batch
		if json.Unmarshal(r.Object, &b) == nil {
			list = append(list, b.withOwn(r.Own))
		}
	}
	return list, next, nil
}

// Cancel asks OpenAI to cancel a batch; what is done until then stays readable.
func (s *Batches) Cancel(ctx context.Context, who records.Viewer, id string) (*Batch, error) {
	if !who.All {
		if _, err := s.Get(ctx, who, id); err != nil {
			return nil, err
		}
	}
	b, err := s.api.Batches.Cancel(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.absorb(ctx, b)
}

// absorb takes a fetched state over and shows it on pages if it is new. A batch that runs is watched; when one ends that
// was followed (seen running, or named by a webhook), people are told. Each step may be repeated.
func (s *Batches) absorb(ctx context.Context, fetched *openai.Batch) (*Batch, error) {
	return s.take(ctx, fetched, false)
}

func (s *Batches) take(ctx context.Context, fetched *openai.Batch, followed bool) (*Batch, error) {
	b := s.view(fetched)
	var err error
	if b.Key, err = s.records.Owner(ctx, b.ID, b.InputFileID); err != nil {
		return nil, err
	}
	object, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	record, changed, err := s.records.Absorb(ctx, b.Key, b.ID, b.CreatedAt, b.version(), object)
	if err != nil {
		return nil, err
	}
	if b.withOwn(record.Own); changed {
		if err := s.changes.Publish(ctx, "batch.updated", b.Key, b); err != nil {
			slog.Warn("batch: a change was not shown", "batch", b.ID, "err", err)
		}
	}
	switch {
	case !b.Ended():
		err = s.records.Once(ctx, record, "watched", func() error { return s.add(ctx, s.gap(b), watchItem(b.ID)) })
	case followed || record.Own["watched"] != "":
		err = s.records.Once(ctx, record, "told", func() error {
			return s.add(ctx, 0, s.notice(b).Item("batch."+b.Status+":"+b.ID))
		})
	}
	return b, err
}

func (s *Batches) add(ctx context.Context, delay time.Duration, item queue.Item) error {
	_, err := s.work.AddIn(ctx, delay, item)
	return err
}

// notice tells people how a batch ended.
func (s *Batches) notice(b *Batch) notify.Notice {
	return notify.Notice{Kind: "batch." + b.Status, Subject: b.ID, Fields: map[string]any{
		"total": b.Counts.Total, "completed": b.Counts.Completed, "failed": b.Counts.Failed,
		"endpoint": b.Endpoint, "model": b.Model, "errors": b.Errors, "cost_usd": b.CostUSD,
	}}
}

// Fetch takes over the state of the batch that a webhook named.
func (s *Batches) Fetch(ctx context.Context, id string) error {
	b, err := s.api.Batches.Get(ctx, id)
	if err != nil {
		return err
	}
	_, err = s.take(ctx, b, true)
	return err
}

// Watch looks at a running batch once and asks to be called again until it has ended.
func (s *Batches) Watch(ctx context.Context, id string) error {
	fetched, err := s.api.Batches.Get(ctx, id)
	if gone(err) {
		return nil
	}
	if err != nil {
		slog.Warn("batch: not looked at", "batch", id, "err", err)
		return queue.Again(afterError)
	}
	b, err := s.absorb(ctx, fetched)
	switch {
	case err != nil:
		return err
	case b.Ended():
		return nil
	}
	return queue.Again(s.gap(b))
}

// Discover takes over the states of the newest batches, those made elsewhere too.
func (s *Batches) Discover(ctx context.Context) error {
	_, _, err := s.List(ctx, records.Everyone, "", 100)
	return err
}

// gap grows with a batch's age: one that has run for ten minutes is looked at every 30 s.
func (s *Batches) gap(b *Batch) time.Duration {
	age := time.Since(time.Unix(b.CreatedAt, 0))
	return min(max(age/20, s.o.PollFirst), max(longestGap, s.o.PollFirst))
}

func watchItem(id string) queue.Item {
	return queue.NewTask(WatchTask, "watch:"+id, map[string]string{"id": id})
}

func gone(err error) bool {
	refused, ok := errors.AsType[*openai.Error](err)
	return ok && refused.StatusCode == 404
}
