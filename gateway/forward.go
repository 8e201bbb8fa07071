package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"switchboard/gateway/problem"
	"switchboard/session"
	"switchboard/session/hub"
)

// Times of finding the node that runs a session.
const (
	ownerWait = 5 * time.Second       // while it is between two nodes
	ownerPoll = 50 * time.Millisecond // how often to look
	deathPoll = 5 * ownerPoll         // and for one whose node cannot be reached; at once when a node has died
	dialWait  = 2 * time.Second       // for the owner to take the connection
	lookWait  = 4 * time.Second       // and to begin its answer to what may be asked again
	doWait    = 30 * time.Second      // or to what may not, unless it is known to be lost before; its own waits for the upstream end sooner
)

// movedHeader marks a node's answer that the session does not run there any more.
const movedHeader = "Switchboard-Moved"

var (
	errMoved       = errors.New("the session has moved")                              // the request has to be sent to another node
	errUnreachable = fmt.Errorf("the session's node cannot be reached: %w", errMoved) // once one has the session
	errLost        = errors.New("the session's node says nothing")                    // and another has the session now
)

// owned lets a request go on that can be answered here, and sends one for a session that
// runs elsewhere to the node that runs it, in one hop. A session that nobody runs is
// claimed. A request that came from another node is never sent on: it is told to look again.
func (g *Gateway) owned(c *gin.Context) {
	id := session.ID(c.Param("id"))
	if g.options.Directory == nil || !id.Valid() {
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), ownerWait)
	defer cancel()
	for {
		died, pause := g.vigils.nextDeath(), ownerPoll
		owner, err := g.ownerOf(ctx, id)
		switch {
		case err != nil:
			g.fail(c, err)
			return
		case owner == "":
			return
		case g.hopped(c.Request):
			c.Header(movedHeader, "1")
			g.fail(c, hub.ErrLeaseLost)
			return
		case owner != g.options.Node:
			err := g.forward(c, owner)
			if !errors.Is(err, errMoved) {
				c.Abort()
				return
			}
			if errors.Is(err, errUnreachable) {
				pause = deathPoll
			}
		}
		select {
		case <-ctx.Done():
			g.fail(c, hub.ErrLeaseLost)
			return
		case <-died:
		case <-time.After(pause):
		}
	}
}

// ownerOf says where a request for a session belongs: "" is here, which goes for
// sessions that have ended or never were, too; this node's own URL, that it is on its way
// here or from here.
func (g *Gateway) ownerOf(ctx context.Context, id session.ID) (string, error) {
	if ctl, ok := g.options.Hub.Controller(id); ok && ctl.Leaving() {
		return g.options.Node, nil // the next look finds where it has gone
	} else if ok {
		return "", nil
	}
	lease, err := g.options.Directory.Owner(ctx, id)
	switch {
	case err == nil && g.claimable(lease):
		_, err = g.options.Hub.Seize(ctx, lease)
	case err == nil:
		return lease.Node, nil
	case errors.Is(err, session.ErrNotFound):
		_, err = g.options.Hub.Claim(ctx, id)
	default:
		return "", storeError{err}
	}
	var held *session.HeldError
	switch {
	case err == nil, errors.Is(err, session.ErrNotFound), errors.Is(err, hub.ErrEnded):
		return "", nil
	case errors.As(err, &held):
		return held.Lease.Node, nil
	case errors.Is(err, session.ErrExists): // another request is claiming it here
		return g.options.Node, nil
	}
	return "", err
}

// claimable reports whether a session may run here although it has a lease: its holder is dead,
// or this node, which does not run it because the answer to an earlier claim was lost.
func (g *Gateway) claimable(l session.Lease) bool {
	return g.options.Hub.Dead(l) || l.Incarnation != "" && l.Incarnation == g.options.Hub.Incarnation()
}

// forward sends a request to the node that runs its session and passes the answer on.
// errMoved: nothing was written, and what was asked was not done there.
func (g *Gateway) forward(c *gin.Context, owner string) error {
	f, err := g.forwarding(c, owner)
	if err != nil {
		g.fail(c, err)
		return nil
	}
	defer f.close()
	r, done := f.watched(owner)
	defer done()
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Time{}) // the owner bounds its answer, a stream has no end
	g.forwarded.Add(1)
	proxy := &httputil.ReverseProxy{
		Transport: g.transportFor(c.Request), FlushInterval: -1,
		Rewrite: f.rewrite, ModifyResponse: f.accept, ErrorHandler: f.failed,
	}
	proxy.ServeHTTP(c.Writer, r)
	if f.body != nil { // whoever answers in the end reads it, too
		c.Request.Body = io.NopCloser(bytes.NewReader(f.body))
	}
	return f.moved
}

