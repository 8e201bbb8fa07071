package standin_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"switchboard/cmd/simulator/standin"
)

const weatherTool = `"tools":[{"type":"function","name":"get_weather","description":"weather","parameters":{"type":"object",` +
	`"properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":2}},"required":["city","days"]}},{"type":"function","name":"get_time"}]`

func TestToolCallAndItsOutput(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.update(`"output_modalities":["text"],` + weatherTool)
	c.say(`Please use the get_weather tool with {"city":"Paris","days":3}.`)
	c.send(`{"type":"response.create"}`)
	events := c.until("rate_limits.updated")
	done := find(events, "response.function_call_arguments.done")
	if done.Get("name").Str != "get_weather" || done.Get("arguments").Str != `{"city":"Paris","days":3}` {
		t.Errorf("call = %s", done.Raw)
	}
	call := find(events, "response.done").Get("response.output.0")
	if call.Get("type").Str != "function_call" || call.Get("status").Str != "completed" || call.Get("call_id").Str != done.Get("call_id").Str {
		t.Errorf("output item = %s", call.Raw)
	}
	c.send(`{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"` + call.Get("call_id").Str + `","output":"rain"}}`)
	c.until("conversation.item.done")
	c.send(`{"type":"response.create"}`)
	answer := c.upTo("response.done").Get("response.output.0.content.0.text").Str
	if answer != "The get_weather tool says: rain" {
		t.Errorf("answer = %q", answer)
	}
}

func TestToolChoice(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.update(`"output_modalities":["text"],` + weatherTool)
	for _, row := range []struct{ name, text, choice, want string }{
		{"auto, not asked", "hello", `"auto"`, ""},
		{"none, asked", "call get_time", `"none"`, ""},
		{"required", "hello", `"required"`, "get_weather"},
		{"forced", "hello", `{"type":"function","name":"get_time"}`, "get_time"},
		{"both", "call get_time and get_weather", `"auto"`, "get_weather get_time"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := &client{t, c.ws}
			c.say(row.text)
			c.send(`{"type":"response.create","response":{"tool_choice":` + row.choice + `}}`)
			var names []string
			for _, call := range c.upTo("response.done").Get(`response.output.#(type=="function_call")#.name`).Array() {
				names = append(names, call.Str)
			}
			c.next("rate_limits.updated")
			if got := strings.Join(names, " "); got != row.want {
				t.Errorf("called %q, want %q", got, row.want)
			}
		})
	}
}

// A reasoning model may say a message ahead of its answer or of its calls.
func TestResponsesMayHaveSeveralItems(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.update(weatherTool)
	for _, row := range []struct{ ask, modality, want string }{
		{"Think aloud, please.", "text", "message message"},
		{"Think aloud, please.", "audio", "message message"},
		{"Think aloud, then call get_time and get_weather.", "audio", "message function_call function_call"},
	} {
		c.say(row.ask)
		c.send(`{"type":"response.create","response":{"output_modalities":["` + row.modality + `"]}}`)
		events := c.until("response.done")
		var kinds []string
		for index, it := range events[len(events)-1].Get("response.output").Array() {
			kinds = append(kinds, it.Get("type").Str)
			if done := find(events, "response.output_item.done"); index == 0 && done.Get("output_index").Int() != 0 {
				t.Errorf("first item done: %s", done.Raw)
			}
		}
		if got := strings.Join(kinds, " "); got != row.want {
			t.Errorf("%s: %s, want %s", row.ask, got, row.want)
		}
		c.next("rate_limits.updated")
	}
}

