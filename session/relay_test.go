package session

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// sink takes everything.
type sink struct{ frames int }

func (s *sink) Each(func(Frame, error) error) error { return errors.New("unused") }
func (s *sink) Buffered() bool                      { return false }
func (s *sink) Write(Frame, bool) (bool, error)     { s.frames++; return true, nil }
func (s *sink) Flush() error                        { return nil }
func (s *sink) Close(int, string) error             { return nil }

// relayed is an open session between two sinks.
func relayed() (c *Controller, cl *client, up, down *sink) {
	o := HubOptions{}
	o.setDefaults()
	n := &node{HubOptions: o}
	n.renewed.at.Store(sinceStart())
	n.journal = newJournal(nil, o.Logger, o.JournalBytes, nil)
	c = newController(n, Spec{ID: "s"}, Lease{})
	up, down = &sink{}, &sink{}
	c.state = stateOpen
	c.up = &leg{conn: up, session: []byte(`{}`), out: c.outbox(up, o.UpstreamQueue, &n.stats.DroppedUp)}
	cl = &client{c: c, conn: down, policy: Open()}
	cl.out = c.outbox(down, o.ClientQueue, &n.stats.DroppedDown)
	c.clients = []*client{cl}
	return c, cl, up, down
}

func deltaFrame() Frame {
	return NewFrame([]byte(`{"type":"response.output_audio.delta","event_id":"event_1","response_id":"resp_1","item_id":"item_1","output_index":0,"content_index":0,"delta":"` + strings.Repeat("A", 3200) + `"}`))
}

// The event path allocates nothing of its own: not for audio down, not for audio up.
func TestRelayAllocatesNothing(t *testing.T) {
	c, cl, up, down := relayed()
	delta, appended := deltaFrame(), NewFrame(audioEvent(1920))
	fromUpstream := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if err := c.fromUpstream(delta, false); err != nil {
			t.Fatal(err)
		}
	}
	fromClient := func() {
		if no := cl.take(appended, false); no != nil {
			t.Fatalf("refused: %+v", no)
		}
	}
	for range 2000 { // fill the history: its memory comes from a pool and goes round
		fromUpstream()
	}
	if n := testing.AllocsPerRun(2000, fromUpstream); n != 0 {
		t.Errorf("%v allocations per event from the upstream", n)
	}
	if n := testing.AllocsPerRun(2000, fromClient); n != 0 {
		t.Errorf("%v allocations per event from a client", n)
	}
	if up.frames == 0 || down.frames == 0 {
		t.Errorf("%d frames up, %d down", up.frames, down.frames)
	}
}

func BenchmarkRelayDown(b *testing.B) {
	c, _, _, _ := relayed()
	f := deltaFrame()
	b.SetBytes(int64(len(f.Payload())))
	b.ReportAllocs()
	for b.Loop() {
		c.mu.Lock()
		c.fromUpstream(f, false)
		c.mu.Unlock()
	}
}

func BenchmarkRelayUp(b *testing.B) {
	_, cl, _, _ := relayed()
	f := NewFrame(audioEvent(1920))
	b.SetBytes(int64(len(f.Payload())))
	b.ReportAllocs()
	for b.Loop() {
		cl.take(f, false)
	}
}

