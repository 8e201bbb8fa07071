package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"switchboard/session"
	"switchboard/session/access"
	"switchboard/session/broadcast"
	"switchboard/session/contain"
	"switchboard/session/journal"
	"switchboard/session/price"
	"switchboard/session/trace"
)

// Options says what a node's sessions work with. Dialer, Store and Directory are
// required; a zero number means the default in its comment.
type Options struct {
	Node      string // base URL of this node, as the others reach it
	Dialer    session.Dialer
	Store     session.Store
	Directory session.Directory
	Meter     access.Meter  // nil: API keys are not metered
	Fleet     session.Fleet // nil: this node is alone
	Peers     Peers         // nil: the nodes of the fleet reach each other through Redis only

	Grants access.Grants // nil: the end of a session does not end its tokens

	// Broadcasts is the log that this node follows; nil: there are none.
	Broadcasts broadcast.Log

	// HandOver gives a session to another node. nil: when the node stops, sessions are
	// left to be claimed.
	HandOver func(ctx context.Context, to session.Node, s session.Snapshot) error
	Logger   *slog.Logger

	// Sealer is needed for secrets in configurations to be known to the node that runs a session
	// next. nil: they are not written.
	Sealer session.Sealer

	// Notify is told what happens in sessions, one notice at a time and off the event
	// path; nil: nobody wants to know. It should keep what it is told and return.
	Notify func(ctx context.Context, n Notice)

	// Trace is told what took how long in sessions; nil: nobody wants to know.
	Trace trace.Recorder

	Defaults  session.Limits                    // for sessions that set none
	Caps      session.Limits                    // that no session may exceed; a zero field is none
	KeyLimits func(key string) access.KeyLimits // asked anew each time; nil: none

	Prices     price.Table // what models cost
	CostLabels []string    // names of the labels by whose values usage is summed

	Heartbeat   time.Duration // between two heartbeats of this node, the same on all nodes; 200 ms
	Lease       time.Duration // for 7/8 of it sessions go on without Redis; 60 s: longer than a Redis that restarts
	OpenTimeout time.Duration // until a new session must be ready; 15 s
	AckTimeout  time.Duration // until the upstream must have answered a command; 10 s
	StallLimit  time.Duration // how long a peer may refuse to take what waits; 15 s
	ClientQueue int           // bytes that may wait for one client; 4 MiB

	SessionClients int           // clients of one session at once; 64
	TokenClients   int           // and of those, with the same token; 8
	UpstreamQueue  int           // bytes that may wait for the upstream; 2 MiB
	ResumeBytes    int           // memory of one session's history; 2 MiB
	ResumeWindow   time.Duration // age of one session's history; 60 s
	ResumeGrace    time.Duration // how long history is kept for clients that have received it, unless they acknowledge it; 3 s
	JournalBytes   int           // log events that may wait while the store is away; 64 MiB
	RenewAfter     int           // responses that failed in a row with server_error before another upstream is tried; 3, negative: never

	ConversationBytes  int // of one session, in memory and in the store; 4 MiB
	ConversationImages int // of those, bytes of image data; 2 MiB
	ConversationItems  int // items of one session; 2000

	DrainLimit time.Duration // for handing over all sessions when the node stops; 20 s
}

func (o *Options) setDefaults() {
	duration := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	size := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	duration(&o.Heartbeat, 200*time.Millisecond)
	duration(&o.Lease, time.Minute)
	duration(&o.OpenTimeout, 15*time.Second)
	duration(&o.AckTimeout, 10*time.Second)
	duration(&o.StallLimit, 15*time.Second)
	duration(&o.ResumeWindow, time.Minute)
	duration(&o.ResumeGrace, 3*time.Second)
	duration(&o.DrainLimit, 20*time.Second)
	size(&o.ClientQueue, 4<<20)
	size(&o.SessionClients, 64)
	size(&o.TokenClients, 8)
	size(&o.UpstreamQueue, 2<<20)
	size(&o.ResumeBytes, 2<<20)
	size(&o.JournalBytes, 64<<20)
	size(&o.RenewAfter, 3)
	size(&o.ConversationBytes, 4<<20)
	size(&o.ConversationImages, 2<<20)
	size(&o.ConversationItems, 2000)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.KeyLimits == nil {
		o.KeyLimits = func(string) access.KeyLimits { return access.KeyLimits{} }
	}
}

// storeTimeout bounds one call to the store that nobody waits for on the event path.
const storeTimeout = 5 * time.Second

