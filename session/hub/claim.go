package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"switchboard/session"
	"switchboard/session/buffer"
	"switchboard/session/contain"
	"switchboard/session/conversation"
	"switchboard/session/realtime"
)

// claimTimeout bounds the reads and writes of a claim.
const claimTimeout = 10 * time.Second

// claimsAtOnce bounds the sessions that are being read out of the store at a time: each may have
// some megabytes. A sweep has half of them, so that sessions whose clients wait come first.
const claimsAtOnce = 16

// Claim takes over a session that no node runs, out of the store. It returns when the
// session takes clients; the upstream is connected behind that. *HeldError: another node
// was quicker. ErrEnded and ErrNotFound: there is nothing to run. A claim that has begun
// does not end with ctx: half of one would hold the lease for nobody.
func (h *Hub) Claim(ctx context.Context, id session.ID) (*Controller, error) {
	if c, ok := h.Controller(id); ok {
		return c, nil
	}
	r, err := h.node.Store.Record(ctx, id) // first, as most that have no lease have ended
	switch {
	case err != nil:
		return nil, fmt.Errorf("claim: %w", err)
	case r.Status == session.StatusEnded:
		return nil, ErrEnded
	}
	return h.claim(ctx, session.Lease{ID: id})
}

// Seize is Claim of a session whose lease is that of a node which is dead.
func (h *Hub) Seize(ctx context.Context, dead session.Lease) (*Controller, error) {
	return h.claim(ctx, dead)
}

// claim takes over a session that probably runs nowhere. dead is its lease, or only names it.
func (h *Hub) claim(ctx context.Context, dead session.Lease) (*Controller, error) {
	id := dead.ID
	if err := h.reserve(id); err != nil {
		if c, ok := h.Controller(id); ok {
			return c, nil
		}
		return nil, err
	}
	defer h.unreserve(id)
	select {
	case h.claims <- struct{}{}:
		defer func() { <-h.claims }()
	case <-ctx.Done():
		return nil, fmt.Errorf("claim: %w", ctx.Err())
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTimeout)
	defer cancel()
	lease, err := h.acquire(ctx, dead)
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	return h.orBury(ctx, lease, func() (*Controller, error) {
		l, err := h.node.Store.Load(ctx, id) // behind the lease: nobody writes now but us
		if err == nil && l.Record.Status == session.StatusEnded {
			err = ErrEnded
		}
		switch {
		case err != nil:
			return nil, errors.Join(fmt.Errorf("claim: %w", err), h.node.Directory.Release(ctx, lease))
		case l.Record.EndWithClient:
			return nil, h.bury(ctx, l.Record, lease, "its node was lost") // and its client's connection with it
		}
		h.node.stats.Claimed.Add(1)
		h.node.Logger.Info("session claimed", "session", id, "from", l.Record.Node, "epoch", lease.Epoch)
		return h.resume(ctx, snapshotOf(l), lease)
	})
}

// orBury does what makes a session run here. If that panics the session has ended: it would
// panic on the next node, too.
func (h *Hub) orBury(ctx context.Context, lease session.Lease, run func() (*Controller, error)) (c *Controller, err error) {
	if contain.Do(h.node.Logger, "claim", func() { c, err = run() }, "session", lease.ID) == nil {
		return c, err
	}
	r, err := h.node.Store.Record(ctx, lease.ID)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("claim: %w", err), h.node.Directory.Release(ctx, lease))
	}
	return nil, h.bury(ctx, r, lease, reasonText(errCrashed))
}

// bury records the end of a session that cannot run.
func (h *Hub) bury(ctx context.Context, r session.Record, lease session.Lease, why string) error {
	r.Status, r.Reason, r.EndedBy, r.Epoch = session.StatusEnded, why, EndedByServer, lease.Epoch
	r.EndedAt, r.Clients, r.Responding, r.Response = time.Now(), 0, false, ""
	h.node.journal.Add(session.Change{ID: r.ID, Epoch: lease.Epoch, Record: &r})
	if err := h.node.journal.Flush(ctx); err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	h.endGrants(ctx, r.ID)
	h.pack(ctx, r.ID)
	h.meterEnd(ctx, r.Key, spentOf(r, h.node.CostLabels))
	return errors.Join(ErrEnded, h.node.Directory.Release(ctx, lease))
}

// snapshotOf is a session as the store has it.
func snapshotOf(l session.Stored) session.Snapshot {
	s := session.Snapshot{Record: l.Record, Items: l.Items}
	private := whispersOf(s.Items)
	for _, e := range l.Events {
		if !logOnly(e.Type) {
			event := realtime.PlainEvent([]byte(e.Type), e.Raw)
			s.History = append(s.History, private.public(event, func(id string) string { return publicItem(s.Items, id) }))
		}
		s.LogID = e.ID
	}
	return s
}

