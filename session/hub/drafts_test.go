package hub_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// logOf lists the events of a session's log by their event_id.
func logOf(t *testing.T, fx *fixture) (ids string) {
	t.Helper()
	if err := fx.hub.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	events, err := fx.mem.Events(t.Context(), "s", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if _, id, ok := strings.Cut(string(e.Raw), `"event_id":"e`); ok && e.Type != "session.created" {
			id, _, _ = strings.Cut(id, `"`)
			ids += " " + id
		}
	}
	return strings.TrimSpace(ids)
}

// The log has deltas for as long as what they are a part of is under way.
func TestLogHasNoDeltaOfWhatIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		_, up := fx.openFor(time.Hour)
		type step struct{ event, log string }
		for _, s := range []step{
			{`{"type":"response.created","event_id":"e1","response":{"id":"r1","conversation_id":"c"}}`, "1"},
			{`{"type":"response.output_text.delta","event_id":"e2","response_id":"r1","item_id":"i1","delta":"once"}`, "1 2"},
			{`{"type":"conversation.item.input_audio_transcription.delta","event_id":"e3","item_id":"u1","delta":"tell"}`, "1 2 3"},
			{`{"type":"response.function_call_arguments.delta","event_id":"e4","response_id":"r2","item_id":"i2","delta":"{"}`, "1 2 3 4"},
			{`{"type":"response.output_text.done","event_id":"e5","response_id":"r1","item_id":"i1","text":"once"}`, "1 2 3 4 5"},
			{`{"type":"response.done","event_id":"e6","response":{"id":"r1","status":"completed"}}`, "1 3 4 5 6"},
			{`{"type":"conversation.item.input_audio_transcription.completed","event_id":"e7","item_id":"u1","transcript":"tell me"}`, "1 4 5 6 7"},
			{`{"type":"response.done","event_id":"e8","response":{"id":"r2","status":"cancelled"}}`, "1 5 6 7 8"},
			{`{"type":"response.output_text.delta","event_id":"e9","response_id":"r3","item_id":"i3","delta":"more"}`, "1 5 6 7 8 9"},
		} {
			send(t, up, s.event)
			synctest.Wait()
			time.Sleep(time.Second) // the journal has written it
			if got := logOf(t, fx); got != s.log {
				t.Fatalf("behind %s the log has %s, want %s", s.event, got, s.log)
			}
		}
		up.Close(1006, "")
		fx.next("sess_2", time.Hour, 0)
		time.Sleep(time.Second)
		if got := logOf(t, fx); strings.Contains(got, "9") {
			t.Fatalf("with another upstream the log has %s", got)
		}
	})
}

// A client that was sent less than the log of a lost node can repeat is told how things are.
func TestResumeFromALogWithoutDeltas(t *testing.T) {
	done := []string{
		`{"type":"response.created","event_id":"e1","response":{"id":"r1","conversation_id":"c"}}`,
		`{"type":"response.output_text.done","event_id":"e2","response_id":"r1","item_id":"i1","text":"once"}`,
		`{"type":"response.done","event_id":"e3","response":{"id":"r1","status":"completed"}}`,
	}
	cut := []string{done[0], `{"type":"response.done","event_id":"e3","response":{"id":"r1","status":"cancelled"}}`}
	heard := []string{`{"type":"conversation.item.input_audio_transcription.completed","event_id":"e0","item_id":"u","transcript":"hello"}`, done[0]}
	here := []string{
		done[0], `{"type":"response.output_text.delta","event_id":"e4","response_id":"r1","item_id":"i1","delta":"once"}`, done[1],
	}
	for name, tc := range map[string]struct {
		log  []string
		last string
		want string
	}{
		"before deltas":            {done, "e1", "session.reset"},
		"behind deltas":            {done, "e2", `"e3"`},
		"behind all":               {done, "e3", "session.renewed"},
		"within a cut response":    {cut, "e1", "session.reset"},
		"behind a cut response":    {cut, "e3", "session.renewed"},
		"behind a transcription":   {heard, "e0", `"response.created"`},
		"deltas that are there":    {here, "e1", `"e4"`},
		"within deltas of the log": {here, "e4", `"e2"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fx := start(t)
				defer fx.stop()
				record := session.Record{ID: "s", Status: session.StatusActive, CreatedAt: time.Now(), Session: []byte(`{"type":"realtime","instructions":"be kind"}`)}
				log := []session.Change{{ID: "s", Epoch: 1, Record: &record}}
				for i, raw := range tc.log {
					e := session.LoggedEvent{ID: fmt.Sprint("1-", i), Type: "x", Raw: []byte(raw)}
					log = append(log, session.Change{ID: "s", Epoch: 1, Event: &e})
				}
				if stale, err := fx.mem.Apply(t.Context(), log); err != nil || len(stale) > 0 {
					t.Fatal(stale, err)
				}
				c, err := fx.hub.Claim(t.Context(), "s")
				if err != nil {
					t.Fatal(err)
				}
				fx.next("sess_2", time.Hour, 0)
				synctest.Wait()
				cl, _ := fx.attachAt(c, hub.Attachment{Policy: session.Voice(), LastEventID: tc.last})
				want(t, cl, tc.want)
			})
		})
	}
}

// packing is a store that notes what is packed.
type packing struct {
	*sessiontest.Memory
	packed chan session.ID
}

func (s packing) Pack(_ context.Context, id session.ID) error {
	s.packed <- id
	return nil
}

// A session is packed once its end is stored, and one that goes on elsewhere is not.
func TestEndedSessionIsPacked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := packing{sessiontest.NewMemory(), make(chan session.ID, 10)}
		fx := start(t, func(o *hub.Options) { o.Store, o.Directory, o.Meter = store, store, store })
		ended, _ := fx.openNamed("ended", time.Hour)
		fx.openNamed("left", time.Hour)
		if err := ended.End(t.Context(), hub.Ending{}); err != nil {
			t.Fatal(err)
		}
		fx.stop()
		synctest.Wait()
		if id := <-store.packed; id != "ended" || len(store.packed) > 0 {
			t.Fatalf("packed %s, and %d more", id, len(store.packed))
		}
		if r, err := store.Record(t.Context(), "ended"); err != nil || r.Status != session.StatusEnded {
			t.Fatalf("%+v, %v", r, err)
		}
	})
}
