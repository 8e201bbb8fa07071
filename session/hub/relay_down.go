package hub

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"switchboard/session"
	"switchboard/session/conversation"
	"switchboard/session/realtime"

	"github.com/tidwall/gjson"
)

const typAudioDelta = "response.output_audio.delta"

// readUpstream starts the reader of the session's leg.
func (c *held) readUpstream() {
	l := c.up.leg
	c.own().start(func() { c.own().readUpstream(l) })
}

// errReplaced ends the reader of a leg that is not in use any more.
var errReplaced = errors.New("leg was replaced")

// readUpstream passes on what the upstream sends until it is gone.
func (c *Controller) readUpstream(l *leg) {
	var watch stopwatch
	err := l.conn.Each(func(f session.Frame, err error) error {
		watch.read()
		s := c.lock()
		defer s.unlock()
		if !c.up.present(l) || s.doubt() {
			return errReplaced
		}
		when := timing(l.conn)
		if err == nil {
			err = s.fromUpstream(f, when)
		}
		if err != nil {
			c.node.stats.Garbage.Add(1)
		}
		if when == session.AtOnce {
			s.detach()
			watch.written(&c.node.stats.Relay)
		}
		return nil
	})
	c.lose(l, fmt.Errorf("read upstream: %w", err))
	l.out.Flusher.Wait()
}

func (c *Controller) lose(l *leg, why error) {
	s := c.lock()
	defer s.unlock()
	s.lost(l, why)
}

// timing is when to write what conn has just read: events that came together leave together.
func timing(conn session.Conn) session.Timing {
	if conn.Buffered() {
		return session.WithNext
	}
	return session.AtOnce
}

// fromUpstream relays one event, byte for byte, and takes note of it. The error says why it is
// no event.
func (c *held) fromUpstream(f session.Frame, when session.Timing) error {
	payload := f.Payload()
	h, err := realtime.Peek(payload)
	if err != nil {
		return err
	}
	if h.Typ == nil {
		return realtime.ErrNoType
	}
	c.node.stats.EventsDown.Add(1)
	c.node.stats.BytesDown.Add(int64(len(payload)))
	if string(h.Typ) == "error" {
		payload = c.up.withoutSecrets(payload)
		if c.observeError(payload) {
			return nil
		}
	}
	if c.up.echoes(h, payload) {
		return nil
	}
	if string(h.Typ) == typAudioDelta {
		c.pass(f, h, when)
		c.hearAudio(h)
		return nil
	}
	asked := c.settle(h, payload)
	if string(h.Typ) == typRetrieved && asked != nil && asked.own() {
		return nil // recall asked for it, no client
	}
	if string(h.Typ) == "session.updated" {
		c.observe(h, payload, asked)
		f = frameOf(f, c.up.shown(payload))
		c.pass(f, h, when)
		c.logEvent(string(h.Typ), f.Payload())
		return nil
	}
	if c.unheard(h, payload) {
		c.observe(h, payload, asked)
		return nil
	}
	f = frameOf(f, c.whispers.public(realtime.PlainEvent(h.Typ, payload), c.publicItem))
	if lasts(h.Typ) {
		c.logEvent(string(h.Typ), payload)
		c.observe(h, payload, asked)
		c.withhold()
		c.pass(f, h, when)
		return nil
	}
	c.pass(f, h, when) // before anything that takes time
	c.logEvent(string(h.Typ), payload)
	c.observe(h, payload, asked)
	return nil
}

// frameOf is f, or another frame if the event has become another one.
func frameOf(f session.Frame, event []byte) session.Frame {
	if bytes.Equal(f.Payload(), event) {
		return f
	}
	return session.NewFrame(event)
}

// pass sends an event to all clients and keeps it for those who come back.
func (c *held) pass(f session.Frame, h realtime.Head, when session.Timing) {
	c.toClients(f, h, when)
	c.remember(f.Payload())
}

// remember keeps an event for clients that reconnect. A session that ends with its client has none
// once that is there: what it was sent before is kept for it until then.
func (c *held) remember(payload []byte) {
	if c.spec.EndWithClient && c.joined {
		c.history.Skip()
		return
	}
	c.history.Add(payload, time.Now())
}

// toClients relays one frame to all clients; one that is too slow is let go.
func (c *held) toClients(f session.Frame, h realtime.Head, when session.Timing) {
	for _, cl := range c.clients {
		if cl.out.Bytes > cl.out.Limit/2 {
			c.release() // it is not the client that stays behind
		}
		var err error
		if string(h.Typ) == typAudioDelta {
			err = cl.out.SendAudio(f, h.ResponseID, when)
		} else {
			err = cl.out.SendEvent(f, when)
		}
		if err != nil {
			c.drop(cl, err)
		}
	}
}

