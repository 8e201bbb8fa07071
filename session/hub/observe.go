package hub

import (
	"cmp"
	"strings"
	"time"

	"switchboard/session"
	"switchboard/session/conversation"
	"switchboard/session/realtime"

	"github.com/tidwall/gjson"
)

// observe updates the session's state from an event that is not audio.
func (c *held) observe(e event, raw []byte, asked *pending) {
	switch e.means {
	case meansConfigured:
		c.up.updateSecrets(asked)
		c.up.adopt(raw)
		c.conv.Version++ // the next upstream has to be told this one
		c.rebase(asked)
		c.save()
	case meansItem, meansItemDone:
		c.observeItem(e.means, raw, asked != nil && asked.first)
	case meansDeleted:
		if id := string(e.ItemID); c.conv.Remove(id) {
			c.conv.Version++
			c.node.journal.Add(session.Change{ID: c.id, Epoch: c.lease.Epoch, Removed: id})
		}
	case meansTruncated:
		c.saveItem(c.conv.Truncate(string(e.ItemID), realtime.CountOf(gjson.GetBytes(raw, "audio_end_ms"))), nil)
	case meansTranscribed:
		c.observeTranscript(e.Head, raw)
		c.up.transcribed(string(e.ItemID))
	case meansUntranscribed:
		c.up.untranscribed(string(e.ItemID))
	case meansSpeech:
		c.turn.speaking = true
		c.traceSpeech(true)
	case meansCommitted:
		c.turn.speaking = false
		c.traceSpeech(false)
		if c.up.answers {
			c.turn.requested = time.Now() // the upstream answers by itself
		}
		c.up.committed(string(e.ItemID), c.up.endOf(asked))
	case meansCleared:
		c.up.cleared(c.up.endOf(asked))
		c.turn.speaking = false
		c.traceSpeech(false)
	case meansWords, meansText:
		c.turn.produced = true
		spoken := c.speaking(e.Head)
		spoken.Text.Write(realtime.Unescape(e.Delta))
		if !c.turn.awaited.IsZero() && e.means == meansText {
			c.hearFirst(e, spoken)
		}
		return
	case meansArguments:
		c.turn.produced = true
		return
	case meansOutput:
		c.observeOutput(string(e.ResponseID), raw)
	case meansBegun:
		c.observeCreated(raw)
	case meansDone:
		c.observeDone(e.Head, raw)
	}
	c.bound()
	c.stir()
}

// observeError sorts an error and reports whether it answers the gateway itself and is for
// no client.
func (c *held) observeError(raw []byte) (hidden bool) {
	e := realtime.ErrorOf(raw)
	c.countError(e.Class())
	k := c.up.ledger.failed(e)
	c.stir()
	if k == nil || !k.own() {
		if k != nil && c.amend(k) {
			return true
		}
		if e.EventID == "" && c.up.medium.over(e) { // what answers one event is that event's trouble
			c.end(e)
		}
		if !strings.HasPrefix(e.EventID, realtime.OwnPrefix) {
			return e.Code == codeExpired && !c.up.medium.over(e) // another upstream takes its place
		}
	}
	if e.Code == codeActive && k != nil && c.turn.begun <= k.behind {
		c.turn.wanted = true // the active one knows nothing of the item that is to be answered
	}
	return true
}

// observeItem takes an item over. That none is said to be before it means that it is the first
// one only if somebody asked for that: not all upstreams say it of all the others.
func (c *held) observeItem(m meaning, raw []byte, first bool) {
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
	c.traceItem(it)
	it.Private = it.Private || c.whispers[it.ID]
	c.saveItem(it, after)
	if m == meansItemDone && it.Type == "function_call" && it.Complete() && !it.Noticed {
		it.Noticed = true
		c.notice(Notice{Type: NoticeToolCall, Call: &Call{ID: it.CallID, Name: it.Name, Arguments: it.Arguments, Item: it.ID}})
	}
	if it.Type == "function_call" || it.Type == "function_call_output" {
		c.save() // it waits for a result, or does no more
	}
}

func (c *held) observeTranscript(h realtime.Head, raw []byte) {
	words := gjson.GetBytes(raw, "transcript")
	if it := c.conv.Find(string(h.ItemID)); it != nil && words.Type == gjson.String {
		it.Text = words.Str
		c.saveItem(it, nil)
	}
	part := cmp.Or(string(h.ItemID), string(h.EventID)) + "/" + gjson.GetBytes(raw, "content_index").Raw
	if c.facts.first(factTranscript, part) {
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
	if c.facts.has(factResponse, r.ID) {
		return
	}
	c.traceCreated(r)
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
	if !c.facts.first(factResponse, cmp.Or(r.ID, string(h.EventID))) {
		return
	}
	c.traceDone(r)
	before := c.usage.TotalTokens
	use := realtime.AddResponse(&c.usage, r.Usage)
	c.node.stats.Responses.Add(1)
	c.node.stats.Tokens.Add(c.usage.TotalTokens - before)
	delete(c.turn.rates, r.ID)
	c.noteOutcome(r)
	if r.Status == "cancelled" {
		for _, cl := range c.clients {
			cl.out.DropResponse(r.ID) // nobody will play it
		}
		c.trim(time.Now(), min(interruptedGrace, c.node.ResumeGrace))
	}
	if r.Failure != nil {
		c.countError(r.Failure.Class())
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
		c.askForResponse()
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
