package hub

import (
	"encoding/base64"
	"time"

	"switchboard/session"
	"switchboard/session/buffer"
	"switchboard/session/conversation"

	"github.com/tidwall/gjson"
)

// utterance is the user's last item while its words have not come: its audio is all that another
// upstream could be told of it.
type utterance struct {
	item  string // its ID; "": its words have come
	audio buffer.History
	at    time.Time     // when it was said; zero: nobody transcribes it
	keep  time.Duration // for how long, should its words never come
}

// transcriptWait is how long the words of what was said may take to come. An upstream that is
// replaced before that is told the audio.
const transcriptWait = 2 * time.Second

// awaited is until when the words of what the user said last are waited for.
func (w *utterance) awaited() time.Time {
	if w.item == "" {
		return time.Time{}
	}
	return w.at.Add(transcriptWait)
}

// keepTail keeps input audio until the upstream has made an item of it: while the user speaks
// all, within its bound; else the last second, in which a word may have begun.
func (u *uplink) keepTail(event []byte, speaking bool) {
	if u.gone() {
		return // it waits in the outbox
	}
	u.tail.Window = time.Second
	if speaking || u.manual {
		u.tail.Window = time.Hour
	}
	u.tail.Add(event, time.Now())
}

// untail leaves the audio that waits for a leg in use, which is the newest of the tail, to its
// queue: the next leg is sent both. What waits for one that is gone was never in the tail.
func (u *uplink) untail(l *leg) {
	if l.gone() {
		return
	}
	waiting := int64(0)
	for _, q := range l.out.Queue {
		if q.Audio {
			waiting++
		}
	}
	u.tail.CutBehind(u.tail.Seq - waiting)
}

// retell returns what the next leg is sent first: the tail, with what the one before was sent
// and has not answered in its places. All of it, and what waits in old behind it, is kept: that
// leg, too, may be lost before it has made anything of it.
func (u *uplink) retell(old *buffer.Outbox) (first []buffer.Queued) {
	again := u.ledger.take(old.Queue)
	for len(old.Queue) > 0 && old.Queue[0].Sent > 0 {
		again, old.Queue = append(again, old.Queue[0]), old.Queue[1:]
	}
	n, now := u.tail.First(), time.Now()
	u.tail.Each(func(event []byte) {
		for ; len(again) > 0 && again[0].After <= n; again = again[1:] {
			first = append(first, again[0])
		}
		first = append(first, buffer.Queued{Frame: session.NewFrame(event), Audio: true})
		n++
	})
	first = append(first, again...)
	u.tail.Renew(now)
	for _, q := range first {
		u.again(q, q.After)
	}
	for _, q := range old.Queue {
		if q.Audio {
			u.tail.Add(q.Frame.Payload(), now)
		}
		u.again(q, u.tail.Seq)
	}
	return first
}

// endOf is where the part of the tail ends that the upstream has done with: where that was
// asked for, or at the end.
func (u *uplink) endOf(asked *pending) int64 {
	if asked != nil {
		return asked.after
	}
	return u.tail.Seq
}

// committed notes that the tail up to a place has become an item.
func (u *uplink) committed(item string, upTo int64) {
	rest := u.tail.Behind(upTo)
	u.said.audio.Clear()
	u.tail.CutBehind(upTo)
	u.said.audio, u.tail = u.tail, rest
	u.said.audio.Window = u.said.keep
	u.said.item, u.said.at = item, time.Time{}
	if u.writes {
		u.said.at = time.Now()
	}
}

// cleared notes that the upstream has forgotten the tail up to a place.
func (u *uplink) cleared(upTo int64) {
	rest := u.tail.Behind(upTo)
	u.tail.Clear()
	u.tail = rest
}

// transcribed notes that an item's words have come.
func (u *uplink) transcribed(item string) {
	if u.said.item == item {
		u.said.item = ""
		u.said.audio.Clear()
	}
}

// untranscribed notes that an item's words will not come: its audio is all there is of it, for
// as long as the user says nothing more.
func (u *uplink) untranscribed(item string) {
	if u.said.item == item {
		u.said.at, u.said.audio.Window = time.Time{}, time.Hour
	}
}

// hasSaid reports whether an item is the user's last one, and its audio still kept.
func (u *uplink) hasSaid(it *conversation.Entry) bool {
	return it.ID == u.said.item && u.said.audio.Bytes > 0
}

// saidAudio is the audio of the user's last item, in base64.
func (u *uplink) saidAudio() string {
	var audio []byte
	u.said.audio.Each(func(event []byte) {
		chunk, err := base64.StdEncoding.DecodeString(gjson.GetBytes(event, "audio").Str)
		if err == nil { // else the upstream has refused it
			audio = append(audio, chunk...)
		}
	})
	return base64.StdEncoding.EncodeToString(audio)
}
