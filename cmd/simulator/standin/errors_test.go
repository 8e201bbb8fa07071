package standin_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"

	"switchboard/cmd/simulator/standin"
)

// refused sends event and checks the error that comes back.
func (c *client) refused(event, code, param string) gjson.Result {
	c.t.Helper()
	c.send(event)
	e := c.next("error").Get("error")
	if got := e.Get("code").Str; got != code {
		c.t.Errorf("%.200s: code = %q, want %q (%s)", event, got, code, e.Raw)
	}
	if got := e.Get("param").Str; got != param {
		c.t.Errorf("%.200s: param = %q, want %q (%s)", event, got, param, e.Raw)
	}
	return e
}

func TestRefusedEvents(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	long := strings.Repeat("x", 33)
	for _, row := range []struct{ name, event, code, param string }{
		{"not JSON", `{"type":`, "invalid_json", ""},
		{"not an object", `["type"]`, "invalid_json", ""},
		{"no type", `{"event_id":"e"}`, "missing_required_parameter", "type"},
		{"type no string", `{"type":7}`, "invalid_type", "type"},
		{"unknown type", `{"type":"nope"}`, "invalid_value", "type"},
		{"WebRTC only", `{"type":"output_audio_buffer.clear"}`, "invalid_value", "type"},
		{"beta", `{"type":"transcription_session.update","session":{}}`, "invalid_value", "type"},
		{"translation only", `{"type":"session.close"}`, "invalid_value", "type"},
		{"unknown member", `{"type":"response.cancel","why":1}`, "unknown_parameter", "why"},
		{"update without session", `{"type":"session.update"}`, "missing_required_parameter", "session"},
		{"update without type", `{"type":"session.update","session":{"instructions":"x"}}`, "missing_required_parameter", "session.type"},
		{"update unknown", `{"type":"session.update","session":{"type":"realtime","bogus_field":1}}`, "unknown_parameter", "session.bogus_field"},
		{"update beta field", `{"type":"session.update","session":{"type":"realtime","modalities":["text"]}}`, "unknown_parameter", "session.modalities"},
		{"update nested unknown", `{"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn":1}}}}`, "unknown_parameter", "session.audio.input.turn"},
		{"update bad type", `{"type":"session.update","session":{"type":"beta"}}`, "invalid_value", "session.type"},
		{"update other kind", `{"type":"session.update","session":{"type":"transcription"}}`, "invalid_parameter", "session.type"},
		{"instructions no string", `{"type":"session.update","session":{"type":"realtime","instructions":5}}`, "invalid_type", "session.instructions"},
		{"voice unknown", `{"type":"session.update","session":{"type":"realtime","audio":{"output":{"voice":"bob"}}}}`, "invalid_value", "session.audio.output.voice"},
		{"speed", `{"type":"session.update","session":{"type":"realtime","audio":{"output":{"speed":2}}}}`, "decimal_above_max_value", "session.audio.output.speed"},
		{"rate", `{"type":"session.update","session":{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcm","rate":16000}}}}}`, "integer_below_min_value", "session.audio.input.format.rate"},
		{"PCM without rate", `{"type":"session.update","session":{"type":"realtime","audio":{"output":{"format":{"type":"audio/pcm"}}}}}`, "missing_required_parameter", "session.audio.output.format.rate"},
		{"format", `{"type":"session.update","session":{"type":"realtime","audio":{"input":{"format":{"type":"pcm16"}}}}}`, "invalid_value", "session.audio.input.format.type"},
		{"threshold", `{"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":{"type":"server_vad","threshold":2}}}}}`, "decimal_above_max_value", "session.audio.input.turn_detection.threshold"},
		{"idle", `{"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":{"type":"server_vad","idle_timeout_ms":100}}}}}`, "integer_below_min_value", "session.audio.input.turn_detection.idle_timeout_ms"},
		{"idle in semantic", `{"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":{"type":"semantic_vad","idle_timeout_ms":6000}}}}}`, "unknown_parameter", "session.audio.input.turn_detection.idle_timeout_ms"},
		{"noise reduction without type", `{"type":"session.update","session":{"type":"realtime","audio":{"input":{"noise_reduction":{"strength":2}}}}}`, "missing_required_parameter", "session.audio.input.noise_reduction.type"},
		{"noise reduction below nothing", `{"type":"session.update","session":{"type":"realtime","audio":{"input":{"noise_reduction":{"type":"far_field","strength":-1}}}}}`, "decimal_below_min_value", "session.audio.input.noise_reduction.strength"},
		{"long description", `{"type":"session.update","session":{"type":"realtime","tools":[{"type":"function","name":"f","description":"` + strings.Repeat("x", 1025) + `"}]}}`, "string_above_max_length", "session.tools[0].description"},
		{"modalities", `{"type":"session.update","session":{"type":"realtime","output_modalities":["text","audio"]}}`, "invalid_value", "session.output_modalities"},
		{"model", `{"type":"session.update","session":{"type":"realtime","model":"gpt-realtime-2"}}`, "invalid_value", "session.model"},
		{"tool without name", `{"type":"session.update","session":{"type":"realtime","tools":[{"type":"function"}]}}`, "missing_required_parameter", "session.tools[0].name"},
		{"tool strict", `{"type":"session.update","session":{"type":"realtime","tools":[{"type":"function","name":"f","strict":true}]}}`, "unknown_parameter", "session.tools[0].strict"},
		{"reasoning of a model that does not", `{"type":"session.update","session":{"type":"realtime","reasoning":{"effort":"low"}}}`, "unsupported_parameter", "session.reasoning"},
		{"transcription without model", `{"type":"session.update","session":{"type":"realtime","audio":{"input":{"transcription":{"language":"en"}}}}}`, "missing_required_parameter", "session.audio.input.transcription.model"},
		{"transcription keywords", `{"type":"session.update","session":{"type":"realtime","audio":{"input":{"transcription":{"model":"whisper-1","keywords":["x"]}}}}}`, "unsupported_parameter", "session.audio.input.transcription.keywords"},
		{"transcription languages", `{"type":"session.update","session":{"type":"realtime","audio":{"input":{"transcription":{"model":"gpt-4o-transcribe","languages":["en"]}}}}}`, "unsupported_parameter", "session.audio.input.transcription.languages"},
		{"transcription delay", `{"type":"session.update","session":{"type":"realtime","audio":{"input":{"transcription":{"model":"gpt-transcribe","delay":"low"}}}}}`, "unsupported_parameter", "session.audio.input.transcription.delay"},
		{"transcription prompt", `{"type":"session.update","session":{"type":"realtime","audio":{"input":{"transcription":{"model":"gpt-4o-transcribe-diarize","prompt":"x"}}}}}`, "unsupported_parameter", "session.audio.input.transcription.prompt"},
		{"MCP server nowhere", `{"type":"session.update","session":{"type":"realtime","tools":[{"type":"mcp","server_label":"docs"}]}}`, "missing_required_parameter", "session.tools[0].server_url"},
		{"forced tool unknown for all", `{"type":"session.update","session":{"type":"realtime","tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"function","name":"nope"}}}`, "invalid_value", "session.tool_choice"},
		{"tokens", `{"type":"session.update","session":{"type":"realtime","max_output_tokens":5000}}`, "integer_above_max_value", "session.max_output_tokens"},
		{"append without audio", `{"type":"input_audio_buffer.append"}`, "missing_required_parameter", "audio"},
		{"append no string", `{"type":"input_audio_buffer.append","audio":1}`, "invalid_type", "audio"},
		{"append nothing", `{"type":"input_audio_buffer.append","audio":""}`, "invalid_value", "audio"},
		{"item of no audio", `{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_audio","audio":""}]}}`, "invalid_value", "item.content[0].audio"},
		{"append no base64", `{"type":"input_audio_buffer.append","audio":"***"}`, "invalid_value", "audio"},
		{"append event_id no string", `{"type":"input_audio_buffer.append","audio":"","event_id":7}`, "invalid_type", "event_id"},
		{"append event_id too long", `{"type":"input_audio_buffer.append","audio":"","event_id":"` + strings.Repeat("x", 513) + `"}`, "string_above_max_length", "event_id"},
		{"append unknown", `{"type":"input_audio_buffer.append","audio":"","x":1}`, "unknown_parameter", "x"},
		{"commit empty", `{"type":"input_audio_buffer.commit"}`, "input_audio_buffer_commit_empty", ""},
		{"cancel nothing", `{"type":"response.cancel"}`, "response_cancel_not_active", ""},
		{"cancel unknown", `{"type":"response.cancel","response_id":"resp_x"}`, "response_cancel_not_active", ""},
		{"item without type", `{"type":"conversation.item.create","item":{}}`, "missing_required_parameter", "item.type"},
		{"item without role", `{"type":"conversation.item.create","item":{"type":"message","content":[]}}`, "missing_required_parameter", "item.role"},
		{"assistant audio", `{"type":"conversation.item.create","item":{"type":"message","role":"assistant","content":[{"type":"output_audio","audio":""}]}}`, "invalid_value", "item.content[0].type"},
		{"system audio", `{"type":"conversation.item.create","item":{"type":"message","role":"system","content":[{"type":"input_audio","audio":""}]}}`, "invalid_value", "item.content[0].type"},
		{"text content", `{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"text","text":"x"}]}}`, "invalid_value", "item.content[0].type"},
		{"image by URL", `{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_image","image_url":"https://example.com/a.png"}]}}`, "invalid_value", "item.content[0].image_url"},
		{"item id too long", `{"type":"conversation.item.create","item":{"id":"` + long + `","type":"message","role":"user","content":[]}}`, "string_above_max_length", "item.id"},
		{"previous unknown", `{"type":"conversation.item.create","previous_item_id":"item_x","item":{"type":"message","role":"user","content":[]}}`, "item_create_invalid_previous_item_id", ""},
		{"approval of nothing", `{"type":"conversation.item.create","item":{"type":"mcp_approval_response","approval_request_id":"mcpr_x","approve":true}}`, "invalid_value", "item.approval_request_id"},
		{"output without call", `{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"call_x","output":"1"}}`, "invalid_tool_call_id", ""},
		{"call id with slash", `{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"a/b","output":"1"}}`, "invalid_value", "item.call_id"},
		{"retrieve unknown", `{"type":"conversation.item.retrieve","item_id":"item_x"}`, "item_retrieve_invalid_item_id", ""},
		{"delete unknown", `{"type":"conversation.item.delete","item_id":"item_x"}`, "item_delete_invalid_item_id", ""},
		{"truncate unknown", `{"type":"conversation.item.truncate","item_id":"item_x","content_index":0,"audio_end_ms":0}`, "item_truncate_invalid_item_id", ""},
		{"truncate fraction", `{"type":"conversation.item.truncate","item_id":"item_x","content_index":0,"audio_end_ms":1.5}`, "invalid_type", "audio_end_ms"},
		{"response unknown", `{"type":"response.create","response":{"modalities":["text"]}}`, "unknown_parameter", "response.modalities"},
		{"response reference", `{"type":"response.create","response":{"conversation":"none","input":[{"type":"item_reference","id":"item_x"}]}}`, "invalid_value", "response.input[0].id"},
		{"forced tool unknown", `{"type":"response.create","response":{"tool_choice":{"type":"function","name":"nope"}}}`, "invalid_value", "response.tool_choice"},
		{"metadata", `{"type":"response.create","response":{"metadata":{"n":1}}}`, "invalid_type", "response.metadata.n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			(&client{t, c.ws}).refused(row.event, row.code, row.param)
		})
	}
}

