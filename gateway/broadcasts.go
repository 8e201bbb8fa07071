package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"switchboard/gateway/openapi"
	"switchboard/gateway/problem"
	"switchboard/gateway/role"
	"switchboard/gateway/sse"
	"switchboard/session"
	"switchboard/session/broadcast"
)

// Broadcasts is the log as operators use it.
type Broadcasts interface {
	// Publish appends a broadcast and returns it with its ID and time.
	Publish(ctx context.Context, b session.Broadcast) (session.Broadcast, error)
	// Withdraw takes one back. ErrNotFound; ErrExists if that was done before.
	Withdraw(ctx context.Context, id, by string) (session.Broadcast, error)
	// Broadcast says how far one has come; ErrNotFound.
	Broadcast(ctx context.Context, id string) (broadcast.BroadcastStatus, error)
	// BroadcastChange waits until the status is another one than was.
	BroadcastChange(ctx context.Context, was broadcast.BroadcastStatus) (broadcast.BroadcastStatus, error)
	// BroadcastList lists them, newest first, from the one before before ("": the newest).
	BroadcastList(ctx context.Context, limit int, before string) ([]session.Broadcast, error)
	// BroadcastOutcomes lists what became of one, or of its withdrawal, session by session.
	BroadcastOutcomes(ctx context.Context, id string, withdrawn bool, status, after string, limit int) (page []broadcast.Outcome, next string, err error)
}

const broadcasts = "/realtime/broadcasts"

type (
	broadcastInput struct {
		Body struct {
			Instructions string            `json:"instructions" minLength:"1" maxLength:"16384" doc:"What the sessions are told"`
			Mode         string            `json:"mode,omitempty" enum:"replace,append" default:"append" doc:"In the place of each session's own instructions, or behind them"`
			Select       map[string]string `json:"select,omitempty" nullable:"true" maxProperties:"32" doc:"Labels a session must have, all of them; none: every session"`
			Sessions     []session.ID      `json:"sessions,omitempty" nullable:"true" maxItems:"500" doc:"IDs: only these, if select selects them, too"`
			Sticky       bool              `json:"sticky,omitempty" doc:"Sessions that are created later get it too"`
		}
	}
	broadcastOutput struct {
		Location string `header:"Location"`
		Body     broadcast.BroadcastStatus
	}
	broadcastIDInput struct {
		ID string `path:"id" doc:"The broadcast's ID"`
	}
	broadcastListInput struct {
		Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
		Before string `query:"before" doc:"next of the page before"`
	}
	broadcastListOutput struct {
		Body struct {
			Broadcasts []session.Broadcast `json:"broadcasts" nullable:"false" doc:"Newest first"`
			Next       string              `json:"next,omitempty" doc:"Where the next page begins; absent on the last"`
		}
	}
	outcomesInput struct {
		ID        string `path:"id" doc:"The broadcast's ID"`
		Status    string `query:"status" enum:"applied,deferred,refused,ended,silent"`
		Withdrawn bool   `query:"withdrawn" doc:"Of its withdrawal"`
		Limit     int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
		After     string `query:"after" doc:"next of the page before"`
	}
	outcomesOutput struct {
		Body struct {
			Outcomes []broadcast.Outcome `json:"outcomes" nullable:"false"`
			Next     string              `json:"next,omitempty" doc:"Where the next page begins; absent on the last"`
		}
	}
)

