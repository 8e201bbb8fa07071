package standin_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchboard/cmd/simulator/standin"
)

func TestStreamCadence(t *testing.T) {
	for instructions, want := range map[string]time.Duration{
		"simulator:stream":                 50 * time.Millisecond,
		"simulator:stream/500ms":           500 * time.Millisecond,
		"be kind, simulator:stream/2s now": 2 * time.Second,
		"simulator:stream/-1s":             50 * time.Millisecond,
		"simulator:stream/often":           50 * time.Millisecond,
	} {
		if got := standin.Cadence(instructions); got != want {
			t.Errorf("%s: %v, want %v", instructions, got, want)
		}
	}
}

func TestStreamIsTimedAndIndependentOfInput(t *testing.T) {
	stand, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.update(`"instructions":"simulator:stream"`)
	c.send(`{"type":"response.create"}`)
	c.until("response.content_part.added")
	for n := range 4 {
		delta := c.next("response.output_audio.delta")
		parts := strings.Split(delta.Get("event_id").Str, "_")
		ns, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil || time.Since(time.Unix(0, ns)).Abs() > time.Minute || parts[2] != strconv.Itoa(n) {
			t.Errorf("event_id = %v", parts)
		}
		if got := len(delta.Get("delta").Str); got != 3200 {
			t.Errorf("delta has %d characters", got)
		}
		c.append(pcm, pcm.tone(40))
	}
	c.send(`{"type":"response.cancel"}`)
	events := c.until("response.done")
	if find(events, "input_audio_buffer.speech_started").Exists() {
		t.Error("input was listened to")
	}
	if st := stand.States(false)[0]; st.Received.Appends != 4 || st.Received.AudioMS != 160 {
		t.Errorf("received = %+v", st.Received)
	}
}

func TestFloodGoesAsFastAsItIsRead(t *testing.T) {
	stand, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.send(`{"type":"response.create","response":{"instructions":"simulator:flood"}}`)
	c.until("response.content_part.added")
	for n := range 200 {
		delta := c.next("response.output_audio.delta")
		if got := delta.Get("event_id").Str; !strings.HasSuffix(got, fmt.Sprintf("_%d", n)) {
			t.Fatalf("delta %d is %s", n, got)
		}
	}
	c.send(`{"type":"response.cancel"}`)
	c.until("response.done")
	_, report := get(t, url+"/_simulator/latency")
	if n := report.Get("deltas").Int(); n < 200 {
		t.Errorf("%d deltas counted", n)
	}
	if stand.Sessions() != 1 {
		t.Error("session is gone")
	}
}

func TestAppendsAreTimed(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	for i := range 100 {
		sent := time.Now().Add(-time.Duration(i) * time.Millisecond).UnixNano()
		c.send(fmt.Sprintf(`{"type":"input_audio_buffer.append","event_id":"event_%d_%d","audio":"AAAA"}`, sent, i))
	}
	c.send(`{"type":"input_audio_buffer.append","event_id":"mine","audio":"AAAA"}`)
	c.update(`"instructions":"all arrived"`)
	_, r := get(t, url+"/_simulator/latency")
	if r.Get("appends").Int() != 101 || r.Get("timed").Int() != 100 {
		t.Errorf("counts: %s", r.Raw)
	}
	p50, p99 := r.Get("p50_us").Int(), r.Get("p99_us").Int()
	if p50 < 48_000 || p99 < 96_000 || p99 < p50 || r.Get("max_us").Int() < p99 {
		t.Errorf("percentiles of 0..99 ms: p50 %d p99 %d", p50, p99)
	}
}
