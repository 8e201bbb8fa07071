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

// keepWaiting keeps, with the tail, the audio that waits in o for a leg that is about to be
// given both: that one, too, may be lost before it has made an item of it.
func (c *Controller) keepWaiting(o *outbox) {
	now := time.Now()
	c.tail.renew(now)
	for _, q := range o.queue {
		if q.audio {
			c.tail.add(q.frame.Payload(), now)
		}
	}
}

// committed notes that the tail has become an item. Until its words have come, the audio is
// all that another upstream could be told of it.
func (c *Controller) committed(item string) {
	c.said.clear()
	if c.up.writes {
		c.said, c.tail = c.tail, c.said
		c.said.window = c.node.ResumeWindow // should they never come
		c.turn.unwritten, c.turn.spoken = item, time.Now()
	}
	c.tail.clear()
}

// transcribed notes that an item's words have come, or will not.
func (c *Controller) transcribed(item string) {
	if c.turn.unwritten == item {
		c.turn.unwritten = ""
		c.said.clear()
	}
}

// saidItem states the user's last item by its audio; nil if it has words, or there is none.
func (c *Controller) saidItem(it *Item) object {
	if it.ID != c.turn.unwritten || it.Text != "" {
		return nil
	}
	var audio []byte
	c.said.each(func(event []byte) {
		chunk, err := base64.StdEncoding.DecodeString(gjson.GetBytes(event, "audio").Str)
		if err == nil { // else the upstream has refused it
			audio = append(audio, chunk...)
		}
	})
	if len(audio) == 0 {
		return nil
	}
	content := object{"type": "input_audio", "audio": base64.StdEncoding.EncodeToString(audio)}
	return object{"id": it.ID, "type": "message", "role": "user", "content": []object{content}}
}
