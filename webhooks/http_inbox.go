package webhooks

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"switchboard/webhooks/queue"
)

// EventView is an event of the inbox, or a delivery to a subscriber, as people see it.
type EventView struct {
	ID         string          `json:"id" doc:"Of the delivery (webhook-id)"`
	Type       string          `json:"type"`
	Origin     string          `json:"origin" enum:"openai,gateway"`
	State      queue.State     `json:"state" enum:"waiting,done,dead"`
	ReceivedAt time.Time       `json:"received_at"`
	Failures   int             `json:"failures"`
	Duplicates int             `json:"duplicates" doc:"How often it was delivered again"`
	Error      string          `json:"error,omitempty" doc:"Of the last attempt"`
	Payload    json.RawMessage `json:"payload,omitempty"`
	Attempts   []queue.Attempt `json:"attempts,omitempty" doc:"Oldest first; by names the handler that was chosen"`
}

type (
	eventsInput struct {
		Type   string      `query:"type" doc:"Exact, or a category like batch. or batch.*"`
		State  queue.State `query:"state" enum:"waiting,done,dead"`
		Origin string      `query:"origin" enum:"openai,gateway"`
		After  string      `query:"after" doc:"next of the page before"`
		Limit  int         `query:"limit" minimum:"1" maximum:"500" default:"50"`
	}
	eventsOutput struct {
		Body struct {
			Events []EventView `json:"events" nullable:"false" doc:"Newest first"`
			Next   string      `json:"next,omitempty"`
		}
	}
	eventOutput struct{ Body EventView }
	replayInput struct {
		Body struct {
			IDs   []string    `json:"ids,omitempty" maxItems:"500" doc:"Which; or select by the other fields"`
			Type  string      `json:"type,omitempty"`
			State queue.State `json:"state,omitempty" enum:"done,dead" default:"dead"`
		}
	}
	replayOutput struct {
		Body struct {
			Replayed int `json:"replayed"`
		}
	}
)

func (in *eventsInput) filter() queue.Filter {
	return queue.Filter{Topic: strings.TrimSuffix(in.Type, "*"), State: in.State, Origin: in.Origin, After: in.After, Limit: in.Limit}
}

func viewEvent(r queue.Record) EventView {
	return EventView{
		ID: r.ID, Type: r.Topic, Origin: r.Origin, State: r.State, ReceivedAt: r.At, Failures: r.Fails,
		Duplicates: r.Duplicates, Error: r.Note, Attempts: r.Attempts,
	}
}

func listQueue(ctx context.Context, q *queue.Queue, f queue.Filter) (*eventsOutput, error) {
	page, err := q.List(ctx, f)
	if err != nil {
		return nil, err
	}
	var out eventsOutput
	out.Body.Events, out.Body.Next = make([]EventView, len(page.Records)), page.Next
	for i, r := range page.Records {
		out.Body.Events[i] = viewEvent(r)
	}
	return &out, nil
}

func getItem(ctx context.Context, q *queue.Queue, id string) (*eventOutput, error) {
	r, err := q.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	view := viewEvent(r)
	view.Payload = r.Body
	return &eventOutput{view}, nil
}

func replayItem(ctx context.Context, q *queue.Queue, id string) (*replayOutput, error) {
	n, err := q.Replay(ctx, id)
	if err == nil && n == 0 {
		err = queue.ErrNotFound
	}
	var out replayOutput
	out.Body.Replayed = n
	return &out, err
}

func (s *Office) listEvents(ctx context.Context, in *eventsInput) (*eventsOutput, error) {
	return listQueue(ctx, s.inbox, in.filter())
}

func (s *Office) getEvent(ctx context.Context, in *idInput) (*eventOutput, error) {
	return getItem(ctx, s.inbox, in.ID)
}

func (s *Office) replayEvent(ctx context.Context, in *idInput) (*replayOutput, error) {
	return replayItem(ctx, s.inbox, in.ID)
}

// replayEvents replays those that are named, or all that are selected.
func (s *Office) replayEvents(ctx context.Context, in *replayInput) (*replayOutput, error) {
	var out replayOutput
	var err error
	if len(in.Body.IDs) > 0 {
		out.Body.Replayed, err = s.inbox.Replay(ctx, in.Body.IDs...)
		return &out, err
	}
	if in.Body.State != queue.Dead && in.Body.Type == "" {
		return nil, huma.NewError(422, "name ids, or a type, or state dead")
	}
	ids, err := s.selectEvents(ctx, queue.Filter{Topic: in.Body.Type, State: in.Body.State, Limit: 500})
	for len(ids) > 0 && err == nil {
		var n int
		part := ids[:min(500, len(ids))]
		n, err = s.inbox.Replay(ctx, part...)
		out.Body.Replayed += n
		ids = ids[len(part):]
	}
	return &out, err
}

// mostReplayed bounds one call.
const mostReplayed = 10_000

// selectEvents finds IDs first, since replaying changes the lists that are read.
func (s *Office) selectEvents(ctx context.Context, f queue.Filter) ([]string, error) {
	var ids []string
	for len(ids) < mostReplayed {
		page, err := s.inbox.List(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Records {
			ids = append(ids, r.ID)
		}
		if f.After = page.Next; f.After == "" {
			break
		}
	}
	return ids, nil
}