// node is what all controllers of a hub share.
type node struct {
	Options
	journal *journal.Journal
	stats   counters
	pulse   *pulse
	notices chan Notice
	spent   chan struct{}     // holds one: something was used
	left    func(*Controller) // called once by each controller at its very end

	// sessions counts those that run, until their very end, and what else works on them.
	sessions sync.WaitGroup
}

// Hub holds this node's running controllers. Safe for many callers at once.
type Hub struct {
	node *node

	started time.Time
	wake    chan struct{} // holds one: there are orphans
	missing atomic.Bool   // the newest heartbeat has failed
	packs   chan struct{} // one for each session that is being packed
	claims  chan struct{} // and for each that is being claimed

	mu sync.Mutex
	// Guarded by mu.
	running  map[session.ID]*Controller
	reserved map[session.ID]bool // being opened or claimed
	deaths   []func(url string)
	unsure   map[session.ID]bool // leases that may be this node's, because a call failed
	draining bool                // for good: the node stops
	cleared  bool                // an operator wants it without sessions
	closed   bool
	heard    standing // broadcasts so far
	owed     []owed   // ended sessions that are not counted yet
	costs    Costs
}

// New returns a hub whose Run has to be called before sessions are created.
func New(o Options) *Hub {
	o.setDefaults()
	h := &Hub{running: make(map[session.ID]*Controller), reserved: make(map[session.ID]bool), unsure: make(map[session.ID]bool), wake: make(chan struct{}, 1), started: time.Now(), packs: make(chan struct{}, packsAtOnce), claims: make(chan struct{}, claimsAtOnce), costs: newCosts()}
	h.node = &node{Options: o, left: h.remove, notices: make(chan Notice, noticesWaiting), spent: make(chan struct{}, 1), pulse: newPulse(o)}
	h.node.journal = journal.New(o.Store, o.Logger, o.JournalBytes, h.lose)
	return h
}

// Run writes the journal and heartbeats, and claims orphans until ctx is done; then
// it hands all sessions over, leaves those that no node took to be claimed, and writes
// what is left.
func (h *Hub) Run(ctx context.Context) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var own sync.WaitGroup
	renewing, stopRenewal := context.WithCancel(background)
	keep := func(ctx context.Context, what string, f func(context.Context)) {
		own.Go(func() { contain.Keep(ctx, h.node.Logger, what, func() { f(ctx) }) })
	}
	keep(background, "journal", h.node.journal.Run)
	var beating sync.WaitGroup
	beating.Go(func() { contain.Keep(renewing, h.node.Logger, "heartbeat", func() { h.beat(renewing) }) })
	keep(renewing, "metering", h.meter)
	keep(ctx, "broadcasts", h.follow)
	keep(background, "notices", h.node.notify)
	contain.Keep(ctx, h.node.Logger, "orphans", func() { h.sweep(ctx) })
	<-ctx.Done()
	drain, cancel := context.WithTimeout(background, h.node.DrainLimit)
	_ = contain.Do(h.node.Logger, "hand-over", func() { h.handOverAll(drain) })
	cancel()
	h.leaveAll()
	h.node.sessions.Wait()
	stopRenewal()
	beating.Wait() // or the node would be seen again
	h.leave(background)
	stop()
	own.Wait()
	return context.Cause(ctx)
}

// leaveAll ends on this node what is left.
func (h *Hub) leaveAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, c := range h.running {
		c.leaveNode()
	}
}

// Create opens a session here and returns when it is ready. ErrExists for an ID that was
// used before, *HeldError if it runs elsewhere, *LimitError for the key, *UpstreamError
// when the upstream refused.
func (h *Hub) Create(ctx context.Context, spec session.Spec) (*Controller, error) {
	if !spec.ID.Valid() {
		return nil, &session.InvalidError{Field: "session_id", Detail: "must be 1 to 64 characters of A–Z a–z 0–9 _ -"}
	}
	if err := h.node.Caps.Check(spec.Limits); err != nil {
		return nil, err
	}
	if err := h.reserve(spec.ID); err != nil {
		return nil, err
	}
	defer h.unreserve(spec.ID)
	if _, err := h.node.Store.Record(ctx, spec.ID); err == nil {
		return nil, session.ErrExists
	} else if !errors.Is(err, session.ErrNotFound) {
		return nil, fmt.Errorf("look up session: %w", err)
	}
	lease, err := h.acquire(ctx, session.Lease{ID: spec.ID})
	if err != nil {
		return nil, fmt.Errorf("acquire lease: %w", err)
	}
	config := spec.Config
	spec.Config = nil // the upstream reports what came of it, and that is what is kept
	c := newController(h.node, spec, lease)
	if err := h.start(ctx, c, config); err != nil {
		h.release(c)
		return nil, err
	}
	h.node.stats.Opened.Add(1)
	return c, nil
}

