// Package follow keeps up with objects that OpenAI runs to an end: batches and fine-tuning jobs. An object's state comes
// from the API only; webhooks, polls and people's requests are reasons to fetch it. Each API key sees its own objects.
package follow

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/openai/openai-go/v3"

	"switchboard/webhooks/queue"
	"switchboard/webhooks/records"
	"switchboard/webhooks/spool"
)

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

// Facts are what every followed object has.
type Facts struct {
	ID      string
	Input   string // the file it is made of: whoever owns that owns the object
	Created int64
	Version int64 // grows along the object's life
	Ended   bool
	Key     *string // where the object says whose it is
	Stale   *bool   // where it says that OpenAI could not be asked
}

// Source is how one kind of object, T, is read and what is done with it. Functions that may be nil say so.
type Source[T any] struct {
	Name    string // in logs, and in the type of its changes: "batch" is shown as batch.updated
	Watch   string // the type of the task that calls Watch
	Told    string // the record's field that notes that Conclude's work was added
	Newest  int64  // how many Discover looks at
	Fetch   func(ctx context.Context, id string) (*T, error)
	List    func(ctx context.Context, after string, limit int64) (page []*T, more bool, err error)
	Cancel  func(ctx context.Context, id string) (*T, error)
	Facts   func(*T) Facts
	Restore func(object *T, own map[string]string) // adds what the gateway keeps beside it
	// Conclude is the work that an object calls for which has ended.
	Conclude func(*T) queue.Item
	// Look, if set, is called whenever a running object is looked at, for what its state does not say.
	Look func(context.Context, *T) error
}

// Options are what Objects need beside their source.
type Options struct {
	API       openai.Client
	Records   *records.Store
	Work      Work
	Changes   Changes
	PollFirst time.Duration // first pause between two looks at a running object; default 2 s
	Logger    *slog.Logger  // nil: nothing is logged
}

// Objects are those of one kind that one OpenAI project has. Its methods may be called from any goroutine. Errors of the
// API are *openai.Error.
type Objects[T any] struct {
	o    Options
	from Source[T]
}

// CreateTime is how long an object may take to be made, also when its caller has left: half of that is worse than all.
const CreateTime = time.Minute

const (
	longestGap = time.Minute
	afterError = 30 * time.Second
)