// detach writes out what connections keep back by reference. Frames lie in the memory of the
// connection that read them, so this comes before that reads over them or is let go.
func (c *held) detach() {
	if err := c.up.out.Settle(); err != nil {
		c.lost(c.up.leg, fmt.Errorf("write upstream: %w", err))
	}
	for _, cl := range c.clients {
		if err := cl.out.Settle(); err != nil {
			c.drop(cl, err)
		}
	}
}

// hearAudio counts the audio of an item.
func (c *held) hearAudio(h realtime.Head) {
	s := c.conv.Live[string(h.ItemID)]
	if s == nil {
		s = c.speaking(h)
	}
	s.Hear(h.Delta)
	c.turn.produced = true
	if !c.turn.awaited.IsZero() {
		c.hearFirst(h, s)
	}
}

// speaking follows the item of an event, in the audio format of its response.
func (c *held) speaking(h realtime.Head) *conversation.Spoken {
	rate := cmp.Or(c.turn.rates[string(h.ResponseID)], c.up.rate)
	return c.conv.Speaking(string(h.ItemID), string(h.ResponseID), rate)
}

// observe updates the session's state from an event that is not audio.
func (c *held) observe(h realtime.Head, raw []byte, asked *pending) {
	switch typ := string(h.Typ); typ {
	case "session.updated":
		c.up.updateSecrets(asked)
		c.up.adopt(raw)
		c.conv.Version++ // the next upstream has to be told this one
		c.rebase(asked)
		c.save()
	case "conversation.item.added", "conversation.item.created", "conversation.item.done":
		c.observeItem(typ, raw, asked != nil && asked.first)
	case "conversation.item.deleted":
		if id := string(h.ItemID); c.conv.Remove(id) {
			c.conv.Version++
			c.node.journal.Add(session.Change{ID: c.id, Epoch: c.lease.Epoch, Removed: id})
		}
	case "conversation.item.truncated":
		c.saveItem(c.conv.Truncate(string(h.ItemID), realtime.CountOf(gjson.GetBytes(raw, "audio_end_ms"))), nil)
	case "conversation.item.input_audio_transcription.completed":
		c.observeTranscript(h, raw)
		c.up.transcribed(string(h.ItemID))
	case "conversation.item.input_audio_transcription.failed":
		c.up.untranscribed(string(h.ItemID))
	case "input_audio_buffer.speech_started":
		c.turn.speaking = true
	case "input_audio_buffer.committed":
		c.turn.speaking = false
		if c.up.answers {
			c.turn.requested = time.Now() // the upstream answers by itself
		}
		c.up.committed(string(h.ItemID), c.up.endOf(asked))
	case "input_audio_buffer.cleared":
		c.up.cleared(c.up.endOf(asked))
		c.turn.speaking = false
	case "response.output_audio_transcript.delta", "response.output_text.delta":
		c.turn.produced = true
		spoken := c.speaking(h)
		spoken.Text.Write(realtime.Unescape(h.Delta))
		if !c.turn.awaited.IsZero() && typ == "response.output_text.delta" {
			c.hearFirst(h, spoken)
		}
		return
	case "response.function_call_arguments.delta", "response.function_call_arguments.done":
		c.turn.produced = true
		return
	case "response.output_item.done":
		c.observeOutput(string(h.ResponseID), raw)
	case "response.created":
		c.observeCreated(raw)
	case "response.done":
		c.observeDone(h, raw)
	}
	c.bound()
	c.stir()
}

// observeError sorts an error and reports whether it answers the gateway itself and is for
// no client.
func (c *held) observeError(raw []byte) (hidden bool) {
	e := realtime.ErrorOf(raw)
	c.node.stats.Errors[e.Class()].Add(1)
	k := c.up.ledger.failed(e)
	c.stir()
	if k == nil || !k.own() {
		if k != nil && c.amend(k) {
			return true
		}
		if e.EventID == "" && fatal(e) { // what answers one event is that event's trouble
			c.end(e)
		}
		if !strings.HasPrefix(e.EventID, realtime.OwnPrefix) {
			return e.Code == "session_expired" && !fatal(e) // another upstream takes its place
		}
	}
	if e.Code == alreadyActive && k != nil && c.turn.begun <= k.behind {
		c.turn.wanted = true // the active one knows nothing of the item that is to be answered
	}
	return true
}

// observeItem takes an item over. That none is said to be before it means that it is the first
// one only if somebody asked for that: not all upstreams say it of all the others.
func (c *held) observeItem(typ string, raw []byte, first bool) {
	var previous *string
	if v := gjson.GetBytes(raw, "previous_item_id"); v.Type == gjson.String {
		previous = &v.Str
	} else if first {
		previous = new(conversation.Root)
	}
	it, after := c.conv.Put(gjson.GetBytes(raw, "item"), previous, time.Now())
	if it == nil {
		return
	}
	it.Private = it.Private || c.whispers[it.ID]
	c.saveItem(it, after)
	if typ == "conversation.item.done" && it.Type == "function_call" && it.Complete() && !it.Noticed {
		it.Noticed = true
		c.notice(Notice{Type: NoticeToolCall, Call: &Call{ID: it.CallID, Name: it.Name, Arguments: it.Arguments, Item: it.ID}})
	}
}

