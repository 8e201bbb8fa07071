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

// claimLog is how many events of the log a claim reads at a time, for clients that resume.
const claimLog = 1000

// claimTimeout bounds the reads and writes of a claim.
const claimTimeout = 10 * time.Second

// Claim takes over a session that no node runs, out of the store. It returns when the
// session takes clients; the upstream is connected behind that. *HeldError: another node
// was quicker. ErrEnded and ErrNotFound: there is nothing to run. A claim that has begun
// does not end with ctx: half of one would hold the lease for nobody.
func (h *Hub) Claim(ctx context.Context, id session.ID) (*Controller, error) {
	if c, ok := h.Controller(id); ok {
		return c, nil
	}
	if err := h.reserve(id); err != nil {
		return nil, err
	}
	defer h.unreserve(id)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTimeout)
	defer cancel()
	r, err := h.node.Store.Record(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	if r.Status == session.StatusEnded {
		return nil, ErrEnded
	}
	lease, err := h.acquire(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	if r.EndWithClient {
		return nil, h.bury(ctx, r, lease, "its node was lost") // and its client's connection with it
	}
	return h.orBury(ctx, r, lease, func() (*Controller, error) {
		s, err := h.kept(ctx, id) // read behind the lease: nobody writes now but us
		if err != nil {
			return nil, errors.Join(fmt.Errorf("claim: %w", err), h.node.Directory.Release(ctx, lease))
		}
		h.node.stats.Claimed.Add(1)
		h.node.Logger.Info("session claimed", "session", id, "from", r.Node, "epoch", lease.Epoch)
		return h.resume(ctx, s, lease)
	})
}

// orBury does what makes a session run here. If that panics the session has ended: it would
// panic on the next node, too.
func (h *Hub) orBury(ctx context.Context, r session.Record, lease session.Lease, run func() (*Controller, error)) (c *Controller, err error) {
	if contain.Do(h.node.Logger, "claim", func() { c, err = run() }, "session", r.ID) != nil {
		return nil, h.bury(ctx, r, lease, reasonText(errCrashed))
	}
	return c, err
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

// kept reads a session out of the store.
func (h *Hub) kept(ctx context.Context, id session.ID) (session.Snapshot, error) {
	var s session.Snapshot
	var err error
	if s.Record, err = h.node.Store.Record(ctx, id); err != nil {
		return s, err
	}
	if s.Record.Status == session.StatusEnded {
		return s, ErrEnded
	}
	if s.Items, err = h.node.Store.Items(ctx, id); err != nil {
		return s, err
	}
	private := whispersOf(s.Items)
	for after := ""; ; {
		page, err := h.node.Store.Events(ctx, id, after, claimLog)
		if err != nil || len(page) == 0 {
			return s, err
		}
		for _, e := range page {
			if !logOnly(e.Type) {
				event := realtime.PlainEvent([]byte(e.Type), e.Raw)
				s.History = append(s.History, private.public(event, func(id string) string { return publicItem(s.Items, id) }))
			}
		}
		after = page[len(page)-1].ID
		s.LogID = after
	}
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
	_, err = h.orBury(ctx, s.Record, lease, func() (*Controller, error) { return h.resume(ctx, s, lease) })
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
		Model: r.Model, Intent: r.Intent, SafetyID: r.SafetyID, EndWithClient: r.EndWithClient,
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
