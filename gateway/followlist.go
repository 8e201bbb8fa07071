package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"switchboard/gateway/sse"
	"switchboard/session"
)

const (
	listStreams = 64               // of lists, that one node writes
	listEvery   = time.Second      // a stream is sent another page at most so often
	listIdle    = 10 * time.Second // states change with time, too: near_limit
	listShare   = 10               // a stream takes a tenth of the time of one core at most
)

// followList streams a page of the list: as it is, then whenever it is another one. All streams of
// a node share one look at the index a second, and what they do not fit into is not kept for them:
// the next event has all that changed.
func (g *Gateway) followList(c *gin.Context, in *listInput, first *listOutput) {
	select {
	case g.lists <- struct{}{}:
		defer func() { <-g.lists }()
	default:
		g.fail(c, &session.LimitError{Limit: "list_streams", Max: listStreams})
		return
	}
	ctx, cancel := context.WithCancel(c.Request.Context())
	defer cancel()
	defer context.AfterFunc(g.streams, cancel)()
	q, err := query(callerOf(ctx), in)
	if err != nil {
		g.fail(c, err)
		return
	}
	q.Age = listEvery
	s := sse.New(c.Writer)
	s.Head()
	if c.Request.Method == http.MethodHead {
		return
	}
	s.Retry(streamRetry)
	f := &listFollower{g: g, who: callerOf(ctx), q: q, fields: in.Fields, out: s}
	f.follow(ctx, first)
}

// listFollower writes one stream of the list.
type listFollower struct {
	g      *Gateway
	who    caller
	q      session.Query
	fields string
	out    *sse.Stream

	version  int64     // of the index, when the page was looked up
	looked   time.Time // and when that was
	took     time.Duration
	sent     []byte // the page as it was sent last
	lastSent time.Time
}

// follow sends pages until the client or the gateway is gone, or the store does not answer: then
// the client reconnects, and is told so.
func (f *listFollower) follow(ctx context.Context, first *listOutput) {
	f.send(first)
	for f.out.Flush() == nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(listEvery, listShare*f.took)):
		}
		if f.look(ctx) != nil {
			return
		}
		if time.Since(f.lastSent) >= sse.Heartbeat {
			f.out.Ping("")
			f.lastSent = time.Now()
		}
	}
}

// look adds the page to the stream if it is another one.
func (f *listFollower) look(ctx context.Context) error {
	began := time.Now()
	version, err := f.g.options.Store.Version(ctx, listEvery)
	if err != nil || version == f.version && began.Sub(f.looked) < listIdle {
		return err
	}
	page, err := f.g.listed(ctx, f.who, f.q, f.fields)
	if err != nil {
		return err
	}
	f.version, f.looked, f.took = version, began, time.Since(began)
	f.send(page)
	return nil
}

func (f *listFollower) send(page *listOutput) {
	body, err := json.Marshal(page.Body)
	if err != nil || bytes.Equal(body, f.sent) {
		return
	}
	f.sent, f.lastSent = body, time.Now()
	f.out.Event("0", "sessions", body)
}