func TestSpeedChangesBetweenTurnsOnly(t *testing.T) {
	_, url := start(t, standin.Options{Speed: 1})
	c := dial(t, url)
	c.next("session.created")
	c.update(`"audio":{"output":{"speed":1.25}}`)
	c.say("Tell me a long story.")
	c.send(`{"type":"response.create"}`)
	c.until("response.output_audio.delta")
	c.send(`{"type":"session.update","session":{"type":"realtime","audio":{"output":{"speed":1.5}}}}`)
	if e := c.upTo("error").Get("error"); e.Get("param").Str != "session.audio.output.speed" {
		t.Errorf("error = %s", e.Raw)
	}
	if got := c.update(`"audio":{"output":{"speed":1.25}}`).Get("session.audio.output.speed").Float(); got != 1.25 {
		t.Errorf("speed = %g", got)
	}
}

func TestModalitiesAreToldAsTheyCame(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	e := c.refused(`{"type":"session.update","session":{"type":"realtime","output_modalities":["text","audio"]}}`, "invalid_value", "session.output_modalities")
	if got := e.Get("message").Str; got != "Invalid modalities: ['text', 'audio']. Supported combinations are: ['text'] and ['audio']." {
		t.Errorf("message = %s", got)
	}
}

func TestErrorNamesClientEvent(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	if e := c.refused(`{"type":"response.cancel","event_id":"mine"}`, "response_cancel_not_active", ""); e.Get("event_id").Str != "mine" {
		t.Errorf("error.event_id = %s, want mine", e.Get("event_id").Raw)
	}
	if e := c.refused(`{"type":"response.cancel"}`, "response_cancel_not_active", ""); e.Get("event_id").Raw != "null" {
		t.Errorf("error.event_id = %s, want null", e.Get("event_id").Raw)
	}
}

