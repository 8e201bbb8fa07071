package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"switchboard/session"
	"switchboard/session/contain"
	"switchboard/session/wire"
)

// relay attaches a client to a session that runs. What is wrong before the upgrade is
// an HTTP problem; afterwards the session closes the socket with its own codes.
func (g *Gateway) relay(c *gin.Context) {
	ctx, id := c.Request.Context(), session.ID(c.Param("id"))
	who, err := g.identify(c.Request)
	if err != nil {
		g.fail(c, err)
		return
	}
	policy := g.Policies["open"]
	if who.Grant != nil {
		if who.Grant.Session != id {
			g.fail(c, errWrongToken)
			return
		}
		policy = who.Grant.Policy
	}
	if g.owned(c); c.IsAborted() {
		return
	}
	ctl, err := g.running(ctx, who, id)
	if err != nil {
		g.fail(c, err)
		return
	}
	p, leave := g.present(context.Background(), who) // before the token is looked at again
	if err := g.admit(ctx, p, ctl.Record()); err != nil {
		leave()
		g.fail(c, err)
		return
	}
	g.attach(c, ctl, session.Attachment{Policy: policy, LastEventID: c.Query("last_event_id")}, p, leave)
}

// admit lets a caller into a session that runs here, unless its token is for another one of the
// same ID, or is revoked.
func (g *Gateway) admit(ctx context.Context, p *presence, rec session.Record) error {
	grant := p.who.Grant
	switch {
	case p.ctx.Err() != nil:
		return context.Cause(p.ctx)
	case grant == nil:
		return nil
	case !grant.Created.IsZero() && !grant.Created.Equal(rec.CreatedAt):
		return errToken
	}
	return g.used(ctx, p.who, rec)
}

// attach upgrades the request and joins it to a session. It returns at once, so that
// net/http gives its buffers back; the client's goroutine is waited for by Wait, and calls leave.
func (g *Gateway) attach(c *gin.Context, ctl *session.Controller, a session.Attachment, p *presence, leave func()) bool {
	g.clients.Add(1) // before the server loses sight of the connection
	conn, err := g.upgrade(c)
	if err != nil {
		g.clients.Done()
		leave()
		return false
	}
	log := g.Logger.With("session", ctl.Record().ID, "policy", a.Policy.Name)
	go func() {
		defer g.clients.Done()
		defer leave()
		stay := context.AfterFunc(p.ctx, func() { conn.Close(session.CloseRevoked, "the access of this client was revoked") })
		defer stay()
		_ = contain.Do(log, "client", func() { g.serve(log, ctl, conn, a) })
	}()
	return true
}

// serve blocks until the client is gone. The session's end, not a request's context, ends it.
func (g *Gateway) serve(log *slog.Logger, ctl *session.Controller, conn session.Conn, a session.Attachment) {
	start := time.Now()
	log.Info("client attached")
	err := ctl.Attach(context.Background(), conn, a)
	log.Info("client detached", "seconds", int64(time.Since(start).Seconds()), "reason", reasonOf(err))
}

func reasonOf(err error) string {
	if err == nil {
		return "left"
	}
	return err.Error()
}

// upgrade answers the handshake; when it cannot, it has answered with an error.
func (g *Gateway) upgrade(c *gin.Context) (session.Conn, error) {
	c.Status(http.StatusSwitchingProtocols) // for the log; Accept writes it
	conn, err := wire.Accept(c.Writer, c.Request, wire.Options{
		ReadLimit:    int64(g.FrameBytes),
		Subprotocols: []string{subprotocol},
	})
	if err != nil {
		g.failHandshake(c, err)
		return nil, fmt.Errorf("upgrade: %w", err) // conn would be a nil *wire.Conn
	}
	return conn, nil
}
