package standin_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchboard/cmd/simulator/standin"
)

func TestTextTurnComesInLiveOrder(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	created := c.next("session.created")
	for _, path := range []string{"session.tracing", "session.prompt", "session.include", "session.audio.input.transcription", "session.audio.input.noise_reduction"} {
		if v := created.Get(path); !v.Exists() || v.Raw != "null" {
			t.Errorf("%s = %q, want null", path, v.Raw)
		}
	}
	c.send(`{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"hi there"}]}}`)
	added := c.next("conversation.item.added")
	if v := added.Get("previous_item_id"); v.Raw != "null" {
		t.Errorf("previous_item_id of the first item = %q, want null", v.Raw)
	}
	c.next("conversation.item.done")
	c.send(`{"type":"response.create","response":{"output_modalities":["text"],"metadata":{"turn":"1"}}}`)
	events := c.until("rate_limits.updated")
	want := []string{
		"response.created", "response.output_item.added", "conversation.item.added", "response.content_part.added", "response.output_text.delta *",
		"response.output_text.done", "response.content_part.done", "conversation.item.done", "response.output_item.done", "response.done", "rate_limits.updated",
	}
	if diff := cmp.Diff(want, types(events)); diff != "" {
		t.Errorf("order of events (-want +got):\n%s", diff)
	}
	done := events[len(events)-2]
	if got := done.Get("response.output.0.content.0.text").Str; got != "You said: hi there" {
		t.Errorf("answer = %q", got)
	}
	if got := done.Get("response.metadata.turn").Str; got != "1" {
		t.Errorf("metadata = %s", done.Get("response.metadata").Raw)
	}
}

func TestAudioTurnComesInLiveOrder(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.update(`"audio":{"input":{"transcription":{"model":"gpt-4o-transcribe"}}}`)
	c.speak(pcm, 1400)
	events := c.until("rate_limits.updated")
	got := slices.DeleteFunc(types(events), func(name string) bool { return strings.Contains(name, "input_audio_transcription") })
	got = slices.Compact(slices.DeleteFunc(got, func(name string) bool { return strings.HasSuffix(name, ".delta *") }))
	want := []string{
		"input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed", "conversation.item.added", "conversation.item.done",
		"response.created", "response.output_item.added", "conversation.item.added", "response.content_part.added", "response.output_audio.done",
		"response.output_audio_transcript.done", "response.content_part.done", "conversation.item.done", "response.output_item.done", "response.done", "rate_limits.updated",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order of events (-want +got):\n%s", diff)
	}
	if a, b := find(events, "input_audio_buffer.speech_started").Get("item_id").Str, find(events, "input_audio_buffer.committed").Get("item_id").Str; a == "" || a != b {
		t.Errorf("speech_started names item %q, committed %q", a, b)
	}
	transcript := find(events, "conversation.item.input_audio_transcription.completed").Get("transcript").Str
	if !strings.HasPrefix(transcript, "I spoke for 1.") {
		t.Errorf("transcript = %q", transcript)
	}
	if said := find(events, "response.output_audio_transcript.done").Get("transcript").Str; !strings.HasPrefix(said, "I heard you speak for 1.") {
		t.Errorf("answer = %q", said)
	}
}
