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
	who caller

	// Guarded by the lock of presences.
	lost error       // why the caller may stay no longer; nil while it may
	end  func(error) // ends the connection; nil while there is none
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
func (g *Gateway) present(who caller) (p *presence, leave func()) {
	p = &presence{who: who}
	g.here.mu.Lock()
	if g.here.all == nil {
		g.here.all = map[*presence]struct{}{}
	}
	g.here.all[p] = struct{}{}
	g.here.mu.Unlock()
	if !g.options.Keys.good(who) {
		g.here.mu.Lock()
		p.lost = errRevoked
		g.here.mu.Unlock()
	}
	return p, func() {
		g.here.mu.Lock()
		delete(g.here.all, p)
		g.here.mu.Unlock()
	}
}

// welcome says why a caller may stay no longer; nil while it may.
func (g *Gateway) welcome(p *presence) error {
	g.here.mu.Lock()
	defer g.here.mu.Unlock()
	return p.lost
}

// endsBy has end called, once, when the caller may stay no longer: at once if that is so already.
// It must not wait.
func (g *Gateway) endsBy(p *presence, end func(error)) {
	g.here.mu.Lock()
	p.end = end
	lost := p.lost
	g.here.mu.Unlock()
	if lost != nil {
		end(lost)
	}
}

// reading is a context that is done when a caller who reads may stay no longer, or leave is called.
func (g *Gateway) reading(ctx context.Context, who caller) (_ context.Context, leave func()) {
	ctx, lose := context.WithCancelCause(ctx)
	p, depart := g.present(who)
	g.endsBy(p, lose)
	return ctx, func() { depart(); lose(nil) }
}

// leaveKey is where a request keeps the function that ends its presence.
const leaveKey = "leave"

// arrive notes the caller of a request that reads, perhaps without an end.
func (g *Gateway) arrive(c *gin.Context, who caller) {
	if _, here := c.Get(leaveKey); here || c.Request.Method != http.MethodGet {
		return
	}
	ctx, leave := g.reading(c.Request.Context(), who)
	c.Set(leaveKey, leave)
	c.Request = c.Request.WithContext(ctx)
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
	var ends []func(error)
	g.here.mu.Lock()
	for p := range g.here.all {
		if p.lost == nil && unwanted(p.who) {
			p.lost = errRevoked
			n++
			if p.end != nil {
				ends = append(ends, p.end)
			}
		}
	}
	g.here.mu.Unlock()
	for _, end := range ends {
		end(errRevoked)
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