func TestBinaryAndOversizeAreRefusedNotFatal(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	if err := c.ws.Write(t.Context(), websocket.MessageBinary, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if got := c.next("error").Get("error.code").Str; got != "invalid_event" {
		t.Errorf("binary: code = %q", got)
	}
	audio := base64.StdEncoding.EncodeToString(make([]byte, 15<<20+3))
	c.refused(`{"type":"input_audio_buffer.append","audio":"`+audio+`"}`, "string_above_max_length", "audio")
	c.refused(strings.Repeat(`[`, 4<<20), "invalid_json", "")
	c.update(`"instructions":"still here"`)
}

func TestRefusedUpdateChangesNothing(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.update(`"instructions":"first"`)
	c.refused(`{"type":"session.update","session":{"type":"realtime","instructions":"second","nope":1}}`, "unknown_parameter", "session.nope")
	if got := c.update(`"tool_choice":"none"`).Get("session.instructions").Str; got != "first" {
		t.Errorf("instructions = %q, want those of the update that was accepted", got)
	}
}

func TestVoiceAndTracingAreFixedOnceUsed(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.update(`"instructions":"tracing is not set yet"`)
	c.update(`"tracing":"auto","audio":{"output":{"voice":"cedar"}}`)
	c.update(`"tracing":"auto"`)
	c.refused(`{"type":"session.update","session":{"type":"realtime","tracing":null}}`, "cannot_update_tracing", "session.tracing")
	c.send(`{"type":"response.create"}`)
	c.until("rate_limits.updated")
	c.update(`"instructions":"x","audio":{"output":{"voice":"cedar"}}`)
	for _, voice := range []string{`"marin"`, `{"id":"voice_1"}`} {
		c.refused(`{"type":"session.update","session":{"type":"realtime","instructions":"y","audio":{"output":{"voice":`+voice+`}}}}`, "cannot_update_voice", "")
	}
	c.refused(`{"type":"response.create","response":{"audio":{"output":{"voice":"ash"}}}}`, "cannot_update_voice", "")
}
