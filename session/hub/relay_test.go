package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"switchboard/session"
	"switchboard/session/journal"
	"switchboard/session/realtime"
	"switchboard/session/trace"
)

// sink takes everything.
type sink struct{ frames, unacked int }

func (s *sink) Each(func(session.Frame, error) error) error       { return errors.New("unused") }
func (s *sink) TakeTurns(func() func())                           {}
func (s *sink) Buffered() bool                                    { return false }
func (s *sink) Write(session.Frame, session.Timing) (bool, error) { s.frames++; return true, nil }
func (s *sink) Flush() error                                      { return nil }
func (s *sink) Close(int, string) error                           { return nil }
func (s *sink) Unacked() int                                      { return s.unacked }

// relaying is an open session between two sinks.
func relaying() (c *Controller, cl *client, up, down *sink) {
	o := Options{}
	o.setDefaults()
	n := &node{Options: o}
	n.pulse = newPulse(o)
	n.pulse.alone()
	n.journal = journal.New(nil, o.Logger, o.JournalBytes, nil)
	c = newController(n, session.Spec{ID: "s"}, session.Lease{})
	up, down = &sink{}, &sink{}
	c.state = stateOpen
	c.up.leg = &leg{conn: up, words: realtimeWords, session: []byte(`{}`), out: c.outbox(up, o.UpstreamQueue, &n.stats.DroppedUp)}
	cl = &client{c: c, conn: down, policy: new(session.Open())}
	cl.out = c.outbox(down, o.ClientQueue, &n.stats.DroppedDown)
	c.clients, c.joined = []*client{cl}, true
	return c, cl, up, down
}

func deltaFrame() session.Frame {
	return session.NewFrame([]byte(`{"type":"response.output_audio.delta","event_id":"event_1","response_id":"resp_1","item_id":"item_1","output_index":0,"content_index":0,"delta":"` + strings.Repeat("A", 3200) + `"}`))
}

func appendEvent() []byte {
	return []byte(`{"type":"input_audio_buffer.append","event_id":"event_1","audio":"` + strings.Repeat("A", 2560) + `"}`)
}

// The event path allocates nothing of its own: not for audio down, not for audio up.
func TestRelayAllocatesNothing(t *testing.T) {
	for _, traced := range []bool{false, true} {
		t.Run(fmt.Sprintf("traced=%v", traced), func(t *testing.T) { relayAllocatesNothing(t, traced) })
	}
}

// untraced takes spans and forgets them.
type untraced struct{}

func (untraced) Traces(session.ID) bool { return true }
func (untraced) Record(trace.Span)      {}

func relayAllocatesNothing(t *testing.T, traced bool) {
	c, cl, up, down := relaying()
	if c.traced = traced; traced {
		c.node.Trace = untraced{}
		s := c.lock()
		s.traceCreated(realtime.Response{ID: "resp_1"})
		s.unlock()
	}
	delta, appended := deltaFrame(), session.NewFrame(appendEvent())
	var watch stopwatch
	fromUpstream := func() {
		watch.read()
		s := c.lock()
		defer s.unlock()
		c.turn.active, c.turn.awaited = "resp_1", time.Now() // its first audio, each time
		if err := s.fromUpstream(delta, session.AtOnce); err != nil {
			t.Fatal(err)
		}
		watch.written(&c.node.stats.Relay)
	}
	fromClient := func() {
		if no := cl.take(appended, session.AtOnce); no != nil {
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
	if d := c.node.stats.measures.read(); d.Relay.Total() == 0 || d.FirstAudio.Total() < 2000 {
		t.Errorf("measured %+v", d)
	}
	if up.frames == 0 || down.frames == 0 {
		t.Errorf("%d frames up, %d down", up.frames, down.frames)
	}
}

func BenchmarkRelayDown(b *testing.B) {
	c, _, _, _ := relaying()
	f := deltaFrame()
	b.SetBytes(int64(len(f.Payload())))
	b.ReportAllocs()
	for b.Loop() {
		s := c.lock()
		s.fromUpstream(f, session.AtOnce)
		s.unlock()
	}
}

func BenchmarkRelayUp(b *testing.B) {
	_, cl, _, _ := relaying()
	f := session.NewFrame(appendEvent())
	b.SetBytes(int64(len(f.Payload())))
	b.ReportAllocs()
	for b.Loop() {
		cl.take(f, session.AtOnce)
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
		{&session.LimitError{Limit: "max_tokens", Max: 5}, 4008},
		{ErrLeaseLost, 1012}, {ErrDraining, 1012},
		{&session.UpstreamError{Code: "session_expired"}, 1001},
		{&session.CloseError{Code: 3000, Reason: "x"}, 3000},
		{&session.CloseError{Code: 1006}, 1011},
		{context.Canceled, 1011},
	} {
		if code, _ := closeCode(c.err); code != c.code {
			t.Errorf("%v gives %d, want %d", c.err, code, c.code)
		}
	}
}
