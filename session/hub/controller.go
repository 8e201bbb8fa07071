package hub

import (
	"context"
	"errors"
	"maps"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"switchboard/session"
	"switchboard/session/buffer"
	"switchboard/session/conversation"
)

// Controller runs one session on the node that holds its lease. Its methods may be
// called by many at once.
//
// What an event changes is changed by the goroutine that read it, under mu, and nothing
// done under mu waits: writes go to an outbox that takes or queues. So an event costs
// no hand-over between goroutines (docs/decisions/0003-one-lock-a-session.md).
type Controller struct {
	// Set by newController, never changed.
	id       session.ID
	spec     session.Spec
	lease    session.Lease
	node     *node
	created  time.Time
	traced   bool
	admitted bool            // the meter was told that it runs; the starter's, before run
	life     context.Context // done when reason is set
	over     context.CancelFunc
	hungUp   chan struct{} // closed when windUp has closed all connections
	gone     chan struct{} // closed when all of windUp is done
	update   chan struct{} // holds one: an update of the application's is under way

	gate atomic.Pointer[gate] // what the upstream sends passes it; nil: there is none

	mu sync.Mutex
	// Guarded by mu.
	state      state
	timer      *time.Timer // calls look; nil: run has not begun
	lookAgain  bool        // what look found is not all any more
	reason     error       // why it ends
	ended      time.Time   // and when
	status     session.Status
	up         uplink
	frozen     bool // it is on its way to another node: nothing goes in or out
	clients    []*client
	allowances map[string]*allowance // of tokens whose clients are here, or were a moment ago
	speaker    *client               // the one whose audio goes in
	spoke      time.Time             // when it last sent audio
	controlled time.Time             // last event of a client that was no audio
	conv       conversation.Conversation
	turn       turn
	tracing    tracing
	stirred    chan struct{} // closed when a quiet moment may have come; nil: nobody waits for one
	facts      facts
	overlay    overlay
	usage      session.Usage
	dropped    session.Dropped
	cost       session.Cost
	errors     int64 // of the upstream, normal races left out
	latency    session.Latency
	unmetered  []expense // that are not in the node's sums
	metered    metered
	history    buffer.History
	retention  retention
	withheld   withholding
	logID      logID
	feeds      []*Feed
	listeners  []*Listener
	whispers   whispers
	touched    time.Time // last event of a client or the application
	joined     bool      // a client has been attached before
	readers    sync.WaitGroup
}

// state of a controller; it only moves forward.
type state int

const (
	stateNew state = iota
	stateOpen
	stateClosing
	stateClosed
)

func newController(n *node, spec session.Spec, lease session.Lease) *Controller {
	now := time.Now()
	c := &Controller{
		id: spec.ID, spec: spec, lease: lease, node: n, created: now, touched: now,
		hungUp: make(chan struct{}), gone: make(chan struct{}), update: make(chan struct{}, 1),
		status: session.StatusCreated,
	}
	c.life, c.over = context.WithCancel(context.Background())
	c.traced = n.Trace != nil && n.Trace.Traces(spec.ID)
	c.history = buffer.History{Limit: n.ResumeBytes, Window: n.ResumeWindow}
	c.up = newUplink(relayed{c}, speaksRealtime{}, n.UpstreamQueue, n.ResumeWindow)
	c.conv.Max = conversation.Capacity{Items: n.ConversationItems, Bytes: n.ConversationBytes, Images: n.ConversationImages}
	return c
}

// run begins the session's life after open. While it lives no goroutine waits for its end: there
// are the readers of its connections and a timer. The first thing that ends it says why and has
// windUp run.
func (c *Controller) run() {
	c.contain(c.begin)
	s := c.lock()
	defer s.unlock()
	c.timer = time.AfterFunc(0, c.look)
	if c.state >= stateClosing {
		s.startWindUp()
	}
}

func (c *held) startWindUp() {
	c.timer.Stop()
	c.node.sessions.Go(c.own().windUp)
}

// windUp is the end of the session: one place closes, then it waits for all that was started.
func (c *Controller) windUp() {
	defer c.node.sessions.Done()
	defer close(c.gone)
	c.close()
	c.readers.Wait()
	c.contain(c.finish)
	up := c.up.leg
	up.out.Flusher.Wait()
	c.contain(func() { c.node.left(c) })
}

// begin starts what reads the upstream, or makes one.
func (c *Controller) begin() {
	s := c.lock()
	defer s.unlock()
	s.bound() // another node may have had other limits
	switch c.up.state {
	case legInUse:
		s.readUpstream()
	case legAwaited:
		s.failResponse()
		c.start(c.recover)
	}
}

// look does what is due and sets the timer to when it has to look again.
func (c *Controller) look() {
	c.contain(func() {
		s := c.lock()
		defer s.unlock()
		if c.state >= stateClosing {
			return
		}
		c.lookAgain = false
		next := s.checkTime(time.Now())
		if c.lookAgain {
			next = 0
		}
		if c.state < stateClosing {
			c.timer.Reset(next)
		}
	})
}

// lookNow has the timer look at once, because something may be due earlier than it thought.
func (c *held) lookNow() {
	c.lookAgain = true
	c.lookIn(0)
}

// lookIn has the timer look then, which is earlier than it would. Where there is time, wait is not
// 0: the runtime sorts all timers of the process anew when one has become due earlier.
func (c *held) lookIn(wait time.Duration) {
	if c.timer != nil && c.state < stateClosing {
		c.timer.Reset(wait)
	}
}

