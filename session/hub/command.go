package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"switchboard/session"
	"switchboard/session/realtime"
)

// Message is an item that the application adds to the conversation.
type Message struct {
	Role    string // "user" (default), "system" or "assistant"
	Text    string
	Respond bool // ask for a response, when the active one has ended
}

// Message adds an item and, if asked to, requests a response. It returns when the
// upstream has acknowledged; *UpstreamError when it refused.
func (c *Controller) Message(ctx context.Context, m Message) (itemID string, err error) {
	if m.Role == "" {
		m.Role = "user"
	}
	kind := "input_text"
	if m.Role == "assistant" {
		kind = "output_text"
	}
	itemID = session.NewID("item_")
	behind, err := c.addItem(ctx, itemID, realtime.Object{
		"type": "message", "role": m.Role,
		"content": []realtime.Object{{"type": kind, "text": m.Text}},
	})
	if err != nil {
		return itemID, err
	}
	if m.Respond {
		err = c.respond(ctx, behind)
	}
	c.kept(ctx)
	return itemID, err
}

// FunctionResult answers a function call of the model's and, once all calls of its
// response are answered, asks for the next response. *InvalidError: no such call;
// ErrExists: it was answered before.
func (c *Controller) FunctionResult(ctx context.Context, callID, output string) (itemID string, err error) {
	if err := c.answer(callID); err != nil {
		return "", err
	}
	itemID = session.NewID("item_")
	behind, err := c.addItem(ctx, itemID, realtime.Object{"type": "function_call_output", "call_id": callID, "output": output})
	if err != nil {
		c.unanswer(callID)
		return "", err
	}
	if c.followCall(callID) {
		err = c.respond(ctx, behind)
	}
	c.kept(ctx)
	return itemID, err
}

// answer notes that a function call is being answered.
func (c *Controller) answer(callID string) error {
	s := c.lock()
	defer s.unlock()
	if c.conv.Call(callID) == nil {
		return &session.InvalidError{Field: "call_id", Detail: "the conversation has no function call with this ID"}
	}
	if c.conv.Answered(callID) {
		return fmt.Errorf("function call %s: %w", callID, session.ErrExists)
	}
	c.conv.Answering = append(c.conv.Answering, callID)
	return nil
}

// unanswer takes back what answer noted.
func (c *Controller) unanswer(callID string) {
	s := c.lock()
	defer s.unlock()
	c.conv.Answering = slices.DeleteFunc(c.conv.Answering, func(id string) bool { return id == callID })
}

// followCall reports whether the answer to a call makes the next response due. While the
// call's own response is active more calls may come, and its end decides.
func (c *Controller) followCall(callID string) bool {
	s := c.lock()
	defer s.unlock()
	it := c.conv.Call(callID)
	if it == nil {
		return false // deleted meanwhile
	}
	if c.turn.active != "" && (it.ResponseID == "" || it.ResponseID == c.turn.active) {
		c.turn.answered = true
		return false
	}
	return c.conv.Follow(it.ResponseID)
}

// Change is what changes in a session's settings.
type Change struct {
	// Session is a part of the GA session object, with or without its type; nil: none of it.
	Session json.RawMessage
	// Labels are set, or removed if nil.
	Labels map[string]*string
	// If is asked before anything is done; its error is what Change returns. No other Change comes
	// between. nil: do it.
	If func(session.Record) error
}

