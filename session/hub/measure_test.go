package hub_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/series"
	"switchboard/session/sessiontest"
	"switchboard/session/survey"
)

// measured checks that one duration was counted, and how long it was.
func measured(t *testing.T, what string, c series.Counts, want time.Duration) {
	t.Helper()
	if c.Total() != 1 || c.Sum != want {
		t.Errorf("%s: %d of %v in all, want one of %v", what, c.Total(), c.Sum, want)
	}
}

// Of a response that is heard, the time counts from the end of what the user said to the first
// audio: once, and not of one out of band.
func TestTimeToFirstAudioIsMeasured(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		say := func(event string) {
			send(t, up, event)
			want(t, cl)
		}
		delta := func(response string) {
			say(fmt.Sprintf(`{"type":"response.output_audio.delta","event_id":"e","response_id":"%s","item_id":"i_%s","delta":"AAAA"}`, response, response))
		}
		say(`{"type":"input_audio_buffer.committed","event_id":"e","item_id":"u1"}`)
		time.Sleep(100 * time.Millisecond)
		say(`{"type":"response.created","event_id":"e","response":{"id":"r1","conversation_id":"c"}}`)
		time.Sleep(250 * time.Millisecond)
		delta("apart")
		time.Sleep(50 * time.Millisecond)
		delta("r1")
		time.Sleep(time.Second)
		delta("r1")
		say(`{"type":"response.done","event_id":"e","response":{"id":"r1","status":"completed","conversation_id":"c","usage":{"total_tokens":12}}}`)
		say(`{"type":"response.created","event_id":"e","response":{"id":"r2","conversation_id":"c"}}`) // nobody knows why
		delta("r2")
		s := fx.hub.Stats()
		measured(t, "time to first audio", s.FirstAudio, 400*time.Millisecond)
		if s.Responses != 1 || s.Tokens != 12 || s.Opened != 1 {
			t.Errorf("counted %+v", s)
		}
	})
}

func TestCommandIsMeasured(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		cleared := make(chan error, 1)
		go func() { cleared <- c.ClearAudio(t.Context()) }()
		want(t, up)
		time.Sleep(300 * time.Millisecond)
		send(t, up, `{"type":"input_audio_buffer.cleared","event_id":"e"}`)
		if err := <-cleared; err != nil {
			t.Fatal(err)
		}
		measured(t, "command", fx.hub.Stats().Command, 300*time.Millisecond)
	})
}

// The gap is the time in which the session had no upstream.
func TestGapOfARecoveryIsMeasured(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		up.Close(1011, "gone")
		next := <-fx.ends
		time.Sleep(2 * time.Second)
		send(t, next, createdFor("sess_2", time.Hour))
		want(t, next) // its configuration
		send(t, next, `{"type":"session.updated","event_id":"e","session":{"type":"realtime"}}`)
		want(t, cl, "switchboard.session.renewed")
		measured(t, "gap", fx.hub.Stats().Gap, 2*time.Second)
	})
}

// What an operator should know of a session is in its record, and on the next node too.
func TestConditionIsInTheRecord(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		states := func(want ...session.State) {
			t.Helper()
			synctest.Wait()
			r := c.Record()
			if got := survey.States(&r, time.Now()); !slices.Equal(got, want) {
				t.Errorf("states %v, want %v", got, want)
			}
			if err := fx.hub.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if stored, err := fx.mem.Record(t.Context(), "s"); err != nil || stored.Condition != r.Condition {
				t.Errorf("stored %+v, %v; want %+v", stored.Condition, err, r.Condition)
			}
		}
		say := func(event string) {
			t.Helper()
			send(t, up, event)
			want(t, cl)
		}
		states()
		say(`{"type":"conversation.item.done","event_id":"e","previous_item_id":null,"item":{"id":"f1","type":"function_call","call_id":"call_1","name":"look","arguments":"{}","status":"completed"}}`)
		states(session.StateWaiting)
		say(`{"type":"conversation.item.added","event_id":"e","previous_item_id":"f1","item":{"id":"o1","type":"function_call_output","call_id":"call_1","output":"1"}}`)
		states()
		say(`{"type":"response.done","event_id":"e","response":{"id":"r1","status":"failed","status_details":{"type":"failed","error":{"type":"server_error","code":"x"}}}}`)
		states(session.StateFailing)
		if r := c.Record(); r.Errors != 1 {
			t.Errorf("%d errors", r.Errors)
		}
		up.Close(1011, "gone")
		states(session.StateReconnecting, session.StateFailing)
	})
}
