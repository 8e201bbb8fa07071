package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"switchboard/gateway/problem"
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

func (g *Gateway) broadcast(ctx context.Context, in *broadcastInput) (*broadcastOutput, error) {
	if err := checkLabels("select", in.Body.Select); err != nil {
		return nil, err
	}
	who := callerOf(ctx).Key.Name
	b, err := g.options.Broadcasts.Publish(ctx, session.Broadcast{
		Instructions: in.Body.Instructions, Mode: orDefault(in.Body.Mode, session.ModeAppend),
		Select: in.Body.Select, Sticky: in.Body.Sticky, By: who,
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

// progressPoll is how often a broadcast's progress is looked at for a stream of it.
const progressPoll = 200 * time.Millisecond

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
	tick := time.NewTicker(progressPoll)
	defer tick.Stop()
	var last string
	for n, quiet := 1, 0; ; quiet++ {
		body, err := json.Marshal(now)
		if err != nil {
			return
		}
		switch {
		case string(body) != last:
			s.Event(strconv.Itoa(n), "progress", body)
			last, quiet = string(body), 0
			n++
		case quiet < int(sse.Heartbeat/progressPoll):
		default:
			s.Ping("")
			quiet = 0
		}
		if s.Flush() != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now, err = g.options.Broadcasts.Broadcast(ctx, id); err != nil {
			return // the client comes back
		}
	}
}
