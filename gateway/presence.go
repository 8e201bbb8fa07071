package gateway

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"switchboard/gateway/problem"
	"switchboard/session"
)

// presence is a caller whose connection lasts: a client's socket, or a request that reads. It
// ends when what let the caller in is taken back.
type presence struct {
	who  caller
	ctx  context.Context // done when the caller may stay no longer
	lose context.CancelCauseFunc
}

// presences are those of this node.
type presences struct {
	mu  sync.Mutex
	all map[*presence]struct{}
}

// errRevoked ends a presence.
var errRevoked = problem.New(http.StatusUnauthorized, "token-expired", "the client token was revoked, or the API key is gone")

// present notes that a caller is here, until leave is called. It is noted before it is looked at
// again: a key or token that is taken back meanwhile is seen here or by dismiss.
func (g *Gateway) present(ctx context.Context, who caller) (*presence, func()) {
	p := &presence{who: who}
	p.ctx, p.lose = context.WithCancelCause(ctx)
	g.here.mu.Lock()
	if g.here.all == nil {
		g.here.all = map[*presence]struct{}{}
	}
	g.here.all[p] = struct{}{}
	g.here.mu.Unlock()
	if !g.options.Keys.good(who) {
		p.lose(errRevoked)
	}
	return p, func() {
		g.here.mu.Lock()
		delete(g.here.all, p)
		g.here.mu.Unlock()
		p.lose(nil)
	}
}

// leaveKey is where a request keeps the function that ends its presence.
const leaveKey = "leave"

// arrive notes the caller of a request that reads, perhaps without an end.
func (g *Gateway) arrive(c *gin.Context, who caller) {
	if _, here := c.Get(leaveKey); here || c.Request.Method != http.MethodGet {
		return
	}
	p, leave := g.present(c.Request.Context(), who)
	c.Set(leaveKey, leave)
	c.Request = c.Request.WithContext(p.ctx)
}

// depart ends the presence of a request that is over.
func (g *Gateway) depart(c *gin.Context) {
	defer func() {
		if leave, here := c.Get(leaveKey); here {
			leave.(func())()
		}
	}()
	c.Next()
}

// dismiss ends the presences of callers that are not wanted any more, and returns how many.
func (g *Gateway) dismiss(unwanted func(caller) bool) (n int) {
	g.here.mu.Lock()
	defer g.here.mu.Unlock()
	for p := range g.here.all {
		if p.ctx.Err() == nil && unwanted(p.who) {
			p.lose(errRevoked)
			n++
		}
	}
	return n
}

// Times of the API keys in the store.
const (
	keysPoll = 250 * time.Millisecond // how often the store is asked whether they have changed
	keysWait = 2 * time.Second        // for its answer
)

// WatchKeys keeps the API keys of this node as they are in the store, until ctx is done: those
// made on other nodes are let in, and callers whose key is gone, or whose token was revoked,
// are closed. While the store is away the keys stay as they were.
func (g *Gateway) WatchKeys(ctx context.Context) {
	tick := time.NewTicker(keysPoll)
	defer tick.Stop()
	for away, looked := false, time.Now(); ; {
		err := g.refreshKeys(ctx)
		if err != nil && !away && ctx.Err() == nil {
			g.options.Logger.Warn("API keys not read; those that are known stay", "err", err)
		}
		away = err != nil
		if now := time.Now(); g.options.Keys.expiredBetween(looked, now) {
			g.dismissGone()
			looked = now
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// refreshKeys reads the API keys of the store, and ends the presences that they do not allow.
func (g *Gateway) refreshKeys(ctx context.Context) error {
	if g.options.Secret != nil {
		_, _ = g.options.Secret(ctx) // kept: without Redis, nodes need it most
	}
	if g.options.KeyRing == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, keysWait)
	defer cancel()
	g.options.Keys.reading.Lock()
	defer g.options.Keys.reading.Unlock()
	set, err := g.options.KeyRing.Keys(ctx, g.options.Keys.version())
	if err != nil {
		return err
	}
	if g.options.Keys.learn(set) {
		g.dismissGone()
	}
	return nil
}

func (g *Gateway) dismissGone() {
	g.dismiss(func(who caller) bool { return !g.options.Keys.good(who) })
}

// dismissSession ends the presences of a session's tokens: of all, or of one.
func (g *Gateway) dismissSession(id session.ID, tokenID string) int {
	return g.dismiss(func(who caller) bool {
		return who.Grant != nil && who.Grant.Session == id && (tokenID == "" || who.tokenID == tokenID)
	})
}
