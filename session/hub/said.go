package hub

import (
	"encoding/base64"
	"time"

	"switchboard/session"
	"switchboard/session/buffer"
	"switchboard/session/conversation"

	"github.com/tidwall/gjson"
)

// keepTail keeps input audio until the upstream has made an item of it: while nobody
// speaks the last second, in which a word may have begun; else all, within its bound.
func (c *held) keepTail(event []byte) {
	if c.up.lost {
		return // it waits in the outbox
	}
	c.tail.Window = time.Second
	if c.turn.speaking || c.up.manual {
		c.tail.Window = time.Hour
	}
	c.tail.Add(event, time.Now())
}

// retell returns what the next leg is sent first: the tail, with what the one before was sent
// and has not answered in its places. All of it, and what waits in old behind it, is kept: that
// leg, too, may be lost before it has made anything of it.
func (c *held) retell(old *buffer.Outbox) (first []buffer.Queued) {
	again := c.ledger.take(old.Queue)
	for len(old.Queue) > 0 && old.Queue[0].Sent > 0 {
		again, old.Queue = append(again, old.Queue[0]), old.Queue[1:]
	}
	n, now := c.tail.First(), time.Now()
	c.tail.Each(func(event []byte) {
		for ; len(again) > 0 && again[0].After <= n; again = again[1:] {
			first = append(first, again[0])
		}
		first = append(first, buffer.Queued{Frame: session.NewFrame(event), Audio: true})
		n++
	})
	first = append(first, again...)
	c.tail.Renew(now)
	for _, q := range first {
		c.ledger.again(q, q.After)
	}
	for _, q := range old.Queue {
		if q.Audio {
			c.tail.Add(q.Frame.Payload(), now)
		}
		c.ledger.again(q, c.tail.Seq)
	}
	return first
}

// endOf is where the part of the tail ends that the upstream has done with: where that was
// asked for, or at the end.
func (c *held) endOf(asked *pending) int64 {
	if asked != nil {
		return asked.after
	}
	return c.tail.Seq
}

// committed notes that the tail up to a place has become an item. Until its words have come,
// the audio is all that another upstream could be told of it.
func (c *held) committed(item string, upTo int64) {
	rest := c.tail.Behind(upTo)
	c.said.Clear()
	c.tail.CutBehind(upTo)
	c.said, c.tail = c.tail, rest
	c.said.Window = c.node.ResumeWindow // should they never come
	c.turn.unwritten, c.turn.spoken = item, time.Time{}
	if c.up.writes {
		c.turn.spoken = time.Now()
	}
}

// cleared notes that the upstream has forgotten the tail up to a place.
func (c *held) cleared(upTo int64) {
	rest := c.tail.Behind(upTo)
	c.tail.Clear()
	c.tail = rest
}

// transcribed notes that an item's words have come, or will not.
func (c *held) transcribed(item string) {
	if c.turn.unwritten == item {
		c.turn.unwritten = ""
		c.said.Clear()
	}
}

// untranscribed notes that an item's words will not come: its audio is all there is of it, for
// as long as the user says nothing more.
func (c *held) untranscribed(item string) {
	if c.turn.unwritten == item {
		c.turn.spoken, c.said.Window = time.Time{}, time.Hour
	}
}

// hasSaid reports whether an item is the user's last one, and its audio still kept.
func (c *held) hasSaid(it *conversation.Entry) bool {
	return it.ID == c.turn.unwritten && c.said.Bytes > 0
}

// saidAudio is the audio of the user's last item, in base64.
func (c *held) saidAudio() string {
	var audio []byte
	c.said.Each(func(event []byte) {
		chunk, err := base64.StdEncoding.DecodeString(gjson.GetBytes(event, "audio").Str)
		if err == nil { // else the upstream has refused it
			audio = append(audio, chunk...)
		}
	})
	return base64.StdEncoding.EncodeToString(audio)
}
