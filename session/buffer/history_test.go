package buffer

import (
	"strings"
	"testing"
	"time"

	"switchboard/session/realtime"
)

func TestHistoryKeepsWhatFits(t *testing.T) {
	h := History{Limit: 256 << 10, Window: time.Minute}
	now := time.Now()
	event := func(i int) []byte {
		return []byte(`{"type":"x","event_id":"e` + string(rune('a'+i%26)) + strings.Repeat("0", i/26) + `","pad":"` + strings.Repeat("p", 2000) + `"}`)
	}
	for i := range 300 {
		h.Add(event(i), now)
	}
	if h.Bytes > 256<<10+largestChunk {
		t.Errorf("holds %d bytes", h.Bytes)
	}
	var got int
	n, ok := h.After(idOf(t, event(298)))
	h.Since(n, func(p []byte) {
		got++
		if string(p) != string(event(299)) {
			t.Errorf("after 298 came %.60s", p)
		}
	})
	if !ok || n != 299 || got != 1 {
		t.Errorf("%d events after the last but one, which is number %d, %v", got, n, ok)
	}
	if _, ok := h.After("nowhere"); ok {
		t.Error("an unknown event was found")
	}
	if _, ok := h.After(""); ok {
		t.Error("claims to reach back to the start")
	}
	if n, ok := h.After(h.Mark()); !ok || n != 300 {
		t.Errorf("a mark made now is at %d, %v", n, ok)
	}
	h.Forget(now.Add(2 * time.Minute))
	if h.Bytes != 0 || len(h.chunks) != 0 {
		t.Errorf("after its window it holds %d bytes", h.Bytes)
	}
}

func idOf(t *testing.T, event []byte) string {
	t.Helper()
	h, err := realtime.Peek(event)
	if err != nil {
		t.Fatal(err)
	}
	return string(h.EventID)
}

// TestHistoryHoldsNoEventOverItsLimit: one event of 15 MiB must not stay as the newest of a history
// of 2 MiB. Who has not seen it is reset; who comes after it goes on.
func TestHistoryHoldsNoEventOverItsLimit(t *testing.T) {
	h := History{Limit: 256 << 10, Window: time.Minute}
	now := time.Now()
	h.Add([]byte(`{"type":"x","event_id":"before"}`), now)
	h.Add([]byte(`{"type":"x","event_id":"large","pad":"`+strings.Repeat("p", 1<<20)+`"}`), now)
	if h.Bytes > h.Limit {
		t.Errorf("holds %d bytes of %d", h.Bytes, h.Limit)
	}
	h.Add([]byte(`{"type":"x","event_id":"behind"}`), now)
	if _, ok := h.After("before"); ok {
		t.Error("resumes over an event that is missing")
	}
	if n, ok := h.After("behind"); !ok || n != 3 {
		t.Errorf("the event behind it is number %d, %v", n, ok)
	}
}