// checkTime ends the session if a limit of time is reached, forgets old history, and
// returns when to look again.
func (c *held) checkTime(now time.Time) time.Duration {
	c.up.said.audio.Forget(now)
	next := min(c.forget(now), c.checkRenewal(now))
	if limit := c.own().limits().IdleSeconds; limit > 0 {
		left := span(limit) - now.Sub(c.touched)
		if left <= 0 {
			c.end(&session.LimitError{Limit: "idle_seconds", Max: limit})
		}
		next = min(next, left)
	}
	if limit := c.own().limits().MaxSeconds; limit > 0 {
		left := span(limit) - now.Sub(c.created)
		if left <= 0 {
			c.end(&session.LimitError{Limit: "max_seconds", Max: limit})
		}
		next = min(next, left)
	}
	next = max(next, time.Millisecond)
	c.retention.next = now.Add(next)
	return next
}

// span is a number of seconds, or as many of them as a Duration holds.
func span(seconds int64) time.Duration {
	return time.Duration(min(seconds, int64(math.MaxInt64/time.Second))) * time.Second
}

// End ends the session and waits until it is over and recorded. ErrMoved, ErrLeaseLost: it goes
// on elsewhere.
func (c *Controller) End(ctx context.Context, e Ending) error {
	if c.endUnlessFrozen(&requested{e}) {
		return ErrMoved
	}
	select {
	case <-c.gone:
		if c.Leaving() {
			return ErrLeaseLost
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Controller) endUnlessFrozen(reason error) (frozen bool) {
	s := c.lock()
	defer s.unlock()
	s.end(reason)
	return c.frozen
}

func (c *Controller) end(reason error) {
	s := c.lock()
	defer s.unlock()
	s.end(reason)
}

func (c *held) end(reason error) {
	if c.state >= stateClosing || c.frozen && !movesOn(reason) {
		return // another node has all there is to it: nothing else can end it here
	}
	c.state = stateClosing
	c.reason, c.ended = reason, time.Now()
	c.over()
	if c.timer != nil {
		c.startWindUp()
	}
}

// leaveNode ends the session here. It is left for another node to claim, unless its
// client could not come back to it.
func (c *Controller) leaveNode() {
	if c.spec.EndWithClient {
		c.end(ErrDraining)
		return
	}
	c.end(ErrMoved)
}

// await waits until this node may relay; false: the session is over before.
func (c *Controller) await() bool {
	return c.node.pulse.permitted() || c.node.pulse.await(c.life.Done())
}

// refuses says why nothing can be done in the session here now; nil: it can.
func (c *held) refuses() error {
	if err := c.unable(); err != nil || c.node.pulse.permitted() {
		return err
	}
	return ErrLeaseLost
}

// unable says why nothing can be done in the session here any more; nil: it can, once this node
// may relay.
func (c *held) unable() error {
	switch {
	case c.frozen:
		return ErrMoved
	case c.state != stateOpen:
		return c.afterEnd()
	}
	return nil
}

// afterEnd is what commands are told that were not acknowledged before the end: they
// may have been carried out, and the session may go on elsewhere.
func (c *held) afterEnd() error {
	if c.elsewhere() {
		return ErrLeaseLost
	}
	return ErrEnded
}

// Leaving reports whether the session goes on without this node: what is asked of it is
// to be asked elsewhere.
func (c *Controller) Leaving() bool {
	s := c.lock()
	defer s.unlock()
	return c.frozen || c.state >= stateClosing && s.elsewhere()
}

// elsewhere reports whether the session goes on without this node.
func (c *held) elsewhere() bool { return movesOn(c.reason) }

// movesOn reports whether a reason ends a session on this node only.
func movesOn(reason error) bool {
	return errors.Is(reason, ErrLeaseLost) || errors.Is(reason, ErrMoved)
}

// ID is the session's; it never changes.
func (c *Controller) ID() session.ID { return c.id }

// Record describes the session as it is now.
func (c *Controller) Record() session.Record {
	s := c.lock()
	defer s.unlock()
	return s.record()
}

func (c *held) record() session.Record {
	now := time.Now()
	r := session.Record{
		ID: c.id, TraceID: c.own().traceID(), Key: c.spec.Key, Status: c.status, Node: c.lease.Node, Epoch: c.lease.Epoch,
		Labels: maps.Clone(c.spec.Labels), Limits: c.own().limits(), Policy: c.spec.Policy,
		Model: c.spec.Model, Intent: c.spec.Intent, SafetyID: c.spec.SafetyID, Session: c.up.session, Secrets: c.sealedSecrets(),
		Usage: c.usage, Dropped: c.dropped, Cost: c.costNow(), Clients: len(c.clients), Responding: c.turn.active != "", Response: c.turn.active,
		CreatedAt: c.created, UpdatedAt: now, ExpiresAt: c.up.expires, EndWithClient: c.spec.EndWithClient, Overlay: c.overlay.Overlay,
		Errors: c.errors, Latency: c.latency, Condition: c.condition(), ListenIn: c.spec.ListenIn, Listeners: len(c.listeners),
	}
	if c.status == session.StatusEnded {
		r.EndedAt, r.Reason, r.EndedBy, now = c.ended, reasonText(c.reason), endedBy(c.reason), c.ended
	}
	r.Usage.Seconds = now.Sub(c.created).Seconds()
	return r
}

func (c *Controller) save() {
	s := c.lock()
	defer s.unlock()
	s.save()
}

// save hands the record to the journal.
func (c *held) save() {
	r := c.record()
	c.node.journal.Add(session.Change{ID: c.id, Epoch: c.lease.Epoch, Record: &r})
}

// Items is the conversation in order.
func (c *Controller) Items() []session.Item {
	s := c.lock()
	defer s.unlock()
	return s.items()
}

func (c *held) items() []session.Item {
	out := make([]session.Item, len(c.conv.Items))
	for i, it := range c.conv.Items {
		out[i] = it.Item
	}
	return out
}
