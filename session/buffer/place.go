package buffer

import (
	"strconv"
	"strings"

	"switchboard/session"
	"switchboard/session/realtime"
)

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
	if eventID == string(h.edge) {
		return 0, 0, true
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
