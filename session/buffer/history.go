package buffer

import (
	"time"

	"switchboard/session/realtime"
)

// History keeps the last events that clients were sent, in order, so that one that lost
// its connection gets what it missed. Bounded in bytes and age; guarded by the
// controller's lock.
type History struct {
	Limit  int           // bytes
	Window time.Duration // age
	chunks []*chunk      // oldest first
	Bytes  int           // memory held
	Seq    int64         // events ever added
	Era    string        // which history the numbers belong to
	Floor  int64         // before this number something is missing, though it is not cut off
	Cut    bool          // something was forgotten
	edge   []byte        // event_id of the last event that was forgotten; empty: it is not known
	added  int64         // bytes ever added
}

// Add keeps an event. One that is over the limit by itself is not kept, and nothing before it is of
// use then: who has not seen it cannot go on behind it.
func (h *History) Add(payload []byte, now time.Time) {
	if len(payload) > h.Limit {
		h.Skip()
		return
	}
	n := len(h.chunks)
	if n == 0 || cap(h.chunks[n-1].buf)-len(h.chunks[n-1].buf) < len(payload) {
		h.chunks = append(h.chunks, newChunk(max(len(payload), min(h.Bytes, largestChunk))))
		n++
		h.Bytes += cap(h.chunks[n-1].buf)
	}
	h.added += int64(len(payload))
	h.chunks[n-1].add(payload, now, h.added)
	h.Seq++
	h.Forget(now)
}

// Skip counts an event that is not kept, and forgets those before it.
func (h *History) Skip() {
	h.Clear()
	h.Seq++
	h.Cut, h.edge = true, h.edge[:0]
}

// Renew makes all that is kept as young as what is added now.
func (h *History) Renew(now time.Time) {
	for _, c := range h.chunks {
		c.last = now
	}
}

// Behind returns a history of its own with what follows the n-th event ever added.
func (h *History) Behind(n int64) History {
	rest := History{Limit: h.Limit, Window: h.Window, Seq: max(n, h.First())}
	if n < h.Seq {
		now := time.Now()
		h.Since(rest.Seq, func(event []byte) { rest.Add(event, now) })
	}
	return rest
}

// CutBehind forgets what follows the n-th event ever added.
func (h *History) CutBehind(n int64) {
	for h.Seq > n && len(h.chunks) > 0 {
		c := h.chunks[len(h.chunks)-1]
		keep := max(0, len(c.ends)-int(h.Seq-n))
		h.Seq -= int64(len(c.ends) - keep)
		c.ends = c.ends[:keep]
		if keep > 0 {
			c.buf = c.buf[:c.ends[keep-1]]
			return
		}
		h.chunks = h.chunks[:len(h.chunks)-1]
		h.giveBack(c)
	}
}

// Forget gives back what is too old or too much; the newest chunk stays while it is young.
func (h *History) Forget(now time.Time) {
	for len(h.chunks) > 0 {
		c := h.chunks[0]
		tooMuch := h.Bytes > h.Limit && len(h.chunks) > 1
		if !tooMuch && now.Sub(c.last) <= h.Window {
			return
		}
		h.pass(c)
		h.drop(c)
	}
}

func (h *History) drop(c *chunk) {
	n := copy(h.chunks, h.chunks[1:])
	h.chunks[n] = nil
	h.chunks = h.chunks[:n]
	h.giveBack(c)
}

func (h *History) giveBack(c *chunk) {
	h.Bytes -= cap(c.buf)
	c.giveBack()
}

// pass notes that a chunk is about to be forgotten: who has seen its last event misses nothing.
func (h *History) pass(c *chunk) {
	h.Cut, h.edge = true, h.edge[:0]
	if last, err := realtime.Peek(c.event(len(c.ends) - 1)); err == nil {
		h.edge = append(h.edge, last.EventID...)
	}
}

// Clear gives all memory back.
func (h *History) Clear() {
	for len(h.chunks) > 0 {
		h.drop(h.chunks[0])
	}
}
