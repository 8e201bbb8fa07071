package hub

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"switchboard/session"
	"switchboard/session/buffer"
	"switchboard/session/realtime"
)

// Attachment is how a client joins.
type Attachment struct {
	Policy session.Policy
	// Token tells apart who shares a policy's rates and the number of sockets: a client token,
	// or what stands for it. "" is a client that shares with none.
	Token string
	// LastEventID is the event_id of the last event the client saw, when it comes back.
	LastEventID string
}

// client is one attached browser, phone or service.
type client struct {
	c       *Controller
	conn    session.Conn
	policy  *session.Policy
	token   string
	allowed *allowance
	scan    realtime.Scanner

	// Guarded by the controller's lock.
	out   buffer.Outbox
	acks  bool  // it has acknowledged events
	acked int64 // number of the last one that it has, for all we know
}

// Attach joins a client and relays for it until it leaves or the session ends; it closes
// conn itself. Nobody may change a meanwhile. The error says why it ended: *CloseError for a
// client that left.
func (c *Controller) Attach(conn session.Conn, a *Attachment) error {
	cl := &client{c: c, conn: conn, policy: &a.Policy, token: a.Token}
	err := errCrashed
	c.contain(func() { c.await(); err = cl.join(a) })
	if err != nil {
		code, text := closeCode(err)
		conn.Close(code, text)
		cl.out.Flusher.Wait()
		return err
	}
	defer c.readers.Done()
	err = errCrashed
	c.contain(func() { err = cl.read() })
	if errors.Is(err, errCrashed) || errors.Is(err, ErrLeaseLost) {
		<-c.hungUp // as long as it is there, the end of the session closes its connection
	}
	c.contain(cl.leave)
	cl.out.Flusher.Wait()
	return err
}

// join puts the client among those that are sent to, behind a session.created of its own
// and what it missed: everything since the session began for the first client ever, what
// followed the last event it saw for one that comes back.
func (cl *client) join(a *Attachment) error {
	c, last := cl.c, a.LastEventID
	s := c.lock()
	defer s.unlock()
	if err := s.refuses(); err != nil {
		return cmp.Or(c.reason, err)
	}
	allowed, err := s.allow(*a)
	if err != nil {
		return err
	}
	cl.out = c.outbox(cl.conn, c.node.ClientQueue, &c.node.stats.DroppedDown)
	if c.withheld.limit != nil {
		cl.out.Hold()
	}
	n, known := c.history.Seq, true
	if last != "" || !c.joined {
		n, known = c.history.After(last)
	}
	if !known {
		n = buffer.Unknown
	}
	err = s.greet(cl, n, known, last)
	if err != nil {
		cl.out.Close()
		s.left()
		return fmt.Errorf("write what was missed: %w", err)
	}
	if last != "" && known {
		s.returns(n, a.Token)
	}
	if !known {
		n = c.history.Seq
	}
	cl.acked = n
	c.history.Resent(n)
	cl.allowed = allowed
	s.share(a.Token, allowed)
	c.clients = append(c.clients, cl)
	c.joined, c.status, c.touched = true, session.StatusActive, time.Now()
	c.node.stats.Clients.Add(1)
	s.noteClient(joining(last, known))
	s.save()
	c.readers.Add(1)
	return nil
}

// greet sends a client that joins a session.created of its own, what it missed since the event
// numbered n, or what there is if that is not known, and how many listen in.
func (c *held) greet(cl *client, n int64, known bool, last string) error {
	created := realtime.Marshal(realtime.Object{"type": c.up.words.tells[meansReady], "event_id": c.history.MarkAt(n), "session": c.up.session})
	err := cl.out.SendEvent(session.NewFrame(created), session.AtOnce)
	if known {
		c.history.Since(n, func(payload []byte) {
			if cl.out.Bytes > cl.out.Limit/2 {
				cl.out.Release() // see toClients
			}
			if err == nil {
				err = cl.out.SendEvent(session.NewFrame(payload), session.AtOnce)
			}
		})
	} else if last != "" && err == nil {
		c.reset(cl)
	}
	if told := c.listening(c.history.Mark()); told != nil && err == nil { // behind what was missed, which may say otherwise
		err = cl.out.SendEvent(session.NewFrame(told), session.AtOnce)
	}
	return err
}