// forwarding is one request on its way to another node, and what became of it. Its methods
// are called by the proxy, one after the other.
type forwarding struct {
	g      *Gateway
	c      *gin.Context
	owner  string
	to     *url.URL
	body   []byte
	secret []byte

	answer io.Closer // the owner's, once there is one
	moved  error     // errMoved, if the request is to be sent to another node
}

// forwarding reads what it takes to send a request on.
func (g *Gateway) forwarding(c *gin.Context, owner string) (*forwarding, error) {
	to, err := url.Parse(owner)
	if err != nil {
		return nil, storeError{err}
	}
	body, err := g.bodyAgain(c.Request)
	if err != nil {
		return nil, problem.New(http.StatusBadRequest, "malformed-request", "the body could not be read")
	}
	secret, err := g.options.Secret(c.Request.Context())
	if err != nil {
		return nil, storeError{err}
	}
	return &forwarding{g: g, c: c, owner: owner, to: to, body: body, secret: secret}, nil
}

// watched gives up waiting for an owner that is lost. What it answers without an end has a vigil
// of its own.
func (f *forwarding) watched(owner string) (*http.Request, func()) {
	r := f.c.Request
	ctx, lose := context.WithCancelCause(r.Context())
	v := f.g.keepVigil(session.ID(f.c.Param("id")), owner, func() { lose(errLost) })
	return r.WithContext(ctx), func() { v.end(); lose(nil) }
}

// rewrite addresses the request to the owner and proves that a node of the fleet sends it.
func (f *forwarding) rewrite(r *httputil.ProxyRequest) {
	r.SetURL(f.to)
	r.Out.Host = r.In.Host // relay_url is made of it
	r.SetXForwarded()
	r.Out.Header.Set(nodeHeader, proofOf(f.body, time.Now()).sign(f.secret, r.Out, f.owner))
}

// accept lets the owner's answer through, unless it says that the session is not there any more.
func (f *forwarding) accept(r *http.Response) error {
	if r.Header.Get(movedHeader) != "" {
		return errMoved
	}
	f.g.letGo(r, session.ID(f.c.Param("id")), f.to.String())
	f.answer = r.Body
	for name := range f.c.Writer.Header() {
		if r.Header[name] != nil {
			f.c.Writer.Header().Del(name) // the owner has set its own
		}
	}
	return nil
}

// failed has a node looked for again that cannot be reached or has no such session, unless
// what was asked may have been done.
func (f *forwarding) failed(_ http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && f.c.Request.Context().Err() != nil {
		return
	}
	if !errors.Is(err, errMoved) {
		f.g.options.Hub.Suspect(f.owner)
		f.g.options.Logger.Info("not forwarded", "to", f.to.String(), "err", err)
	}
	if r.Method == http.MethodPost && mayHaveArrived(err) {
		f.g.fail(f.c, problem.New(http.StatusBadGateway, "node-lost", "the session's node was lost; whether it did what was asked is not known"))
		return
	}
	if f.moved = errMoved; isDial(err) {
		f.moved = errUnreachable
	}
}

// close ends the owner's answer, which the proxy leaves open where it fails to pass an upgrade on.
func (f *forwarding) close() {
	if f.answer != nil {
		f.answer.Close()
	}
}

// mayHaveArrived reports whether a request that failed like this may have reached the
// owner: what is not the same twice is not sent twice.
func mayHaveArrived(err error) bool { return !errors.Is(err, errMoved) && !isDial(err) }

// isDial reports whether a request failed before there was a connection to send it on.
func isDial(err error) bool {
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && failed.Op == "dial"
}

// transportFor gives up on a node that is frozen, soon if another may be asked instead.
func (g *Gateway) transportFor(r *http.Request) *http.Transport {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return g.looks
	}
	return g.nodes
}

// bodyAgain returns a request's body and leaves it to be read once more.
func (g *Gateway) bodyAgain(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, g.options.BodyBytes))
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, err
}