// Adopt takes over a session from a node that hands it over, and its lease with it, so
// that nobody can claim it on the way with less than what is known of it.
func (h *Hub) Adopt(ctx context.Context, s session.Snapshot) error {
	id := s.Record.ID
	if err := h.reserve(id); err != nil {
		return err
	}
	defer h.unreserve(id)
	holder, err := h.join(ctx)
	if err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	lease, err := h.node.Directory.Transfer(ctx, session.Lease{ID: id, Holder: session.Holder{Node: s.Record.Node}, Epoch: s.Record.Epoch}, holder)
	if err != nil {
		if _, held := asHeld(err); !held {
			h.doubtful(id)
		}
		return fmt.Errorf("adopt: %w", err)
	}
	_, err = h.orBury(ctx, lease, func() (*Controller, error) { return h.resume(ctx, s, lease) })
	return err
}

// resume runs a session from what is known of it, or gives its lease back.
func (h *Hub) resume(ctx context.Context, s session.Snapshot, lease session.Lease) (*Controller, error) {
	c := restore(h.node, s, lease)
	if err := h.run(c); err != nil {
		return nil, errors.Join(err, h.node.Directory.Release(ctx, lease))
	}
	return c, nil
}

// restore makes a controller whose upstream is yet to come.
func restore(n *node, s session.Snapshot, lease session.Lease) *Controller {
	r := s.Record
	c := newController(n, session.Spec{
		ID: r.ID, Key: r.Key, Labels: r.Labels, Limits: r.Limits, Policy: r.Policy,
		Model: r.Model, Intent: r.Intent, SafetyID: r.SafetyID, EndWithClient: r.EndWithClient, ListenIn: r.ListenIn,
	}, lease)
	h := c.lock() // nobody else knows of it yet
	defer h.unlock()
	c.created, c.usage, c.cost, c.status, c.state = r.CreatedAt, r.Usage, r.Cost, r.Status, stateOpen
	c.errors, c.latency = r.Errors, r.Latency
	c.joined, c.dropped = r.Status == session.StatusActive, r.Dropped
	c.overlay = overlay{r.Overlay}
	c.logID.follow(s.LogID)
	c.turn.active, c.turn.produced = r.Response, true
	c.whispers = whispersOf(s.Items)
	for _, it := range s.Items {
		if it.Status == "in_progress" {
			it.Status = "incomplete"
		}
		c.conv.Restore(&conversation.Entry{Item: it, Noticed: it.Complete()})
	}
	c.up.recalled.audio = s.Audio
	now := time.Now()
	for _, e := range s.History {
		c.history.Add(e, now)
	}
	if s.Era != "" { // handed over, with all that clients may come back for
		c.history.Era, c.history.Seq, c.history.Floor = s.Era, s.Seq, s.Floor
		c.history.Cut = c.history.Cut || s.Cut
		c.history.Reaches(s.Edge)
	} else {
		c.history.Floor, c.history.Cut = lastGap(s.History), true
	}
	h.depart(0, "") // clients of the node before
	c.up.leg = &leg{state: legAwaited, lostAt: time.Now()}
	h.unseal(r.Secrets)
	c.up.leg.use(gjson.ParseBytes(r.Session))
	c.turn.wanted = s.Wanted || s.Era == "" && c.up.owes(s.History)
	c.up.out = c.outbox(nil, n.UpstreamQueue, &n.stats.DroppedUp)
	c.up.out.Hold()
	for _, e := range s.Tail {
		c.up.tail.Add(e, now)
	}
	for _, e := range s.Waiting {
		head, err := realtime.Peek(e)
		c.up.out.Push(buffer.Queued{Frame: session.NewFrame(e), Audio: err == nil && c.up.words.asked(head.Typ) == asksToHear})
	}
	return c
}

// owes reports whether a log ends before anything was heard of an answer. The
// upstream may answer by itself what was said.
func (u *uplink) owes(log [][]byte) bool {
	for _, event := range slices.Backward(log) {
		h, err := realtime.Peek(event)
		if err != nil {
			continue
		}
		switch typ, m := string(h.Typ), u.words.meaning(h.Typ); {
		case m == meansDone, strings.HasPrefix(typ, "response.") && strings.HasSuffix(typ, ".delta"):
			return false
		case m == meansBegun && gjson.GetBytes(event, "response.conversation_id").Str != "": // else out of band
			return true
		case m == meansCommitted:
			return u.answers
		}
	}
	return false
}