// joining names how a client that has seen the event last came: known is whether it is still held.
func joining(last string, known bool) string {
	switch {
	case last == "":
		return "attached"
	case known:
		return "resumed"
	}
	return "reset"
}

// read takes the client's events until its connection ends.
func (cl *client) read() error {
	return cl.conn.Each(func(f session.Frame, err error) error {
		if !cl.c.await() {
			return ErrLeaseLost
		}
		no := cl.admit(f.Payload(), err)
		switch {
		case no != nil && err == nil && !no.Silent:
			no.EventID = eventID(f.Payload())
		case no != nil:
		case err == nil:
			if len(f.Payload()) > largeEvent {
				cl.c.awaitUpstream()
			}
			no = cl.take(f, timing(cl.conn))
		case errors.Is(err, session.ErrNotText):
			no = &realtime.Refusal{Code: "invalid_event", Message: "Expected a text WebSocket message; binary frames are not supported."}
		case errors.Is(err, session.ErrTooBig):
			no = tooLarge(cl.policy)
		default:
			no = &realtime.Refusal{Code: "invalid_utf8", Message: "The message is not valid UTF-8."}
		}
		if no != nil {
			cl.refuse(no)
		}
		if errors.Is(err, session.ErrNotUTF8) { // RFC 6455 §8.1 leaves no choice
			cl.conn.Close(session.CloseNotUTF8, "message is not valid UTF-8")
			return err
		}
		return nil
	})
}

// admit says why a message is not even looked at. Acknowledgements come beside what a client sends.
func (cl *client) admit(event []byte, err error) *realtime.Refusal {
	if err == nil && isAck(event) && cl.allowed.admitAck() {
		return nil
	}
	return cl.allowed.admit(cl.policy, len(event))
}

// leave takes the client off the session.
func (cl *client) leave() {
	s := cl.c.lock()
	defer s.unlock()
	s.drop(cl, nil)
}

// drop takes a client off, once; a reason that is given closes its connection with it.
func (c *held) drop(cl *client, reason error) {
	if !slices.Contains(c.clients, cl) {
		return
	}
	c.clients = slices.DeleteFunc(slices.Clone(c.clients), func(o *client) bool { return o == cl }) // a relay may be walking the old list
	c.detach()                                                                                      // which may drop others
	_ = cl.out.Settle()
	cl.out.Close()
	if !c.spec.EndWithClient {
		c.depart(cl.position(), cl.token)
	}
	cl.allowed.clients--
	cl.allowed.left = time.Now()
	if c.speaker == cl {
		c.speaker = nil
	}
	c.node.stats.Clients.Add(-1)
	if errors.Is(reason, buffer.ErrBehind) {
		c.node.stats.SlowClients.Add(1)
		cl.conn.Close(session.CloseSlow, buffer.ErrBehind.Error())
	} else if reason != nil {
		cl.conn.Close(session.CloseUpstream, "write failed")
	}
	c.noteClient("left")
	c.left()
	c.save()
}

// left ends a session that was to end with its client, if that is gone.
func (c *held) left() {
	if c.spec.EndWithClient && len(c.clients) == 0 {
		c.end(&requested{Ending{By: EndedByClient, Reason: "client left"}})
	}
}

// refuse answers an event that goes no further.
func (cl *client) refuse(no *realtime.Refusal) {
	s := cl.c.lock()
	defer s.unlock()
	s.detach()
	cl.c.node.stats.Refused.Add(1)
	if no.Silent {
		return
	}
	f := session.NewFrame(realtime.ErrorEvent(cl.c.history.Mark(), no))
	if err := cl.out.SendEvent(f, session.AtOnce); err != nil {
		s.drop(cl, err)
	}
}

