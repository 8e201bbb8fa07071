package buffer

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"switchboard/session"
	"switchboard/session/realtime"
)

// Sizes of the pieces that a history is made of: a quiet session needs little.
const (
	firstChunk = 4 << 10
	nextChunk  = 64 << 10
)

var (
	firstChunks = sync.Pool{New: func() any { return &chunk{buf: make([]byte, 0, firstChunk)} }}
	nextChunks  = sync.Pool{New: func() any { return &chunk{buf: make([]byte, 0, nextChunk)} }}
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
}

// chunk is a run of events: ends[i] is where the i-th ends in buf.
type chunk struct {
	buf  []byte
	ends []int
	last time.Time // when the newest was added
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
		h.chunks = append(h.chunks, h.fresh(len(payload)))
		n++
	}
	c := h.chunks[n-1]
	c.buf = append(c.buf, payload...)
	c.ends = append(c.ends, len(c.buf))
	c.last = now
	h.Seq++
	h.Forget(now)
}

// Skip counts an event that is not kept, and forgets those before it.
func (h *History) Skip() {
	h.Clear()
	h.Seq++
	h.Cut = true
}

func (h *History) fresh(size int) *chunk {
	var c *chunk
	switch {
	case len(h.chunks) == 0 && size <= firstChunk:
		c = firstChunks.Get().(*chunk)
	case size <= nextChunk:
		c = nextChunks.Get().(*chunk)
	default:
		c = &chunk{buf: make([]byte, 0, size)}
	}
	h.Bytes += cap(c.buf)
	return c
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
		h.Cut = true
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
	c.buf, c.ends = c.buf[:0], c.ends[:0]
	switch cap(c.buf) {
	case firstChunk:
		firstChunks.Put(c)
	case nextChunk:
		nextChunks.Put(c)
	}
}

// Clear gives all memory back.
func (h *History) Clear() {
	for len(h.chunks) > 0 {
		h.drop(h.chunks[0])
	}
}

// markPrefix begins the event_id of events that one client alone was sent. The era and
// the number of events before it follow, so that they, too, can be the last one seen.
const markPrefix = "event_at_"

// Unknown is the number of a place that no history has: a client that comes back with it
// is reset again.
const Unknown = -1

// Mark returns an event_id for an event that is sent now and not kept.
func (h *History) Mark() string { return h.MarkAt(h.Seq) }

// MarkAt returns an event_id for one that is sent behind the first n events ever added.
func (h *History) MarkAt(n int64) string {
	return session.NewID(markPrefix + h.Named() + "_" + strconv.FormatInt(n, 10) + "_")
}

// Named returns the era, which gets its name when somebody asks.
func (h *History) Named() string {
	if h.Era == "" {
		h.Era = session.NewID("")
	}
	return h.Era
}

// Each calls yield with each event that is kept, in order.
func (h *History) Each(yield func(payload []byte)) { h.from(0, 0, yield) }

// After returns how many events were ever added up to the one with eventID ("" is the
// start); false when that event is not known any more.
func (h *History) After(eventID string) (n int64, ok bool) {
	ci, ei, ok := h.find(eventID)
	n = h.First() + int64(ei)
	for _, c := range h.chunks[:ci] {
		n += int64(len(c.ends))
	}
	return n, ok && n >= h.Floor
}

// First is how many events were forgotten.
func (h *History) First() int64 {
	n := h.Seq
	for _, c := range h.chunks {
		n -= int64(len(c.ends))
	}
	return n
}

// Since calls yield with each event behind the first n ever added, in order.
func (h *History) Since(n int64, yield func(payload []byte)) {
	if ci, ei, ok := h.findNumber(n); ok {
		h.from(ci, ei, yield)
	}
}

func (h *History) from(ci, ei int, yield func(payload []byte)) {
	for ; ci < len(h.chunks); ci, ei = ci+1, 0 {
		for ; ei < len(h.chunks[ci].ends); ei++ {
			yield(h.chunks[ci].event(ei))
		}
	}
}

// find returns the position behind the event, looking at the newest first.
func (h *History) find(eventID string) (ci, ei int, ok bool) {
	if eventID == "" {
		return 0, 0, !h.Cut
	}
	if rest, marked := strings.CutPrefix(eventID, markPrefix); marked {
		era, rest, _ := strings.Cut(rest, "_")
		number, _, _ := strings.Cut(rest, "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || era != h.Era {
			return 0, 0, false
		}
		return h.findNumber(n)
	}
	for ci := len(h.chunks) - 1; ci >= 0; ci-- {
		for ei := len(h.chunks[ci].ends) - 1; ei >= 0; ei-- {
			if hd, err := realtime.Peek(h.chunks[ci].event(ei)); err == nil && string(hd.EventID) == eventID {
				return ci, ei + 1, true
			}
		}
	}
	return 0, 0, false
}

// findNumber returns the position behind the n-th event ever added.
func (h *History) findNumber(n int64) (ci, ei int, ok bool) {
	before := h.First()
	if n < before || n > h.Seq {
		return 0, 0, false
	}
	for ci, c := range h.chunks {
		if n-before <= int64(len(c.ends)) {
			return ci, int(n - before), true
		}
		before += int64(len(c.ends))
	}
	return len(h.chunks), 0, true
}

func (c *chunk) event(i int) []byte {
	from := 0
	if i > 0 {
		from = c.ends[i-1]
	}
	return c.buf[from:c.ends[i]]
}
