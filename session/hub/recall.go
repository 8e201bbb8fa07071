package hub

import (
	"context"
	"errors"
	"slices"
	"time"

	"switchboard/session"
	"switchboard/session/conversation"
	"switchboard/session/realtime"

	"github.com/tidwall/gjson"
)

// Bounds, in bytes of base64, of what a session remembers of what the user said while its upstream
// is being replaced. A second is 64,000 bytes at most (PCM16, 24 kHz).
const (
	recallLimit = 16 << 20 // by the next one of this node's: four minutes
	recallSome  = 2 << 20  // by another node's, which others wait for: half a minute
)

// recallTime is how long the latter may take.
const recallTime = time.Second

// recalled is the audio of what the user said that has no words: where nothing is transcribed
// only the upstream knows it. Guarded by the controller's lock.
type recalled struct {
	audio map[string][]string // base64 by item ID, of each part; none where the upstream did not tell
	bytes int
}

// recall asks a leg that is about to be replaced for the audio of what has no words, the newest
// first. What an attempt at replacing it has been told the next one does not ask for.
func (c *Controller) recall(ctx context.Context, l *leg, limit int) {
	for id := c.toRecall(l, limit); id != "" && ctx.Err() == nil; id = c.toRecall(l, limit) {
		raw, err := c.inquire(ctx, &pending{itemID: id}, asksRetrieve, realtime.Object{"item_id": id})
		c.takeRecalled(id, raw, errors.Is(err, session.ErrTimeout))
	}
}

// takeRecalled keeps what a leg has told of an item. One that does not answer would not tell
// of the others either.
func (c *Controller) takeRecalled(id string, raw []byte, silent bool) {
	s := c.lock()
	defer s.unlock()
	c.up.recalled.add(id, raw)
	if silent {
		c.up.recalled.bytes = recallLimit
	}
}

// recallForAnother is recall before another node runs the session on, if one can.
func (c *Controller) recallForAnother(ctx context.Context) {
	if c.spec.EndWithClient {
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, recallTime, session.ErrTimeout)
	defer cancel()
	c.recall(ctx, c.present(), recallSome)
}

// toRecall is the last item that only l knows; "" if there is none, or no room for more.
func (c *Controller) toRecall(l *leg, limit int) string {
	s := c.lock()
	defer s.unlock()
	return c.up.toRecall(l, limit, c.conv.Items)
}

func (u *uplink) toRecall(l *leg, limit int, items []*conversation.Entry) string {
	if !u.present(l) || u.recalled.bytes >= limit {
		return ""
	}
	for _, it := range slices.Backward(items) {
		if _, asked := u.recalled.audio[it.ID]; !asked && !it.Untold && it.Wordless() && !u.hasAudio(it) {
			return it.ID
		}
	}
	return ""
}

// add takes the audio out of an item as the upstream tells it; raw may be nothing.
func (r *recalled) add(id string, raw []byte) {
	if r.audio == nil {
		r.audio = make(map[string][]string)
	}
	r.audio[id] = nil
	for _, part := range gjson.GetBytes(raw, "item.content").Array() {
		if audio := part.Get("audio").Str; audio != "" && part.Get("type").Str == "input_audio" {
			r.audio[id] = append(r.audio[id], audio)
			r.bytes += len(audio)
		}
	}
}

// hasAudio reports whether an item that has no words can be told by its audio.
func (u *uplink) hasAudio(it *conversation.Entry) bool {
	return it.Wordless() && (u.hasSaid(it) || len(u.recalled.audio[it.ID]) > 0)
}

// audioOf is that audio, in base64, by the item's parts.
func (u *uplink) audioOf(it *conversation.Entry) []string {
	if u.hasSaid(it) {
		return []string{u.saidAudio()}
	}
	return u.recalled.audio[it.ID]
}

// audio is that of all items, by their IDs.
func (u *uplink) audio(items []*conversation.Entry) map[string][]string {
	all := map[string][]string{}
	for _, it := range items {
		if u.hasAudio(it) {
			all[it.ID] = u.audioOf(it)
		}
	}
	return all
}