func TestHistoryKeepsWhatFits(t *testing.T) {
	h := history{limit: 256 << 10, window: time.Minute}
	now := time.Now()
	event := func(i int) []byte {
		return []byte(`{"type":"x","event_id":"e` + string(rune('a'+i%26)) + strings.Repeat("0", i/26) + `","pad":"` + strings.Repeat("p", 2000) + `"}`)
	}
	for i := range 300 {
		h.add(event(i), now)
	}
	if h.bytes > 256<<10+nextChunk {
		t.Errorf("holds %d bytes", h.bytes)
	}
	var got int
	n, ok := h.after(idOf(t, event(298)))
	h.since(n, func(p []byte) {
		got++
		if string(p) != string(event(299)) {
			t.Errorf("after 298 came %.60s", p)
		}
	})
	if !ok || n != 299 || got != 1 {
		t.Errorf("%d events after the last but one, which is number %d, %v", got, n, ok)
	}
	if _, ok := h.after("nowhere"); ok {
		t.Error("an unknown event was found")
	}
	if _, ok := h.after(""); ok {
		t.Error("claims to reach back to the start")
	}
	if n, ok := h.after(h.mark()); !ok || n != 300 {
		t.Errorf("a mark made now is at %d, %v", n, ok)
	}
	h.forget(now.Add(2 * time.Minute))
	if h.bytes != 0 || len(h.chunks) != 0 {
		t.Errorf("after its window it holds %d bytes", h.bytes)
	}
}

func idOf(t *testing.T, event []byte) string {
	t.Helper()
	h, err := peek(event)
	if err != nil {
		t.Fatal(err)
	}
	return string(h.eventID)
}

func TestHeardIsCutAtAWord(t *testing.T) {
	for _, c := range []struct {
		text      string
		ms, total int64
		want      string
	}{
		{"one two three four", 500, 1000, "one two"},
		{"one two three four", 1000, 1000, "one two three four"},
		{"one two three four", 0, 1000, ""},
		{"one two", 10, 0, "one two"},
	} {
		if got := heard(c.text, c.ms, c.total); got != c.want {
			t.Errorf("heard(%q, %d of %d) = %q, want %q", c.text, c.ms, c.total, got, c.want)
		}
	}
}

func TestBucket(t *testing.T) {
	now := time.Now()
	b := newBucket(10, now)
	for i := range 40 {
		if !b.take(1, now) {
			t.Fatalf("refused event %d of a burst of 40", i)
		}
	}
	if b.take(1, now) {
		t.Error("took one over the burst")
	}
	if !b.take(10, now.Add(time.Second)) || b.take(1, now.Add(time.Second)) {
		t.Error("a second later ten more should fit, and no eleventh")
	}
}

func TestCloseReasonsFit(t *testing.T) {
	_, text := closeCode(&requested{Ending{Reason: strings.Repeat("ü", 100)}})
	if len(text) > 123 || !strings.HasSuffix(text, "ü") {
		t.Errorf("%d bytes: %q", len(text), text)
	}
	for _, c := range []struct {
		err  error
		code int
	}{
		{&LimitError{Limit: "max_tokens", Max: 5}, 4008},
		{ErrLeaseLost, 1012}, {ErrDraining, 1012},
		{&UpstreamError{Code: "session_expired"}, 1001},
		{&CloseError{Code: 3000, Reason: "x"}, 3000},
		{&CloseError{Code: 1006}, 1011},
		{context.Canceled, 1011},
	} {
		if code, _ := closeCode(c.err); code != c.code {
			t.Errorf("%v gives %d, want %d", c.err, code, c.code)
		}
	}
}

// TestHistoryHoldsNoEventOverItsLimit: one event of 15 MiB must not stay as the newest of a history
// of 2 MiB. Who has not seen it is reset; who comes after it goes on.
func TestHistoryHoldsNoEventOverItsLimit(t *testing.T) {
	h := history{limit: 256 << 10, window: time.Minute}
	now := time.Now()
	h.add([]byte(`{"type":"x","event_id":"before"}`), now)
	h.add([]byte(`{"type":"x","event_id":"large","pad":"`+strings.Repeat("p", 1<<20)+`"}`), now)
	if h.bytes > h.limit {
		t.Errorf("holds %d bytes of %d", h.bytes, h.limit)
	}
	h.add([]byte(`{"type":"x","event_id":"behind"}`), now)
	if _, ok := h.after("before"); ok {
		t.Error("resumes over an event that is missing")
	}
	if n, ok := h.after("behind"); !ok || n != 3 {
		t.Errorf("the event behind it is number %d, %v", n, ok)
	}
}