// broadcastRoutes are what operators do to all sessions at once.
func (g *Gateway) broadcastRoutes() []openapi.Route {
	if g.options.Broadcasts == nil {
		return nil
	}
	return []openapi.Route{
		{Method: "POST", Path: broadcasts, ID: "create-broadcast", Tag: tagBroadcasts, Role: role.Operator, Status: 202,
			Summary: "Change the instructions of all sessions",
			Text: "Accepted at once, and applied on every node in the same order. Each session keeps its own instructions beneath: " +
				"withdrawing the broadcast brings them back. Responses under way are not disturbed.",
			Do: openapi.JSON(g.broadcast)},
		{Method: "GET", Path: broadcasts, ID: "list-broadcasts", Tag: tagBroadcasts, Role: role.Operator, Errors: []int{404},
			Summary: "List broadcasts",
			Do:      openapi.JSON(g.listBroadcasts)},
		{Method: "GET", Path: broadcasts + "/{id}", ID: "get-broadcast", Tag: tagBroadcasts, Role: role.Operator, Errors: []int{404},
			Summary: "See how far a broadcast has come",
			Text: "matched counts the sessions concerned so far, outcomes what became of them; those in neither outcome are yet to answer. " +
				"nodes says who has read it.",
			Do: openapi.JSON(g.getBroadcast)},
		{Method: "DELETE", Path: broadcasts + "/{id}", ID: "withdraw-broadcast", Tag: tagBroadcasts, Role: role.Operator, Errors: []int{404, 409},
			Summary: "Take a broadcast back",
			Text: "The sessions that have it go back to what their instructions are without it. withdrawal counts how far that has come. " +
				"409 when it was withdrawn before.",
			Do: openapi.JSON(g.withdraw)},
		{Method: "GET", Path: broadcasts + "/{id}/outcomes", ID: "list-outcomes", Tag: tagBroadcasts, Role: role.Operator, Errors: []int{404},
			Summary: "See what became of a broadcast in each session",
			Text: "applied: the upstream acknowledged it. deferred: the upstream was lost meanwhile, or took nothing; the next one begins with it. " +
				"refused, ended, silent: it did not come about.",
			Do: openapi.JSON(g.outcomes)},
		{Method: "GET", Path: broadcasts + "/{id}/events", ID: "follow-broadcast", Tag: tagBroadcasts, Role: role.Operator, Errors: []int{404},
			Summary: "Follow a broadcast (server-sent events)",
			Text:    "An event named progress, with the broadcast as GET shows it, whenever that has changed.",
			Do: openapi.Plain(openapi.Shape{
				Params:  []*huma.Param{openapi.Param("path", "id", "The broadcast's ID", huma.TypeString)},
				Answers: map[int]openapi.Answer{200: {Text: "text/event-stream", Type: "text/event-stream", Body: openapi.Text("")}},
				Events: []openapi.Event{{Type: "progress", Text: "The broadcast as GET shows it.", Example: map[string]any{
					"id": "1796040000000-0", "mode": "append", "instructions": "Mention the delay.", "by": "ops", "matched": 40,
					"outcomes": map[string]any{"applied": 38, "deferred": 2},
				}}},
			}, g.progress)},
	}
}

func (g *Gateway) broadcast(ctx context.Context, in *broadcastInput) (*broadcastOutput, error) {
	if err := checkLabels("select", in.Body.Select); err != nil {
		return nil, err
	}
	for i, id := range in.Body.Sessions {
		if !id.Valid() {
			return nil, &session.InvalidError{Field: "sessions[" + strconv.Itoa(i) + "]", Detail: "is no ID of a session"}
		}
	}
	if len(in.Body.Sessions) > 0 && in.Body.Sticky {
		return nil, &session.InvalidError{Field: "sticky", Detail: "sessions that are created later are none of sessions"}
	}
	who := callerOf(ctx).Key.Name
	b, err := g.options.Broadcasts.Publish(ctx, session.Broadcast{
		Instructions: in.Body.Instructions, Mode: cmp.Or(in.Body.Mode, broadcast.ModeAppend),
		Select: in.Body.Select, Sessions: in.Body.Sessions, Sticky: in.Body.Sticky, By: who,
	})
	if err != nil {
		return nil, storeError{err}
	}
	g.options.Logger.Info("broadcast", "broadcast", b.ID, "by", who, "mode", b.Mode, "bytes", len(b.Instructions), "sticky", b.Sticky)
	return g.broadcastStatus(ctx, b.ID)
}

func (g *Gateway) broadcastStatus(ctx context.Context, id string) (*broadcastOutput, error) {
	s, err := g.options.Broadcasts.Broadcast(ctx, id)
	if err != nil {
		return nil, broadcastError(err)
	}
	return &broadcastOutput{Location: broadcasts + "/" + id, Body: s}, nil
}

