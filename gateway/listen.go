package gateway

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"switchboard/gateway/openapi"
	"switchboard/gateway/role"
	"switchboard/session"
	"switchboard/session/audit"
	"switchboard/session/hub"
)

// Actions on record of who listened. The first is the operation's ID, and says who wanted to, too.
const (
	actListen  = "listen-session"
	actListens = "listen-session.ended"
)

// Times of a listener's socket.
const (
	listenWrite = 10 * time.Second // to take one event; its queue is full long before
	listenPing  = 20 * time.Second // without an event, until it is asked whether it is there
)

// listenRoute is the socket on which operators hear a session.
func (g *Gateway) listenRoute() openapi.Route {
	return openapi.Route{Method: "GET", Path: sessions + "/{id}/listen", ID: actListen, Tag: tagConversation, Role: role.Operator,
		Errors:  []int{400, 401, 403, 404, 410, 426, 429, 503},
		Summary: "Listen in (WebSocket)",
		Text: "Live audio of both sides, as the API's own events: first session.created with the audio formats, then the caller's input_audio_buffer.append and the model's " +
			"response.output_audio.delta, with transcripts, turns and interruptions. A listener that sends a message is closed with 1008. " +
			"403 listening-not-allowed unless the session's listen_in allows it. Each listener is in the audit log, with its beginning and its end. " +
			"A listener that is too slow loses audio and gets switchboard.listener.behind {dropped_events, dropped_bytes} in its place. At most 8 listen to a session, 64 to a node. " +
			"Close codes: 1000 the session has ended, 1012 and 1013 listen again, 4001 the API key is gone.",
		Do: openapi.Socket(openapi.Shape{
			Params: []*huma.Param{openapi.Param("path", "id", "The session's ID", huma.TypeString)},
			Answers: map[int]openapi.Answer{
				101: {Text: "Listening"}, 410: {Text: "The session has ended"}, 426: {Text: "No WebSocket handshake"},
			},
		}, g.upgradable, g.sameOrigin, g.listen)}
}

// listen lets an operator hear a session that runs here, or says why not.
func (g *Gateway) listen(c *gin.Context) {
	who, err := g.identify(c.Request)
	if err != nil {
		g.fail(c, err)
		return
	}
	if g.owned(c); c.IsAborted() {
		return
	}
	id := session.ID(c.Param("id"))
	l, err := g.listener(c.Request.Context(), who, id)
	if err != nil {
		g.fail(c, err)
		g.record(who, audit.Entry{Action: actListen, Session: id, Status: c.Writer.Status()})
		return
	}
	defer l.Close()
	g.clients.Add(1)
	defer g.clients.Done()
	ctx, leave := g.reading(context.Background(), who) // the request's own ends with the handshake
	defer leave()
	conn, err := websocket.Accept(c.Writer, c.Request, &websocket.AcceptOptions{
		Subprotocols: []string{subprotocol}, InsecureSkipVerify: true, // sameOrigin has looked
	})
	if err != nil {
		return // and has been answered
	}
	g.record(who, audit.Entry{Action: actListen, Session: id, Status: http.StatusSwitchingProtocols})
	defer g.record(who, audit.Entry{Action: actListens, Session: id, Status: http.StatusOK})
	listening(ctx, conn, l)
}

// listener begins to listen for a caller who may.
func (g *Gateway) listener(ctx context.Context, who caller, id session.ID) (*hub.Listener, error) {
	switch {
	case who.Grant != nil:
		return nil, errTokenOnly
	case !who.Key.Role.AtLeast(role.Operator):
		return nil, errRole(who.Key.Role, role.Operator)
	}
	ctl, err := g.running(ctx, who, id)
	if err != nil {
		return nil, err
	}
	return ctl.Listen(who.Key.Name)
}

// listening sends what is heard until one of the two, or the right to listen, is gone, and closes
// the socket.
func listening(ctx context.Context, conn *websocket.Conn, l *hub.Listener) {
	there, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer cancel()
		if _, _, err := conn.Reader(context.Background()); err == nil { // pongs and its end are read on the way
			_ = conn.Close(websocket.StatusPolicyViolation, "a listener says nothing")
		}
	})
	code, reason := hearing(there, conn, l)
	if ctx.Err() != nil {
		code, reason = session.CloseRevoked, "the API key is gone"
	}
	_ = conn.Close(code, reason) // of a peer that is gone nothing is wanted
	reading.Wait()
}

// hearing sends what is heard until that is over, and returns how to close.
func hearing(there context.Context, conn *websocket.Conn, l *hub.Listener) (websocket.StatusCode, string) {
	for {
		wait, done := context.WithTimeout(there, listenPing)
		event, err := l.Next(wait)
		done()
		var closed *session.CloseError
		switch {
		case err == nil:
			err = within(listenWrite, func(ctx context.Context) error { return conn.Write(ctx, websocket.MessageText, event) })
		case errors.As(err, &closed):
			return websocket.StatusCode(closed.Code), closed.Reason
		case there.Err() == nil:
			err = within(listenPing, conn.Ping)
		}
		if err != nil {
			return session.CloseSlow, "this listener does not take what is sent: listen again"
		}
	}
}

// within gives do so much time.
func within(limit time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return do(ctx)
}
