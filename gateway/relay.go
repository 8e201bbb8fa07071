package gateway

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"switchboard/session"
	"switchboard/session/contain"
	"switchboard/session/hub"
	"switchboard/session/wire"
)

// skippedFrames times the largest message that a client may send is the largest that only
// costs it that message.
const skippedFrames = 4

// relay attaches a client to a session that runs. What is wrong before the upgrade is
// an HTTP problem; afterwards the session closes the socket with its own codes.
func (g *Gateway) relay(c *gin.Context) {
	ctx, id := c.Request.Context(), session.ID(c.Param("id"))
	who, err := g.identify(c.Request)
	if err != nil {
		g.fail(c, err)
		return
	}
	a := hub.Attachment{Policy: g.options.Policies["open"], LastEventID: c.Query("last_event_id")}
	if who.Grant != nil {
		if who.Grant.Session != id {
			g.fail(c, errWrongToken)
			return
		}
		a.Policy, a.Token = who.Grant.Policy, tokenMark(who.token)
	}
	if g.owned(c); c.IsAborted() {
		return
	}
	ctl, err := g.running(ctx, who, id)
	if err != nil {
		g.fail(c, err)
		return
	}
	if err := ctl.Room(a); err != nil { // asks no store, so many that are refused cost little
		g.fail(c, err)
		return
	}
	p, leave := g.present(who) // before the token is looked at again
	if err := g.admit(ctx, p, ctl.Record()); err != nil {
		leave()
		g.fail(c, err)
		return
	}
	g.attach(c, ctl, a, p, leave)
}

// admit lets a caller into a session that runs here, unless its token is for another one of the
// same ID, or is revoked.
func (g *Gateway) admit(ctx context.Context, p *presence, rec session.Record) error {
	grant, lost := p.who.Grant, g.welcome(p)
	switch {
	case lost != nil, grant == nil:
		return lost
	case !grant.Created.IsZero() && !grant.Created.Equal(rec.CreatedAt):
		return errToken
	}
	return g.used(ctx, p.who, rec)
}

// attach upgrades the request and joins it to a session. It returns at once, so that
// net/http gives its buffers back; the client's goroutine is waited for by Wait, and calls leave.
func (g *Gateway) attach(c *gin.Context, ctl *hub.Controller, a hub.Attachment, p *presence, leave func()) bool {
	g.clients.Add(1) // before the server loses sight of the connection
	a.Policy.EventBytes = smaller(a.Policy.EventBytes, g.options.FrameBytes)
	share, giveBack := g.large.Share(p.who.Key.Name)
	conn, err := g.upgrade(c, a.Policy.EventBytes, share)
	if err != nil {
		g.clients.Done()
		leave()
		giveBack()
		return false
	}
	v := &visit{log: g.options.Logger, ctl: ctl, conn: conn, a: a, start: time.Now(), after: func() { giveBack(); leave(); g.clients.Done() }}
	g.endsBy(p, v.revoke)
	v.tell("client attached")
	go v.run()
	return true
}

// visit is one attached client. Its goroutine waits for most of its life, and a stack shrinks to
// 4 KiB only while it uses no more than 1.2 of them: so run and what it calls keep little there.
type visit struct {
	log   *slog.Logger
	ctl   *hub.Controller
	conn  session.Conn
	a     hub.Attachment
	start time.Time
	after func() // called at its very end
}

// run blocks until the client is gone. The session's end, not a request's context, ends it.
func (v *visit) run() {
	defer v.end()
	v.left(v.ctl.Attach(v.conn, &v.a))
}

func (v *visit) left(why error) {
	v.tell("client detached", "seconds", int64(time.Since(v.start).Seconds()), "reason", reasonOf(why))
}

// end contains a panic of run, which calls it by defer.
func (v *visit) end() {
	if p := recover(); p != nil {
		_ = contain.Note(v.log, "client", p, "session", v.ctl.ID())
	}
	v.after()
}

// revoke closes the connection of a client that may stay no longer.
func (v *visit) revoke(error) {
	v.conn.Close(session.CloseRevoked, "the access of this client was revoked")
}

func (v *visit) tell(what string, more ...any) {
	v.log.Info(what, append([]any{"session", v.ctl.ID(), "policy", v.a.Policy.Name}, more...)...)
}

func reasonOf(err error) string {
	if err == nil {
		return "left"
	}
	return err.Error()
}

// smaller is the smaller of a limit, which 0 is none, and another.
func smaller(limit, other int) int {
	if limit == 0 {
		return other
	}
	return min(limit, other)
}

// tokenMark stands for a client token where the token itself should not be.
func tokenMark(token string) string {
	sum := sha256.Sum256([]byte(token))
	return string(sum[:16])
}

// upgrade answers the handshake; when it cannot, it has answered with an error. What is
// larger than an event may be is skipped as it arrives, and the socket goes on.
func (g *Gateway) upgrade(c *gin.Context, eventBytes int, share *wire.Share) (session.Conn, error) {
	c.Status(http.StatusSwitchingProtocols) // for the log; Accept writes it
	conn, err := wire.Accept(c.Writer, c.Request, wire.Options{
		ReadLimit:    int64(eventBytes),
		SkipLimit:    skippedFrames * int64(g.options.FrameBytes),
		Share:        share,
		Subprotocols: []string{subprotocol},
	})
	if err != nil {
		g.failHandshake(c, err)
		return nil, fmt.Errorf("upgrade: %w", err) // conn would be a nil *wire.Conn
	}
	return conn, nil
}