// New makes Objects.
func New[T any](o Options, from Source[T]) *Objects[T] {
	if o.PollFirst == 0 {
		o.PollFirst = 2 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Objects[T]{o, from}
}

// Get fetches an object; if OpenAI cannot be asked, the last known state comes back marked stale. One that is not the
// viewer's business is records.ErrNotFound, as one that is not there.
func (s *Objects[T]) Get(ctx context.Context, who records.Viewer, id string) (*T, error) {
	owner, err := s.o.Records.Owner(ctx, id)
	if err != nil {
		return nil, err
	}
	if owner != "" && !who.Sees(owner) {
		return nil, records.ErrNotFound
	}
	x, err := s.fetch(ctx, id)
	if err == nil && !who.Sees(*s.from.Facts(x).Key) || Gone(err) && !who.All {
		return nil, records.ErrNotFound
	}
	return x, err
}

// Allow is Get for those who do not see all: nil, or why the object is not the viewer's business.
func (s *Objects[T]) Allow(ctx context.Context, who records.Viewer, id string) error {
	if who.All {
		return nil
	}
	_, err := s.Get(ctx, who, id)
	return err
}

func (s *Objects[T]) fetch(ctx context.Context, id string) (*T, error) {
	fetched, err := s.from.Fetch(ctx, id)
	if err == nil {
		return fetched, s.Absorb(ctx, fetched)
	}
	if Gone(err) {
		return nil, err
	}
	record, rerr := s.o.Records.Get(ctx, id)
	if rerr != nil {
		return nil, err
	}
	last, rerr := s.restore(record)
	if rerr != nil {
		return nil, err
	}
	*s.from.Facts(last).Stale = true
	return last, nil
}

// restore reads a record's last known state.
func (s *Objects[T]) restore(r records.Record) (*T, error) {
	x := new(T)
	if err := json.Unmarshal(r.Object, x); err != nil {
		return nil, err
	}
	s.from.Restore(x, r.Own)
	return x, nil
}

// List fetches a page of the project's objects, newest first, and the After of the next page, if there is one. One API
// key's are listed as they are last known: those that run are watched.
func (s *Objects[T]) List(ctx context.Context, who records.Viewer, after string, limit int64) (list []*T, next string, err error) {
	if !who.All {
		return s.Known(ctx, who, after, limit)
	}
	list, more, err := s.from.List(ctx, after, limit)
	if err != nil {
		return nil, "", err
	}
	for _, x := range list {
		if err := s.Absorb(ctx, x); err != nil {
			return nil, "", err
		}
	}
	if more && len(list) > 0 {
		next = s.from.Facts(list[len(list)-1]).ID
	}
	return list, next, nil
}

// Known returns a page of the last known states of objects that a viewer sees, newest first, without asking OpenAI.
func (s *Objects[T]) Known(ctx context.Context, who records.Viewer, after string, limit int64) (list []*T, next string, err error) {
	found, next, err := s.o.Records.Newest(ctx, who, after, limit)
	if err != nil {
		return nil, "", err
	}
	list = make([]*T, 0, len(found))
	for _, r := range found {
		if x, err := s.restore(r); err == nil {
			list = append(list, x)
		}
	}
	return list, next, nil
}

// Cancel asks OpenAI to cancel an object; what is done until then stays readable.
func (s *Objects[T]) Cancel(ctx context.Context, who records.Viewer, id string) (*T, error) {
	if err := s.Allow(ctx, who, id); err != nil {
		return nil, err
	}
	x, err := s.from.Cancel(ctx, id)
	if err != nil {
		return nil, err
	}
	return x, s.Absorb(ctx, x)
}

// Absorb takes a fetched state over, adds what the gateway knows beside it, and shows it on pages if it is new. An object
// that runs is watched; when one ends that was followed (seen running, or named by a webhook), it is concluded. Each step
// may be repeated.
func (s *Objects[T]) Absorb(ctx context.Context, x *T) error { return s.absorb(ctx, x, false) }

func (s *Objects[T]) absorb(ctx context.Context, x *T, followed bool) (err error) {
	f := s.from.Facts(x)
	if *f.Key, err = s.o.Records.Owner(ctx, f.ID, f.Input); err != nil {
		return err
	}
	object, err := json.Marshal(x)
	if err != nil {
		return err
	}
	record, changed, err := s.o.Records.Absorb(ctx, *f.Key, f.ID, f.Created, f.Version, object)
	if err != nil {
		return err
	}
	if s.from.Restore(x, record.Own); changed {
		s.Show(ctx, "updated", *f.Key, x)
	}
	switch {
	case !f.Ended:
		return s.o.Records.Once(ctx, record, "watched", func() error {
			return s.Add(ctx, s.firstGap(f), queue.NewTask(s.from.Watch, "watch:"+f.ID, map[string]string{"id": f.ID}))
		})
	case followed || record.Own["watched"] != "":
		return s.o.Records.Once(ctx, record, s.from.Told, func() error { return s.Add(ctx, 0, s.from.Conclude(x)) })
	}
	return nil
}

// Add keeps work that is due after delay.
func (s *Objects[T]) Add(ctx context.Context, delay time.Duration, item queue.Item) error {
	_, err := s.o.Work.AddIn(ctx, delay, item)
	return err
}

// Show shows a change on pages. One that cannot be shown is logged, and seen when the page is loaded again.
func (s *Objects[T]) Show(ctx context.Context, what, owner string, data any) {
	if err := s.o.Changes.Publish(ctx, s.from.Name+"."+what, owner, data); err != nil {
		s.o.Logger.Warn("a change was not shown", "kind", s.from.Name+"."+what, "err", err)
	}
}

// Fetch takes over the state of the object that a webhook named.
func (s *Objects[T]) Fetch(ctx context.Context, id string) error {
	x, err := s.from.Fetch(ctx, id)
	if err != nil {
		return err
	}
	return s.absorb(ctx, x, true)
}

// Watch looks at a running object once and asks to be called again until it has ended.
func (s *Objects[T]) Watch(ctx context.Context, id string) error {
	x, err := s.from.Fetch(ctx, id)
	if Gone(err) {
		return nil
	}
	if err != nil {
		s.o.Logger.Warn("a running object was not looked at", "kind", s.from.Name, "id", id, "err", err)
		return queue.Again(afterError)
	}
	if err := s.Absorb(ctx, x); err != nil {
		return err
	}
	if s.from.Look != nil {
		if err := s.from.Look(ctx, x); err != nil {
			s.o.Logger.Warn("a running object was looked at in part only", "kind", s.from.Name, "id", id, "err", err)
		}
	}
	if f := s.from.Facts(x); !f.Ended {
		return queue.Again(s.gap(f))
	}
	return nil
}

// Discover takes over the states of the newest objects, those made elsewhere too.
func (s *Objects[T]) Discover(ctx context.Context) error {
	_, _, err := s.List(ctx, records.Everyone, "", s.from.Newest)
	return err
}

// gap grows with an object's age: one that has run for ten minutes is looked at every 30 s.
func (s *Objects[T]) gap(f Facts) time.Duration {
	age := time.Since(time.Unix(f.Created, 0))
	return min(max(age/20, s.o.PollFirst), max(longestGap, s.o.PollFirst))
}

// firstGap is that behind the state which came first: none if there is more to look at.
func (s *Objects[T]) firstGap(f Facts) time.Duration {
	if s.from.Look != nil {
		return 0
	}
	return s.gap(f)
}

// Send gives OpenAI a file to make an object of and notes whose it is, so that the object has an owner whatever comes
// between.
func (s *Objects[T]) Send(ctx context.Context, owner string, lines *spool.File, purpose openai.FilePurpose, name string) (id string, err error) {
	if id, err = lines.Send(ctx, s.o.API, purpose, name); err != nil {
		return "", err
	}
	if err := s.o.Records.Own(context.WithoutCancel(ctx), owner, id); err != nil {
		s.DeleteFile(ctx, id)
		return "", err
	}
	return id, nil
}

// Log is where what concerns the objects is logged.
func (s *Objects[T]) Log() *slog.Logger { return s.o.Logger }

// DeleteFile has OpenAI forget the file of an object that it refused.
func (s *Objects[T]) DeleteFile(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), CreateTime)
	defer cancel()
	if _, err := s.o.API.Files.Delete(ctx, id); err != nil && !Gone(err) {
		s.o.Logger.Warn("the file of what OpenAI refused stays there", "kind", s.from.Name, "file", id, "err", err)
	}
}

// Gone reports whether an error says that OpenAI has no such object.
func Gone(err error) bool {
	refused, ok := errors.AsType[*openai.Error](err)
	return ok && refused.StatusCode == 404
}
