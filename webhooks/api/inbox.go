package api

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"switchboard/gateway/openapi"
	"switchboard/gateway/problem"
	"switchboard/gateway/role"
	"switchboard/webhooks/queue"
)

// EventView is an event of the inbox, or a delivery to a subscriber, as people see it.
type EventView struct {
	ID         string          `json:"id" doc:"Of the delivery (webhook-id)"`
	Type       string          `json:"type"`
	Origin     string          `json:"origin" enum:"openai,gateway"`
	State      queue.State     `json:"state" enum:"waiting,done,dead,discarded"`
	ReceivedAt time.Time       `json:"received_at"`
	Failures   int             `json:"failures"`
	Duplicates int             `json:"duplicates" doc:"How often it was delivered again"`
	Error      string          `json:"error,omitempty" doc:"Of the last attempt"`
	Note       string          `json:"note,omitempty" doc:"Of an event that is done: why nothing was left to be done; of a discarded one: what was said of it"`
	Payload    json.RawMessage `json:"payload,omitempty"`
	Attempts   []queue.Attempt `json:"attempts,omitempty" nullable:"false" doc:"Oldest first; by names the handler that was chosen. With action: what an API key, named by by, did to the event"`
}

type (
	eventsInput struct {
		Type   string      `query:"type" doc:"Exact, or a category like batch. or batch.*"`
		State  queue.State `query:"state" enum:"waiting,done,dead,discarded"`
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
			State queue.State `json:"state,omitempty" enum:"done,dead,discarded" default:"dead"`
		}
	}
	discardInput struct {
		ID   string    `path:"id" maxLength:"256"`
		Body *struct { // may be left out
			Note string `json:"note,omitempty" maxLength:"500" doc:"Why nobody is to look at it any more"`
		}
	}
	discardsInput struct {
		Body struct {
			IDs  []string `json:"ids,omitempty" maxItems:"500" doc:"Which; or all that were given up, of a type or of any"`
			Type string   `json:"type,omitempty"`
			All  bool     `json:"all,omitempty" doc:"Discard every event that was given up"`
			Note string   `json:"note,omitempty" maxLength:"500" doc:"Why nobody is to look at them any more"`
		}
	}
	discardOutput struct {
		Body struct {
			Discarded int `json:"discarded"`
		}
	}
	replayOutput struct {
		Body struct {
			Replayed int `json:"replayed"`
		}
	}
)

// inboxRoutes are those of the events that OpenAI delivered.
func (s *API) inboxRoutes() []openapi.Route {
	return []openapi.Route{
		{Method: "GET", Path: "/webhooks/events", ID: "list-webhook-events", Tag: tagInbox, Role: role.Operator, Errors: failures,
			Summary: "List the inbox", Do: openapi.JSON(s.listEvents)},
		{Method: "GET", Path: "/webhooks/events/{id}", ID: "get-webhook-event", Tag: tagInbox, Role: role.Operator, Errors: failures,
			Summary: "Look at an event and every attempt", Do: openapi.JSON(s.getEvent)},
		{Method: "POST", Path: "/webhooks/events/{id}/replay", ID: "replay-webhook-event", Tag: tagInbox, Role: role.Operator, Errors: failures,
			Summary: "Handle an event again", Do: openapi.JSON(s.replayEvent)},
		{Method: "POST", Path: "/webhooks/events/replay", ID: "replay-webhook-events", Tag: tagInbox, Role: role.Operator, Errors: failures,
			Summary: "Handle many events again", Do: openapi.JSON(s.replayEvents)},
		{Method: "POST", Path: "/webhooks/events/{id}/discard", ID: "discard-webhook-event", Tag: tagInbox, Role: role.Operator, Errors: failures,
			Summary: "Take an event that was given up off the list", Do: openapi.JSON(s.discardEvent)},
		{Method: "POST", Path: "/webhooks/events/discard", ID: "discard-webhook-events", Tag: tagInbox, Role: role.Operator, Errors: failures,
			Summary: "Take many off the list", Do: openapi.JSON(s.discardEvents)},
	}
}

func (in *eventsInput) filter() queue.Filter {
	return queue.Filter{Topic: strings.TrimSuffix(in.Type, "*"), State: in.State, Origin: in.Origin, After: in.After, Limit: in.Limit}
}

func viewEvent(r queue.Record) EventView {
	v := EventView{
		ID: r.ID, Type: r.Topic, Origin: r.Origin, State: r.State, ReceivedAt: r.At, Failures: r.Fails,
		Duplicates: r.Duplicates, Error: r.Note, Attempts: r.Attempts,
	}
	if r.State == queue.Done || r.State == queue.Discarded {
		v.Error, v.Note = "", r.Note
	}
	return v
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
	n, err := q.Replay(ctx, viewer(ctx).Key, id)
	if err == nil && n == 0 {
		err = queue.ErrNotFound
	}
	var out replayOutput
	out.Body.Replayed = n
	return &out, err
}