func TestOneResponseAtATimeButOutOfBandOnes(t *testing.T) {
	_, url := start(t, standin.Options{Speed: 1})
	c := dial(t, url)
	c.next("session.created")
	c.say("Tell me a long story.")
	c.send(`{"type":"response.create"}`)
	first := c.next("response.created").Get("response.id").Str
	c.send(`{"type":"response.create","event_id":"second"}`)
	events := c.until("error")
	e := events[len(events)-1].Get("error")
	if e.Get("code").Str != "conversation_already_has_active_response" || e.Get("event_id").Str != "second" || !strings.Contains(e.Get("message").Str, first) {
		t.Errorf("error = %s", e.Raw)
	}
	c.send(`{"type":"response.create","response":{"conversation":"none","output_modalities":["text"],"metadata":{"topic":"side"},` +
		`"instructions":"Say \"aside\"","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"x"}]}]}}`)
	var done gjson.Result
	for done.Get("response.metadata.topic").Str != "side" {
		done = c.upTo("response.done")
	}
	if r := done.Get("response"); r.Get("conversation_id").Raw != "null" || r.Get("output.0.content.0.text").Str != "aside" {
		t.Errorf("out-of-band response = %s", r.Raw)
	}
	c.send(`{"type":"response.cancel","response_id":"` + first + `"}`)
	done = c.upTo("response.done")
	if got := done.Get("response.status_details").Raw; got != `{"type":"cancelled","reason":"client_cancelled"}` {
		t.Errorf("status_details = %s", got)
	}
	item := done.Get("response.output.0")
	c.send(`{"type":"conversation.item.retrieve","item_id":"` + item.Get("id").Str + `"}`)
	if got := c.upTo("conversation.item.retrieved").Get("item.status").Str; got != "incomplete" {
		t.Errorf("cancelled item has status %q", got)
	}
}

func TestSpeechInterrupts(t *testing.T) {
	stand, url := start(t, standin.Options{Speed: 1})
	c := dial(t, url)
	c.next("session.created")
	c.say("Tell me a long story.")
	c.send(`{"type":"response.create"}`)
	first := c.upTo("response.output_audio.delta").Get("response_id").Str
	c.append(pcm, pcm.tone(400))
	events := c.until("response.done")
	done := events[len(events)-1].Get("response")
	if done.Get("id").Str != first || done.Get("status_details.reason").Str != "turn_detected" {
		t.Errorf("interrupted response = %s", done.Raw)
	}
	for _, name := range []string{"input_audio_buffer.speech_started", "response.output_audio.done", "response.output_audio_transcript.done", "response.content_part.done", "conversation.item.done", "response.output_item.done"} {
		if !find(events, name).Exists() {
			t.Errorf("no %s in %v", name, types(events))
		}
	}
	if said := done.Get("output.0.content.0.transcript").Str; strings.Contains(said, "taken turns") {
		t.Errorf("transcript was not cut: %q", said)
	}
	c.append(pcm, pcm.silence(700))
	next := c.upTo("response.created").Get("response.id").Str
	if next == first || stand.States(false)[0].ActiveResponse != next {
		t.Errorf("turn did not get a response of its own")
	}
}

// An update that leaves the turn detection alone does not lose the speech that is going on.
func TestSpeechSurvivesAnUpdate(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.append(pcm, pcm.tone(400))
	id := c.next("input_audio_buffer.speech_started").Get("item_id").Str
	c.update(`"instructions":"Say \"all heard\""`)
	c.append(pcm, pcm.silence(700))
	if got := c.upTo("input_audio_buffer.committed").Get("item_id").Str; got != id {
		t.Errorf("committed %s, began %s", got, id)
	}
	if got := c.upTo("response.output_audio_transcript.done").Get("transcript").Str; got != "all heard" {
		t.Errorf("answer = %q", got)
	}
	c.until("rate_limits.updated")
}

func TestWithoutInterruptTheTurnFindsTheResponseActive(t *testing.T) {
	_, url := start(t, standin.Options{Speed: 1})
	c := dial(t, url)
	c.next("session.created")
	c.update(`"audio":{"input":{"turn_detection":{"type":"server_vad","interrupt_response":false}}}`)
	c.say("Tell me a long story.")
	c.send(`{"type":"response.create"}`)
	c.until("response.output_audio.delta")
	c.speak(pcm, 300)
	if e := c.upTo("error").Get("error"); e.Get("code").Str != "conversation_already_has_active_response" || e.Get("event_id").Raw != "null" {
		t.Errorf("error = %s", e.Raw)
	}
}