// take checks one event of the client's and relays it to the upstream, byte for byte.
func (cl *client) take(f session.Frame, when session.Timing) *realtime.Refusal {
	h, err := cl.scan.Check(f.Payload())
	if err != nil {
		return &realtime.Refusal{Code: "invalid_json", Message: err.Error(), EventID: eventID(f.Payload())}
	}
	if string(h.Typ) == realtime.TypAck {
		return cl.acknowledge(h, f.Payload())
	}
	if no := realtime.Judge(cl.policy, h, f.Payload()); no != nil {
		return no
	}
	s := cl.c.lock()
	defer s.unlock()
	return s.fromClient(cl, f, h, when)
}

// eventID is that of an event that is not passed on, if it can be read.
func eventID(event []byte) []byte {
	h, _ := realtime.Peek(event)
	return h.EventID
}

// fromClient notes what a client's event changes and sends it on.
func (c *held) fromClient(cl *client, f session.Frame, h realtime.Head, when session.Timing) *realtime.Refusal {
	if c.unable() != nil || cl.out.Closed() {
		return &realtime.Refusal{Code: "session_ended", Message: "The session is over.", EventID: h.EventID}
	}
	if c.whispers[string(realtime.Unescape(h.ItemID))] {
		return &realtime.Refusal{Code: "item_not_found", Message: "The conversation has no such item.", Param: "item_id", EventID: h.EventID}
	}
	c.touched = time.Now()
	a := c.up.words.asked(h.Typ)
	audio := a == asksToHear
	if a.ofInput() && !c.speaks(cl) {
		return &realtime.Refusal{Code: "not_the_speaker", Message: "Another client of this session is speaking; this one may listen and type.", Param: "type", EventID: h.EventID}
	}
	if !audio {
		c.controlled = c.touched
	}
	if a == asksUpdate {
		f = c.up.completeUpdate(f)
	}
	if c.up.room(f) != nil {
		return &realtime.Refusal{Code: "upstream_busy", Message: "The upstream is not taking what is sent; try again.", EventID: h.EventID}
	}
	switch a {
	case asksToHear:
		c.up.keepTail(f.Payload(), c.turn.speaking)
	case asksResponse:
		c.turn.requested = c.touched
		c.turn.wanted = c.turn.wanted && !c.up.gone() // it waits in the outbox
	case asksCancel:
		c.turn.cancel()
		c.stir()
	}
	c.node.stats.EventsUp.Add(1)
	c.node.stats.BytesUp.Add(int64(len(f.Payload())))
	if !audio && !c.up.gone() { // else it waits for the next one
		c.up.ledger.request(a, h, f.Payload(), 0, c.up.tail.Seq)
	}
	if audio { // before the upstream's connection masks it
		c.overheard(f.Payload(), audio)
	}
	c.relayUp(f, a, when)
	return nil
}

// speakerPause is how long a speaker may send no audio before another may take its
// place: its connection may be half open, and the one who speaks is the same person.
const speakerPause = 2 * time.Second

// speaks reports whether a client's audio goes in, and makes it the speaker if it may be.
func (c *held) speaks(cl *client) bool {
	if c.speaker == nil || c.touched.Sub(c.spoke) > speakerPause || c.succeeds(cl) {
		c.speaker = cl
	}
	if c.speaker != cl {
		return false
	}
	c.spoke = c.touched
	return true
}

// succeeds reports whether a client is the speaker on a later connection: it has the same token.
// What still arrives on the earlier one is older, and does not go in any more.
func (c *held) succeeds(cl *client) bool {
	return cl != c.speaker && cl.allowed == c.speaker.allowed && slices.Index(c.clients, cl) > slices.Index(c.clients, c.speaker)
}
