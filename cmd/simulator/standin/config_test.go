package standin

import (
	"encoding/json"
	"testing"
)

// An update that is refused at last, and a response that still runs, find the
// configuration as it was before.
func TestUpdateLeavesTheEarlierConfigurationAlone(t *testing.T) {
	update := func(c config, patch string) config {
		t.Helper()
		next, err := c.updated(json.RawMessage(patch))
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	shown := func(c config) string {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first := update(defaultConfig(kindRealtime, "gpt-realtime-2"), `{"output_modalities":["audio"],"instructions":"one","max_output_tokens":1,
		"tools":[{"type":"function","name":"one"}],"tool_choice":{"type":"function","name":"one"},"tracing":{"group_id":"one"},
		"truncation":{"type":"retention_ratio","retention_ratio":0.1},"prompt":{"id":"one"},"parallel_tool_calls":true,"reasoning":{"effort":"low"},
		"include":["item.input_audio_transcription.logprobs"],"audio":{"output":{"voice":"alloy","speed":1},"input":{"noise_reduction":{"type":"near_field"},
		"transcription":{"model":"whisper-1","language":"en"},"turn_detection":{"type":"server_vad","threshold":0.1,"idle_timeout_ms":5000}}}}`)
	before := shown(first)
	second := update(first, `{"output_modalities":["texts"],"instructions":"two","max_output_tokens":2,
		"tools":[{"type":"function","name":"two"}],"tool_choice":{"type":"function","name":"two"},"tracing":{"group_id":"two"},
		"truncation":{"type":"retention_ratio","retention_ratio":0.2},"prompt":{"id":"two"},"parallel_tool_calls":false,"reasoning":{"effort":"mid"},
		"include":["item.input_audio_transcription.nothing"],"audio":{"output":{"voice":"coral","speed":2},"input":{"noise_reduction":{"type":"other_side"},
		"transcription":{"model":"whisper-2","language":"de"},"turn_detection":{"type":"server_vad","threshold":0.2,"idle_timeout_ms":6000}}}}`)
	if after := shown(first); after != before {
		t.Errorf("was    %s\nbecame %s", before, after)
	}
	if shown(second) == before {
		t.Error("nothing was updated")
	}
}