func (s *API) listEvents(ctx context.Context, in *eventsInput) (*eventsOutput, error) {
	return listQueue(ctx, s.inbox, in.filter())
}

func (s *API) getEvent(ctx context.Context, in *idInput) (*eventOutput, error) {
	return getItem(ctx, s.inbox, in.ID)
}

func (s *API) replayEvent(ctx context.Context, in *idInput) (*replayOutput, error) {
	return replayItem(ctx, s.inbox, in.ID)
}

// replayEvents replays those that are named, or all that are selected.
func (s *API) replayEvents(ctx context.Context, in *replayInput) (*replayOutput, error) {
	var out replayOutput
	var err error
	if len(in.Body.IDs) > 0 {
		out.Body.Replayed, err = s.inbox.Replay(ctx, viewer(ctx).Key, in.Body.IDs...)
		return &out, err
	}
	if in.Body.State == queue.Done && in.Body.Type == "" {
		return nil, problem.Of(422, "name ids, or a type, or state dead or discarded")
	}
	err = s.eachPart(ctx, queue.Filter{Topic: in.Body.Type, State: in.Body.State}, func(ids []string) error {
		n, err := s.inbox.Replay(ctx, viewer(ctx).Key, ids...)
		out.Body.Replayed += n
		return err
	})
	return &out, err
}

// errNotDead refuses to discard what is still to be handled, or was.
var errNotDead = errors.New("only an event that was given up can be discarded")

func (s *API) discardEvent(ctx context.Context, in *discardInput) (*discardOutput, error) {
	var out discardOutput
	note := ""
	if in.Body != nil {
		note = in.Body.Note
	}
	n, others, err := s.discard(ctx, note, in.ID)
	switch {
	case err != nil:
		return nil, err
	case others > 0:
		return nil, errNotDead
	case n == 0:
		return nil, queue.ErrNotFound
	}
	out.Body.Discarded = n
	return &out, nil
}

// discardEvents discards those that are named, or all dead ones that are selected.
func (s *API) discardEvents(ctx context.Context, in *discardsInput) (*discardOutput, error) {
	var out discardOutput
	discard := func(ids []string) error {
		n, _, err := s.discard(ctx, in.Body.Note, ids...)
		out.Body.Discarded += n
		return err
	}
	if len(in.Body.IDs) > 0 {
		return &out, discard(in.Body.IDs)
	}
	if !in.Body.All && in.Body.Type == "" {
		return nil, problem.Of(422, "name ids, or a type, or all")
	}
	return &out, s.eachPart(ctx, queue.Filter{Topic: in.Body.Type, State: queue.Dead}, discard)
}

func (s *API) discard(ctx context.Context, note string, ids ...string) (discarded, others int, err error) {
	discarded, others, err = s.inbox.Discard(ctx, viewer(ctx).Key, note, ids...)
	if err != nil {
		return 0, 0, err
	}
	s.showDiscarded(ctx, ids)
	return discarded, others, nil
}

// mostShown is how many discarded events are shown one by one; of more, pages read all anew.
const mostShown = 20

func (s *API) showDiscarded(ctx context.Context, ids []string) {
	if len(ids) > mostShown {
		if err := s.changes.Publish(ctx, "resync", "", struct{}{}); err != nil {
			s.log.Warn("a change was not shown", "err", err)
		}
		return
	}
	for _, id := range ids {
		r, err := s.inbox.Get(ctx, id)
		if err != nil || r.State != queue.Discarded {
			continue // it is shown by whoever changed it
		}
		err = s.changes.Publish(ctx, "inbox.updated", "", map[string]any{
			"id": r.ID, "type": r.Topic, "origin": r.Origin, "state": r.State, "note": r.Note, "received_at": r.At,
		})
		if err != nil {
			s.log.Warn("a change was not shown", "id", id, "err", err)
		}
	}
}

// eachPart calls do with the IDs of selected events, some at a time.
func (s *API) eachPart(ctx context.Context, f queue.Filter, do func(ids []string) error) error {
	f.Topic, f.Limit = strings.TrimSuffix(f.Topic, "*"), 500
	ids, err := s.selectEvents(ctx, f)
	for len(ids) > 0 && err == nil {
		part := ids[:min(500, len(ids))]
		ids, err = ids[len(part):], do(part)
	}
	return err
}

// mostReplayed bounds one call.
const mostReplayed = 10_000

// selectEvents finds IDs first, since replaying changes the lists that are read.
func (s *API) selectEvents(ctx context.Context, f queue.Filter) ([]string, error) {
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