func (c *held) observeTranscript(h realtime.Head, raw []byte) {
	words := gjson.GetBytes(raw, "transcript")
	if it := c.conv.Find(string(h.ItemID)); it != nil && words.Type == gjson.String {
		it.Text = words.Str
		c.saveItem(it, nil)
	}
	part := cmp.Or(string(h.ItemID), string(h.EventID)) + "/" + gjson.GetBytes(raw, "content_index").Raw
	if c.facts.first("transcription", part) {
		c.spend(c.transcriber(), realtime.AddTranscription(&c.usage, gjson.GetBytes(raw, "usage")))
		c.save()
	}
}

// saveItem hands an item to the journal; after is for one that is new and not the last.
func (c *held) saveItem(it *conversation.Entry, after *string) {
	if it == nil {
		return
	}
	c.conv.Version++
	c.conv.Weigh(it)
	own := it.Item
	c.node.journal.Add(session.Change{ID: c.id, Epoch: c.lease.Epoch, Item: &own, After: after})
}

func (c *held) observeCreated(raw []byte) {
	r := realtime.ReadResponse(raw)
	if c.facts.has("response.done", r.ID) {
		return
	}
	requested := c.turn.requested
	c.turn.requested = time.Time{}
	if rate := realtime.BytesPerSecond(r.Format); r.Format.Exists() && rate != c.up.rate {
		c.turn.pace(r.ID, rate)
	}
	if id := cmp.Or(r.ID, realtime.Unnamed); !r.Apart && id != c.turn.active {
		c.turn.active, c.turn.produced, c.turn.awaited = id, false, requested
		c.turn.begun++
	}
	c.status = session.StatusActive
	c.save()
}

func (c *held) observeDone(h realtime.Head, raw []byte) {
	r := realtime.ReadResponse(raw)
	if !c.facts.first("response.done", cmp.Or(r.ID, string(h.EventID))) {
		return
	}
	before := c.usage.TotalTokens
	use := realtime.AddResponse(&c.usage, r.Usage)
	c.node.stats.Responses.Add(1)
	c.node.stats.Tokens.Add(c.usage.TotalTokens - before)
	delete(c.turn.rates, r.ID)
	c.noteOutcome(r)
	if r.Status == "cancelled" {
		for _, cl := range c.clients {
			cl.out.Drop(r.ID) // nobody will play it
		}
	}
	if r.Failure != nil {
		c.node.stats.Errors[r.Failure.Class()].Add(1)
	}
	if c.turn.endsWith(r) {
		c.endResponse(raw)
	} else {
		c.conv.Forget(r.ID) // out of band: it is not part of the conversation
	}
	c.spend(c.model(), use)
	c.save()
}

// endResponse ends the active response, and asks for the next one if one is due.
func (c *held) endResponse(raw []byte) {
	id := c.turn.active
	c.finishItems(id)
	c.turn.active = ""
	if follow := c.turn.answered && c.conv.Follow(id); c.turn.wanted || follow {
		c.turn.wanted = false
		c.sendResponseCreate()
	}
	c.turn.answered = false
}

// observeOutput notes which response made an item.
func (c *held) observeOutput(response string, raw []byte) {
	it := c.conv.Find(gjson.GetBytes(raw, "item.id").Str)
	if it != nil && it.ResponseID != response {
		it.ResponseID = response
		c.saveItem(it, nil)
	}
}

// finishItems keeps what was said of a response's items. It stays at hand until the
// next response is done: a truncation comes after it.
func (c *held) finishItems(response string) {
	for id, s := range c.conv.Live {
		if s.Response != response {
			delete(c.conv.Live, id)
			continue
		}
		if it := c.conv.Find(id); it != nil {
			s.Into(it)
			c.saveItem(it, nil)
		}
	}
}

// logEvent gives an event to the log and to those who follow it live, without its images; but
// not one that carries a user's audio: none goes into the store.
func (c *held) logEvent(typ string, payload []byte) {
	if typ == "conversation.item.retrieved" {
		return
	}
	e := &session.LoggedEvent{ID: c.logID.next(time.Now()), Type: typ, Raw: conversation.WithoutImages(payload)}
	c.node.journal.Add(session.Change{ID: c.id, Epoch: c.lease.Epoch, Event: e, Draft: draftOf(typ, payload), Settled: settledBy(typ, payload)})
	c.feeds = slices.DeleteFunc(c.feeds, func(f *Feed) bool { return !f.offer(e) })
}