func TestMaxOutputTokensEndsIncomplete(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.say("Tell me a long story.")
	for _, modality := range []string{"text", "audio"} {
		c.send(`{"type":"response.create","response":{"max_output_tokens":20,"output_modalities":["` + modality + `"]}}`)
		r := c.upTo("response.done").Get("response")
		if r.Get("status").Str != "incomplete" || r.Get("status_details.reason").Str != "max_output_tokens" || r.Get("output.0.status").Str != "incomplete" {
			t.Errorf("%s: %s", modality, r.Raw)
		}
		if n := r.Get("usage.output_tokens").Int(); n < 20 || n > 30 {
			t.Errorf("%s: %d output tokens, want about 20", modality, n)
		}
	}
}

func TestUsageAddsUpGrowsAndIsCached(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.update(`"instructions":"` + strings.Repeat("be kind ", 100) + `"`)
	var before int64
	for turn := range 3 {
		c.say("and another thing")
		c.send(`{"type":"response.create"}`)
		u := c.upTo("response.done").Get("response.usage")
		in, out := u.Get("input_token_details"), u.Get("output_token_details")
		if in.Get("text_tokens").Int()+in.Get("audio_tokens").Int()+in.Get("image_tokens").Int() != u.Get("input_tokens").Int() ||
			out.Get("text_tokens").Int()+out.Get("audio_tokens").Int() != u.Get("output_tokens").Int() ||
			u.Get("input_tokens").Int()+u.Get("output_tokens").Int() != u.Get("total_tokens").Int() {
			t.Errorf("usage does not add up: %s", u.Raw)
		}
		if n := u.Get("input_tokens").Int(); n <= before {
			t.Errorf("context did not grow: %d behind %d", n, before)
		} else {
			before = n
		}
		if cached := in.Get("cached_tokens").Int(); (cached > 0) != (turn > 0) {
			t.Errorf("turn %d: %d cached tokens", turn, cached)
		}
	}
}

func TestAnswersKnowTheConversation(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.update(`"instructions":"You work at a bakery."`)
	for _, row := range []struct{ ask, want string }{
		{"My name is Ada.", "You said: My name is Ada."},
		{"What is my name?", "Your name is Ada."},
		{"What are your instructions?", "My instructions are: You work at a bakery."},
		{`Say exactly "good morning"`, "good morning"},
		{"Count to 5", "1, 2, 3, 4, 5."},
	} {
		if got := c.ask(row.ask); got != row.want {
			t.Errorf("%s: %q, want %q", row.ask, got, row.want)
		}
	}
}

func TestInventedArgumentsObeyTheSchema(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	schema := `{"type":"object","$defs":{"point":{"type":"object","properties":{"x":{"type":"number","exclusiveMinimum":4},"next":{"$ref":"#/$defs/point"}}}},"properties":{` +
		`"unit":{"enum":["celsius","kelvin"]},"when":{"type":"string","format":"date"},"tags":{"type":"array","minItems":2,"items":{"type":"string","maxLength":3}},` +
		`"many":{"anyOf":[{"type":"integer","multipleOf":7},{"type":"null"}]},"at":{"$ref":"#/$defs/point"},"both":{"allOf":[{"type":"object","properties":{"a":{"type":"boolean"}}},{"properties":{"b":{"const":9}}}]}}}`
	c.update(`"tools":[{"type":"function","name":"plot","parameters":` + schema + `}],"tool_choice":"required"`)
	c.send(`{"type":"response.create"}`)
	arguments := c.upTo("response.function_call_arguments.done").Get("arguments").Str
	if !json.Valid([]byte(arguments)) {
		t.Fatalf("arguments = %s", arguments)
	}
	for path, want := range map[string]string{
		"unit": `"celsius"`, "when": `"2026-11-23"`, "tags": `["exa","exa"]`, "many": "7", "at.x": "5", "both": `{"a":true,"b":9}`,
	} {
		if got := gjson.Get(arguments, path).Raw; got != want {
			t.Errorf("%s = %s, want %s", path, got, want)
		}
	}
}