func (h *Hub) start(ctx context.Context, c *Controller, config json.RawMessage) error {
	if err := h.admit(ctx, c); err != nil {
		return err
	}
	err := errCrashed
	c.contain(func() { err = c.open(ctx, config) })
	if err != nil {
		h.node.count(err)
		if c.up.leg != nil {
			c.abandon(err)
		}
		return err
	}
	err = errCrashed
	c.contain(func() { err = h.run(c) })
	if err != nil {
		c.abandon(err)
		return err
	}
	return nil
}

// run puts a controller among the running ones and starts it.
func (h *Hub) run(c *Controller) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return ErrDraining
	case c.lease.Holder != h.node.pulse.holder(): // this node was declared dead meanwhile
		return ErrLeaseLost
	}
	h.running[c.id] = c
	h.node.sessions.Add(1) // windUp takes it off
	h.node.sessions.Go(c.run)
	h.catchUpLocked(c)
	return nil
}

// reserve keeps others on this node from opening or claiming the same session.
func (h *Hub) reserve(id session.ID) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.draining, h.cleared:
		return ErrDraining
	case h.reserved[id] || h.running[id] != nil:
		return session.ErrExists
	}
	h.reserved[id] = true
	return nil
}

func (h *Hub) unreserve(id session.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.reserved, id)
}

// Controller returns the controller of a session that runs here.
func (h *Hub) Controller(id session.ID) (*Controller, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, ok := h.running[id]
	return c, ok
}

// Flush waits until what sessions have done so far is in the store.
func (h *Hub) Flush(ctx context.Context) error { return h.node.journal.Flush(ctx) }

// remove takes a session off that is over, once the store knows that it is.
func (h *Hub) remove(c *Controller) {
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	if err := h.node.journal.Flush(ctx); err != nil {
		h.node.Logger.Warn("end of session not yet in the store", "session", c.id, "err", err)
	}
	h.mu.Lock()
	delete(h.running, c.id)
	stops := h.closed
	h.mu.Unlock()
	h.release(c)
	if !stops && !c.Leaving() {
		ctx, cancel := context.WithTimeout(context.Background(), packTimeout)
		defer cancel()
		h.pack(ctx, c.id)
	}
}

// packsAtOnce is how many sessions that have ended are packed at a time, for packTimeout with all
// waiting: each takes some milliseconds of a core.
const (
	packsAtOnce = 2
	packTimeout = time.Minute
)

// pack has an ended session take less memory in the store.
func (h *Hub) pack(ctx context.Context, id session.ID) {
	select {
	case h.packs <- struct{}{}:
		defer func() { <-h.packs }()
	case <-ctx.Done():
		return
	}
	if err := h.node.Store.Pack(ctx, id); err != nil {
		h.node.Logger.Warn("ended session not packed; it takes more memory until it expires", "session", id, "err", err)
	}
}

// removeTimeout is how long a session that is over stays visible here for a store that
// does not take its end.
const removeTimeout = 2 * time.Second

// release gives back what a session held beyond this node.
func (h *Hub) release(c *Controller) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	if err := h.node.Directory.Release(ctx, c.lease); err != nil {
		h.node.Logger.Warn("lease not released yet", "session", c.id, "err", err)
		h.doubtful(c.id)
	}
	if !c.Leaving() {
		h.endGrants(ctx, c.id)
	}
	h.settle(ctx, c)
}

// grantsAfterEnd is how long clients that come back with a token are told why their session ended.
const grantsAfterEnd = 10 * time.Minute

// endGrants lets the tokens of a session that is over expire.
func (h *Hub) endGrants(ctx context.Context, id session.ID) {
	if h.node.Grants == nil {
		return
	}
	if err := h.node.Grants.EndGrants(ctx, id, grantsAfterEnd); err != nil {
		h.node.Logger.Warn("tokens of session not ended; they expire by themselves", "session", id, "err", err)
	}
}

// lose ends a session whose lease with this epoch another has; one that was acquired
// since is not meant.
func (h *Hub) lose(id session.ID, epoch int64) {
	if c, ok := h.Controller(id); ok && c.lease.Epoch <= epoch {
		c.end(ErrLeaseLost)
	}
}
