package buffer

import (
	"time"

	"switchboard/session/realtime"
)

// Received notes that all clients are known to have received what was added, but for the last
// pending bytes of it.
func (h *History) Received(pending int64, now time.Time) {
	for _, c := range h.chunks {
		if h.added-c.upTo < pending {
			return
		}
		if c.received.IsZero() {
			c.received = now
		}
	}
}

// Resent notes that a client is sent again what follows the n-th event ever added.
func (h *History) Resent(n int64) {
	end := h.First()
	for _, c := range h.chunks {
		if end += int64(len(c.ends)); end > n {
			c.received = time.Time{}
		}
	}
}

// Settled is the number of the last event that all clients had received by then, but for the
// newest keep bytes.
func (h *History) Settled(by time.Time, keep int64) int64 {
	n := h.First()
	for _, c := range h.chunks {
		if c.received.IsZero() || c.received.After(by) || h.added-c.upTo < keep {
			break
		}
		n += int64(len(c.ends))
	}
	return n
}

// Release forgets the events up to the n-th ever added, in whole chunks: all clients have them. A
// client whose last event is the last of them can still resume behind it, by its event_id.
func (h *History) Release(n int64) {
	end, drop := h.First(), 0
	for i, c := range h.chunks {
		if end += int64(len(c.ends)); end > n {
			break
		}
		if last, err := realtime.Peek(c.event(len(c.ends) - 1)); err == nil && last.EventID != nil {
			drop = i + 1
		}
	}
	for i := range drop {
		if i == drop-1 {
			h.pass(h.chunks[0])
		}
		h.drop(h.chunks[0])
	}
}

// Edge is the event_id of the last event that was forgotten; "": it is not known.
func (h *History) Edge() string { return string(h.edge) }

// Reaches says that nothing is missing behind the event with that event_id.
func (h *History) Reaches(edge string) { h.edge = append(h.edge[:0], edge...) }
