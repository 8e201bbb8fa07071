package session

import (
	"strconv"
	"strings"
	"sync"
	"time"
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

// history keeps the last events that clients were sent, in order, so that one that lost
// its connection gets what it missed. Bounded in bytes and age; guarded by the
// controller's lock.
type history struct {
	limit  int           // bytes
	window time.Duration // age
	chunks []*chunk      // oldest first
	bytes  int           // memory held
	seq    int64         // events ever added
	era    string        // which history the numbers belong to
	floor  int64         // before this number something is missing, though it is not cut off
	cut    bool          // something was forgotten
}

// chunk is a run of events: ends[i] is where the i-th ends in buf.
type chunk struct {
	buf  []byte
	ends []int
	last time.Time // when the newest was added
}

// add keeps an event. One that is over the limit by itself is not kept, and nothing before it is of
// use then: who has not seen it cannot go on behind it.
func (h *history) add(payload []byte, now time.Time) {
	if len(payload) > h.limit {
		h.skip()
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
	h.seq++
	h.forget(now)
}

// skip counts an event that is not kept, and forgets those before it.
func (h *history) skip() {
	h.clear()
	h.seq++
	h.cut = true
}

func (h *history) fresh(size int) *chunk {
	var c *chunk
	switch {
	case len(h.chunks) == 0 && size <= firstChunk:
		c = firstChunks.Get().(*chunk)
	case size <= nextChunk:
		c = nextChunks.Get().(*chunk)
	default:
		c = &chunk{buf: make([]byte, 0, size)}
	}
	h.bytes += cap(c.buf)
	return c
}

// renew makes all that is kept as young as what is added now.
func (h *history) renew(now time.Time) {
	for _, c := range h.chunks {
		c.last = now
	}
}

// behind returns a history of its own with what follows the n-th event ever added.
func (h *history) behind(n int64) history {
	rest := history{limit: h.limit, window: h.window, seq: max(n, h.first())}
	if n < h.seq {
		now := time.Now()
		h.since(rest.seq, func(event []byte) { rest.add(event, now) })
	}
	return rest
}

// cutBehind forgets what follows the n-th event ever added.
func (h *history) cutBehind(n int64) {
	for h.seq > n && len(h.chunks) > 0 {
		c := h.chunks[len(h.chunks)-1]
		keep := max(0, len(c.ends)-int(h.seq-n))
		h.seq -= int64(len(c.ends) - keep)
		c.ends = c.ends[:keep]
		if keep > 0 {
			c.buf = c.buf[:c.ends[keep-1]]
			return
		}
		h.chunks = h.chunks[:len(h.chunks)-1]
		h.giveBack(c)
	}
}

// forget gives back what is too old or too much; the newest chunk stays while it is young.
func (h *history) forget(now time.Time) {
	for len(h.chunks) > 0 {
		c := h.chunks[0]
		tooMuch := h.bytes > h.limit && len(h.chunks) > 1
		if !tooMuch && now.Sub(c.last) <= h.window {
			return
		}
		h.cut = true
		h.drop(c)
	}
}

func (h *history) drop(c *chunk) {
	n := copy(h.chunks, h.chunks[1:])
	h.chunks[n] = nil
	h.chunks = h.chunks[:n]
	h.giveBack(c)
}

func (h *history) giveBack(c *chunk) {
	h.bytes -= cap(c.buf)
	c.buf, c.ends = c.buf[:0], c.ends[:0]
	switch cap(c.buf) {
	case firstChunk:
		firstChunks.Put(c)
	case nextChunk:
		nextChunks.Put(c)
	}
}

// clear gives all memory back.
func (h *history) clear() {
	for len(h.chunks) > 0 {
		h.drop(h.chunks[0])
	}
}

// markPrefix begins the event_id of events that one client alone was sent. The era and
// the number of events before it follow, so that they, too, can be the last one seen.
const markPrefix = "event_at_"

// unknown is the number of a place that no history has: a client that comes back with it
// is reset again.
const unknown = -1

// mark returns an event_id for an event that is sent now and not kept.
func (h *history) mark() string { return h.markAt(h.seq) }

// markAt returns an event_id for one that is sent behind the first n events ever added.
func (h *history) markAt(n int64) string {
	return NewID(markPrefix + h.named() + "_" + strconv.FormatInt(n, 10) + "_")
}

// named returns the era, which gets its name when somebody asks.
func (h *history) named() string {
	if h.era == "" {
		h.era = NewID("")
	}
	return h.era
}

// each calls yield with each event that is kept, in order.
func (h *history) each(yield func(payload []byte)) { h.from(0, 0, yield) }

// after returns how many events were ever added up to the one with eventID ("" is the
// start); false when that event is not known any more.
func (h *history) after(eventID string) (n int64, ok bool) {
	ci, ei, ok := h.find(eventID)
	n = h.first() + int64(ei)
	for _, c := range h.chunks[:ci] {
		n += int64(len(c.ends))
	}
	return n, ok && n >= h.floor
}

// first is how many events were forgotten.
func (h *history) first() int64 {
	n := h.seq
	for _, c := range h.chunks {
		n -= int64(len(c.ends))
	}
	return n
}

// since calls yield with each event behind the first n ever added, in order.
func (h *history) since(n int64, yield func(payload []byte)) {
	if ci, ei, ok := h.findNumber(n); ok {
		h.from(ci, ei, yield)
	}
}

func (h *history) from(ci, ei int, yield func(payload []byte)) {
	for ; ci < len(h.chunks); ci, ei = ci+1, 0 {
		for ; ei < len(h.chunks[ci].ends); ei++ {
			yield(h.chunks[ci].event(ei))
		}
	}
}

// find returns the position behind the event, looking at the newest first.
func (h *history) find(eventID string) (ci, ei int, ok bool) {
	if eventID == "" {
		return 0, 0, !h.cut
	}
	if rest, marked := strings.CutPrefix(eventID, markPrefix); marked {
		era, rest, _ := strings.Cut(rest, "_")
		number, _, _ := strings.Cut(rest, "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || era != h.era {
			return 0, 0, false
		}
		return h.findNumber(n)
	}
	for ci := len(h.chunks) - 1; ci >= 0; ci-- {
		for ei := len(h.chunks[ci].ends) - 1; ei >= 0; ei-- {
			if hd, err := peek(h.chunks[ci].event(ei)); err == nil && string(hd.eventID) == eventID {
				return ci, ei + 1, true
			}
		}
	}
	return 0, 0, false
}

// findNumber returns the position behind the n-th event ever added.
func (h *history) findNumber(n int64) (ci, ei int, ok bool) {
	before := h.first()
	if n < before || n > h.seq {
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