func (g *Gateway) getBroadcast(ctx context.Context, in *broadcastIDInput) (*broadcastOutput, error) {
	return g.broadcastStatus(ctx, in.ID)
}

func (g *Gateway) withdraw(ctx context.Context, in *broadcastIDInput) (*broadcastOutput, error) {
	who := callerOf(ctx).Key.Name
	if _, err := g.options.Broadcasts.Withdraw(ctx, in.ID, who); err != nil {
		return nil, broadcastError(err)
	}
	g.options.Logger.Info("broadcast withdrawn", "broadcast", in.ID, "by", who)
	return g.broadcastStatus(ctx, in.ID)
}

func (g *Gateway) listBroadcasts(ctx context.Context, in *broadcastListInput) (*broadcastListOutput, error) {
	list, err := g.options.Broadcasts.BroadcastList(ctx, in.Limit, in.Before)
	if err != nil {
		return nil, broadcastError(err)
	}
	out := &broadcastListOutput{}
	out.Body.Broadcasts = append([]session.Broadcast{}, list...)
	if len(list) == in.Limit {
		out.Body.Next = list[len(list)-1].ID
	}
	return out, nil
}

func (g *Gateway) outcomes(ctx context.Context, in *outcomesInput) (*outcomesOutput, error) {
	page, next, err := g.options.Broadcasts.BroadcastOutcomes(ctx, in.ID, in.Withdrawn, in.Status, in.After, in.Limit)
	if err != nil {
		return nil, broadcastError(err)
	}
	out := &outcomesOutput{}
	out.Body.Outcomes, out.Body.Next = append([]broadcast.Outcome{}, page...), next
	return out, nil
}

func broadcastError(err error) error {
	var invalid *session.InvalidError
	switch {
	case errors.Is(err, session.ErrNotFound):
		return problem.New(http.StatusNotFound, "broadcast-not-found", "there is no such broadcast")
	case errors.Is(err, session.ErrExists):
		return problem.New(http.StatusConflict, "broadcast-withdrawn", "the broadcast has been withdrawn")
	case errors.As(err, &invalid):
		return err
	}
	return storeError{err}
}

// progressPause is how long a stream of a broadcast's progress waits behind each event: many nodes
// report at once.
const progressPause = 200 * time.Millisecond

// progress streams how far a broadcast has come, whenever that changes.
func (g *Gateway) progress(c *gin.Context) {
	id := c.Param("id")
	now, err := g.options.Broadcasts.Broadcast(c.Request.Context(), id)
	if err != nil {
		g.fail(c, broadcastError(err))
		return
	}
	s := sse.New(c.Writer)
	s.Head()
	if c.Request.Method == http.MethodHead {
		return
	}
	ctx, cancel := context.WithCancel(c.Request.Context())
	defer cancel()
	defer context.AfterFunc(g.streams, cancel)()
	s.Retry(streamRetry)
	for n := 1; ; n++ {
		body, err := json.Marshal(now)
		if err != nil {
			return
		}
		s.Event(strconv.Itoa(n), "progress", body)
		if s.Flush() != nil || !pause(ctx, progressPause) {
			return
		}
		if now, err = g.nextProgress(ctx, s, now); err != nil {
			return // the client comes back
		}
	}
}

// nextProgress waits for the next status of a broadcast, with heartbeats.
func (g *Gateway) nextProgress(ctx context.Context, s *sse.Stream, was broadcast.BroadcastStatus) (now broadcast.BroadcastStatus, err error) {
	for {
		beat, cancel := context.WithTimeout(ctx, sse.Heartbeat)
		now, err = g.options.Broadcasts.BroadcastChange(beat, was)
		late := beat.Err() != nil && ctx.Err() == nil
		cancel()
		if err == nil || !late {
			return now, err
		}
		s.Ping("")
		if err := s.Flush(); err != nil {
			return now, err
		}
	}
}

// pause waits for so long; false if ctx was done first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
