package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/tmaxmax/go-sse"

	"switchboard/cmd/simulator/standin"
)

// follow opens the event stream of a session.
func (r *rig) follow(id, last string) (next func(typ string) sse.Event, stop func()) {
	r.t.Helper()
	return r.followAs(app, "/realtime/sessions/"+id+"/events", last)
}

// followAs opens an event stream with a key; next reads it by a library that is not ours.
func (r *rig) followAs(key, path, last string) (next func(typ string) sse.Event, stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	req, err := http.NewRequestWithContext(ctx, "GET", r.url+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Accept", "text/event-stream")
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		r.t.Fatalf("%d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	events := make(chan sse.Event)
	go func() {
		defer close(events)
		defer res.Body.Close()
		for e, err := range sse.Read(res.Body, nil) {
			if err != nil {
				return
			}
			select {
			case events <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	stop = func() {
		cancel()
		for range events { // waits for the reader
		}
	}
	r.t.Cleanup(stop)
	next = func(typ string) sse.Event {
		r.t.Helper()
		for e := range events {
			if typ == "" || e.Type == typ {
				return e
			}
		}
		if typ != "" {
			r.t.Fatalf("the stream ended before %s", typ)
		}
		return sse.Event{}
	}
	return next, stop
}

func TestEventsGoOnWhereTheClientLeft(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.open("one")
	say := func(text string) { r.must(200, "POST", "/realtime/sessions/one/message", app, `{"text":"`+text+`"}`) }

	next, stop := r.follow("one", "")
	say("one")
	next("response.created")
	last := next("response.output_item.added")
	stop()
	say("two") // nobody follows
	next, stop = r.follow("one", last.LastEventID)
	say("three")

	seen, deltas := map[string]bool{last.LastEventID: true}, map[string]bool{}
	for third, answered := false, false; !answered; {
		e := next("")
		if e.LastEventID == "" {
			t.Fatal("the stream ended early")
		}
		if seen[e.LastEventID] {
			t.Errorf("%s %s came twice", e.LastEventID, e.Type)
		}
		seen[e.LastEventID] = true
		if strings.HasSuffix(e.Type, ".delta") {
			deltas[e.LastEventID] = true
		}
		if e.Type == "response.output_audio.delta" {
			t.Error("audio in the stream")
		}
		third = third || e.Type == "conversation.item.done" && strings.Contains(e.Data, "three")
		answered = third && e.Type == "response.done"
	}
	stop()
	for id := range deltas {
		delete(seen, id) // what repeats them is logged in their place
	}

	all, _ := r.follow("one", "0")
	got := map[string]bool{}
	for missing := len(seen); missing > 0; {
		e := all("")
		if e.LastEventID == "" || got[e.LastEventID] {
			t.Fatalf("%q ends it or came twice, with %d missing", e.LastEventID, missing)
		}
		got[e.LastEventID] = true
		if seen[e.LastEventID] {
			missing--
		}
	}
}

func TestEventsOfAnEndedSession(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.open("one")
	live, _ := r.follow("one", "")
	r.must(200, "POST", "/realtime/sessions/one/message", app, `{"text":"x"}`)
	live("response.done")
	r.must(200, "DELETE", "/realtime/sessions/one", app, "")
	for live("").LastEventID != "" { // ends with the session
	}

	next, _ := r.follow("one", "")
	last := ""
	for e := next(""); e.LastEventID != ""; e = next("") {
		last = e.LastEventID
	}
	if last == "" {
		t.Fatal("nothing is kept")
	}
	if a := r.do("GET", "/realtime/sessions/one/events", app, "", "Last-Event-ID", last); a.StatusCode != 204 {
		t.Errorf("%d after the last event, want 204", a.StatusCode)
	}
}

// A node that stops ends its streams, and answers those who come back before it is gone
// with what they missed: an EventSource takes any status but 200 for the end of all.
func TestDrainEndsEventStreams(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.open("one")
	next, _ := r.follow("one", "")
	r.must(200, "POST", "/realtime/sessions/one/message", app, `{"text":"x","respond":false}`)
	made := r.must(202, "POST", "/realtime/broadcasts", operator, `{"instructions":"x"}`).Header.Get("Location")
	r.gateway.Drain()
	for next("").LastEventID != "" {
	}
	next, _ = r.follow("one", "0")
	if next("conversation.item.added").LastEventID == "" {
		t.Error("the past was not told")
	}
	for next("").LastEventID != "" {
	}
	if got := r.must(200, "GET", made+"/events", operator, ""); !strings.Contains(string(got.body), "event: progress") {
		t.Errorf("progress %q", got.body)
	}
}