// Change changes the session's settings. It returns the effective session after the upstream took
// it over, if that changed; *UpstreamError when it refused (nothing has changed then).
func (c *Controller) Change(ctx context.Context, change Change) (effective json.RawMessage, err error) {
	select {
	case c.update <- struct{}{}:
		defer func() { <-c.update }()
	case <-c.life.Done():
		s := c.lock()
		defer s.unlock()
		return nil, s.afterEnd()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if change.If != nil {
		if err := change.If(c.Record()); err != nil {
			return nil, err
		}
	}
	if change.Session != nil {
		if effective, err = c.reconfigure(ctx, change.Session); err != nil {
			return nil, err
		}
	}
	if change.Labels != nil {
		if err := c.relabel(change.Labels); err != nil {
			return nil, err
		}
		c.kept(ctx)
	}
	return effective, nil
}

// Update changes nothing but the configuration.
func (c *Controller) Update(ctx context.Context, patch json.RawMessage) (json.RawMessage, error) {
	return c.Change(ctx, Change{Session: patch})
}

func (c *Controller) reconfigure(ctx context.Context, patch json.RawMessage) (json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(patch, &fields); err != nil || fields == nil {
		return nil, &session.InvalidError{Field: "session", Detail: "must be an object"}
	}
	base := c.complete(fields)
	k := &pending{sets: c.withSecrets(realtime.Marshal(fields))}
	_, err := c.ask(ctx, k, asksUpdate, realtime.Object{"session": k.sets})
	if err != nil {
		return nil, err
	}
	c.kept(ctx)
	s := c.lock()
	defer s.unlock()
	if base != nil && c.overlay.Based {
		c.overlay.Base = *base
		if c.up.says() != c.overlay.text() {
			s.sendOverlay(nil) // a broadcast came meanwhile
		}
	}
	return c.up.session, nil
}

// mostLabels are the labels of one session.
const mostLabels = 32

func (c *Controller) relabel(changes map[string]*string) error {
	s := c.lock()
	defer s.unlock()
	if err := s.unable(); err != nil {
		return err
	}
	labels := maps.Clone(c.spec.Labels) // notices share those that there were
	if labels == nil {
		labels = map[string]string{}
	}
	for name, value := range changes {
		if value == nil {
			delete(labels, name)
		} else {
			labels[name] = *value
		}
	}
	if len(labels) > mostLabels {
		return &session.InvalidError{Field: "labels", Detail: "a session has at most 32"}
	}
	c.spec.Labels = labels
	s.save()
	return nil
}

// complete adds the type to an update that has none, because the API requires it, and puts its instructions under
// the broadcasts that stand. It returns the instructions that they will stand on.
func (c *Controller) complete(fields map[string]json.RawMessage) (base *string) {
	s := c.lock()
	defer s.unlock()
	if _, ok := fields["type"]; !ok {
		fields["type"] = realtime.Marshal(c.up.kind)
	}
	raw, ok := fields["instructions"]
	var own string
	if !ok || json.Unmarshal(raw, &own) != nil {
		return nil // the upstream says what is wrong with it
	}
	over := c.overlay
	over.Base = own
	fields["instructions"] = realtime.Marshal(over.text())
	return &own
}

// Cancel ends the active response. *UpstreamError response_cancel_not_active when there
// is none: a normal race.
func (c *Controller) Cancel(ctx context.Context) error {
	s := c.lock()
	c.turn.cancel()
	s.stir()
	s.unlock()
	_, err := c.ask(ctx, &pending{}, asksCancel, realtime.Object{})
	return err
}

// CommitAudio turns the input audio buffer into an item.
func (c *Controller) CommitAudio(ctx context.Context) (itemID string, err error) {
	raw, err := c.ask(ctx, &pending{}, asksCommit, realtime.Object{})
	if err != nil {
		return "", err
	}
	h, err := realtime.Peek(raw)
	return string(h.ItemID), err
}

// ClearAudio empties the input audio buffer.
func (c *Controller) ClearAudio(ctx context.Context) error {
	_, err := c.ask(ctx, &pending{}, asksClear, realtime.Object{})
	return err
}

// addItem returns how many responses had begun when the upstream acknowledged the item: those
// that begin later know of it.
func (c *Controller) addItem(ctx context.Context, id string, item realtime.Object) (behind int64, err error) {
	k := &pending{itemID: id}
	item["id"] = id
	_, err = c.ask(ctx, k, asksItem, realtime.Object{"item": item})
	return k.behind, err
}

// respond asks for a response to an item that the responses up to the n-th know nothing of: now,
// or when the active one has ended, or when there is an upstream again. A later one is the answer.
func (c *Controller) respond(ctx context.Context, behind int64) error {
	if !c.toRequest(behind) {
		return nil
	}
	_, err := c.ask(ctx, &pending{behind: behind}, asksResponse, realtime.Object{})
	var refused *session.UpstreamError
	if errors.As(err, &refused) && refused.Code == codeActive {
		return nil // somebody was quicker, see observeError
	}
	if errors.Is(err, ErrUpstreamLost) {
		return nil // the next one is asked
	}
	if errors.Is(err, ErrMoved) {
		return ErrLeaseLost // not all of what was asked was left undone
	}
	return err
}

// toRequest reports whether a response is to be requested now.
func (c *Controller) toRequest(behind int64) bool {
	s := c.lock()
	defer s.unlock()
	switch {
	case c.turn.begun > behind:
		return false
	case c.turn.active != "" || c.up.gone() && !c.frozen:
		c.turn.wanted = true
		return false
	}
	c.turn.requested = time.Now()
	return true
}

// ask sends an event that asks for something to the upstream and waits for what settles k.
func (c *Controller) ask(ctx context.Context, k *pending, a ask, event realtime.Object) ([]byte, error) {
	s := c.lock()
	c.touched = time.Now()
	c.controlled = c.touched // more may follow at once: no moment to move
	s.unlock()
	return c.inquire(ctx, k, a, event)
}

// inquire is ask for the gateway itself, which is no sign of life.
func (c *Controller) inquire(ctx context.Context, k *pending, a ask, event realtime.Object) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.node.AckTimeout, session.ErrTimeout)
	defer cancel()
	k.eventID, k.asks, k.refusal = session.NewID(realtime.OwnPrefix), a, c.up.words.refused[a]
	event["type"], event["event_id"] = c.up.words.event[a], k.eventID
	result := make(chan reply, 1)
	k.settle = func(r reply) {
		if k.itemID != "" {
			k.behind = c.turn.begun
		}
		result <- reply{bytes.Clone(r.raw), r.err}
	}
	sent := time.Now()
	if err := c.post(k, event); err != nil {
		return nil, err
	}
	select {
	case r := <-result:
		c.node.stats.Command.Observe(time.Since(sent))
		c.traceCommand(c.up.words.event[a], sent, r.err)
		return r.raw, r.err
	case <-ctx.Done():
		c.traceCommand(c.up.words.event[a], sent, context.Cause(ctx))
		return nil, c.unanswered(k, context.Cause(ctx))
	}
}

// unanswered stops waiting for k. When the caller left, its answer, when it comes, is not
// the next one's; when time has passed it is not to be expected any more. What was not sent
// yet is not sent: the caller may ask again.
func (c *Controller) unanswered(k *pending, why error) error {
	s := c.lock()
	defer s.unlock()
	k.settle = nil
	if c.up.out.TakeBack(k.eventID) || errors.Is(why, session.ErrTimeout) {
		c.up.ledger.remove(k)
		s.stir()
	}
	return why
}

func (c *Controller) post(k *pending, event realtime.Object) error {
	f := session.NewFrame(realtime.Marshal(event))
	s := c.lock()
	defer s.unlock()
	if err := s.refuses(); err != nil {
		return err
	}
	if err := c.up.room(f); err != nil {
		return err
	}
	k.after = c.up.tail.Seq
	c.up.ledger.add(k)
	s.sendUp(f)
	return nil
}
