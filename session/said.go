package session

import (
	"encoding/base64"
	"time"

	"github.com/tidwall/gjson"
)

// keepTail keeps input audio until the upstream has made an item of it: while nobody
// speaks the last second, in which a word may have begun; else all, within its bound.
func (c *Controller) keepTail(event []byte) {
	if c.up.lost {
		return // it waits in the outbox
	}
	c.tail.window = time.Second
	if c.turn.speaking || c.up.manual {
		c.tail.window = time.Hour
	}
	c.tail.add(event, time.Now())
}

// retell returns what the next leg is sent first: the tail, with what the one before was sent
// and has not answered in its places. All of it, and what waits in old behind it, is kept: that
// leg, too, may be lost before it has made anything of it.
func (c *Controller) retell(old *outbox) (first []queued) {
	again := c.requests.take(old.queue)
	for len(old.queue) > 0 && old.queue[0].sent > 0 {
		again, old.queue = append(again, old.queue[0]), old.queue[1:]
	}
	n, now := c.tail.first(), time.Now()
	c.tail.each(func(event []byte) {
		for ; len(again) > 0 && again[0].after <= n; again = again[1:] {
			first = append(first, again[0])
		}
		first = append(first, queued{frame: NewFrame(event), audio: true})
		n++
	})
	first = append(first, again...)
	c.tail.renew(now)
	for _, q := range first {
		c.keepRequest(q, q.after)
	}
	for _, q := range old.queue {
		if q.audio {
			c.tail.add(q.frame.Payload(), now)
		}
		c.keepRequest(q, c.tail.seq)
	}
	return first
}

// keepRequest keeps an event that a leg is about to be sent, if it is a client's request.
func (c *Controller) keepRequest(q queued, after int64) {
	if q.audio {
		return
	}
	if h, err := peek(q.frame.Payload()); err == nil && !own(h) {
		c.requests.add(h, q.frame.Payload(), q.sent, after)
	}
}

// endOf is where the part of the tail ends that the upstream has done with: where that was
// asked for, or at the end.
func (c *Controller) endOf(asked request) int64 {
	if asked.answer != "" {
		return asked.after
	}
	return c.tail.seq
}

// committed notes that the tail up to a place has become an item. Until its words have come,
// the audio is all that another upstream could be told of it.
func (c *Controller) committed(item string, upTo int64) {
	rest := c.tail.behind(upTo)
	c.said.clear()
	c.tail.cutBehind(upTo)
	c.said, c.tail = c.tail, rest
	c.said.window = c.node.ResumeWindow // should they never come
	c.turn.unwritten, c.turn.spoken = item, time.Time{}
	if c.up.writes {
		c.turn.spoken = time.Now()
	}
}

// cleared notes that the upstream has forgotten the tail up to a place.
func (c *Controller) cleared(upTo int64) {
	rest := c.tail.behind(upTo)
	c.tail.clear()
	c.tail = rest
}

// transcribed notes that an item's words have come, or will not.
func (c *Controller) transcribed(item string) {
	if c.turn.unwritten == item {
		c.turn.unwritten = ""
		c.said.clear()
	}
}

// untranscribed notes that an item's words will not come: its audio is all there is of it, for
// as long as the user says nothing more.
func (c *Controller) untranscribed(item string) {
	if c.turn.unwritten == item {
		c.turn.spoken, c.said.window = time.Time{}, time.Hour
	}
}

// hasSaid reports whether an item is the user's last one, and its audio still kept.
func (c *Controller) hasSaid(it *Item) bool { return it.ID == c.turn.unwritten && c.said.bytes > 0 }

// saidAudio is the audio of the user's last item, in base64.
func (c *Controller) saidAudio() string {
	var audio []byte
	c.said.each(func(event []byte) {
		chunk, err := base64.StdEncoding.DecodeString(gjson.GetBytes(event, "audio").Str)
		if err == nil { // else the upstream has refused it
			audio = append(audio, chunk...)
		}
	})
	return base64.StdEncoding.EncodeToString(audio)
}
