package standin_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
	"pgregory.net/rapid"

	"switchboard/cmd/simulator/standin"
)

// somebody draws client events, good and bad ones, about the items that are known by now.
type somebody struct {
	rt    *rapid.T
	audio testFormat
	items []string // in the order of the conversation, as the events told
	open  map[string]bool
	calls []string
}

func (p *somebody) pick(label string, from ...string) string {
	return rapid.SampledFrom(from).Draw(p.rt, label)
}

// known is an item, rather a late one, or one that there is not.
func (p *somebody) known() string {
	choice := append([]string{"item_none"}, p.items...)
	slices.Reverse(choice)
	return rapid.SampledFrom(choice).Draw(p.rt, "item")
}

func (p *somebody) event() string {
	ms := rapid.IntRange(1, 900).Draw(p.rt, "ms")
	number := func(label string) string { return fmt.Sprint(rapid.IntRange(-1, 2000).Draw(p.rt, label)) }
	switch p.pick("event", "append", "append", "append", "commit", "clear", "text", "text", "respond", "respond", "cancel", "truncate", "delete", "retrieve", "update", "output", "odd") {
	case "append":
		sound := p.audio.silence(ms)
		if rapid.Bool().Draw(p.rt, "loud") {
			sound = p.audio.tone(ms)
		}
		return `{"type":"input_audio_buffer.append","audio":"` + base64.StdEncoding.EncodeToString(sound) + `"}`
	case "commit":
		return `{"type":"input_audio_buffer.commit"}`
	case "clear":
		return `{"type":"input_audio_buffer.clear"}`
	case "text":
		text := p.pick("text", "hello", "call get_time", "use the get_weather tool", "think aloud and call get_time", "Count to 20", "what did I say")
		return `{"type":"conversation.item.create","previous_item_id":` + p.pick("previous", "null", `"root"`, `"`+p.known()+`"`) +
			`,"item":{"type":"message","role":"` + p.pick("role", "user", "system") + `","content":[{"type":"input_text","text":"` + text + `"}]}}`
	case "respond":
		return `{"type":"response.create","response":` + p.pick("response", "null", `{"output_modalities":["text"]}`, `{"conversation":"none","metadata":{"a":"b"}}`,
			`{"tool_choice":"required"}`, `{"tool_choice":{"type":"function","name":"get_time"}}`, `{"max_output_tokens":3}`, `{"audio":{"output":{"format":{"type":"audio/pcmu"}}}}`,
			`{"input":[{"type":"item_reference","id":"`+p.known()+`"}]}`) + `}`
	case "cancel":
		return `{"type":"response.cancel"}`
	case "truncate":
		return `{"type":"conversation.item.truncate","item_id":"` + p.known() + `","content_index":` + p.pick("index", "0", "1") + `,"audio_end_ms":` + number("end") + `}`
	case "delete":
		return `{"type":"conversation.item.delete","item_id":"` + p.known() + `"}`
	case "retrieve":
		return `{"type":"conversation.item.retrieve","item_id":"` + p.known() + `"}`
	case "output":
		call := rapid.SampledFrom(append(slices.Clone(p.calls), "call_none")).Draw(p.rt, "call")
		return `{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"` + call + `","output":"ok"}}`
	case "update":
		return `{"type":"session.update","session":{"type":"realtime",` + p.pick("change", weatherTool, `"tools":[]`, `"tool_choice":"required"`, `"output_modalities":["text"]`,
			`"audio":{"output":{"voice":"cedar"}}`, `"audio":{"output":{"speed":1.5}}`, `"audio":{"output":{"format":{"type":"audio/pcma"}}}`, `"tracing":"auto"`, `"max_output_tokens":"inf"`,
			`"audio":{"input":{"turn_detection":null}}`, `"audio":{"input":{"turn_detection":{"type":"semantic_vad","eagerness":"high"}}}`, `"nope":1`,
			`"audio":{"input":{"transcription":{"model":"whisper-1"},"turn_detection":{"type":"server_vad","interrupt_response":false}}}`, `"include":null`) + `}}`
	}
	return p.pick("odd", `{"type":`, `[]`, `{"type":"nope"}`, `{"type":"response.create","response":7}`, `{"type":"conversation.item.create","item":null}`, `{"type":"session.update"}`)
}

// hear follows what the stand-in sends; it reports whether the end marker came.
func (p *somebody) hear(event gjson.Result) (marked bool) {
	id := event.Get("item.id").Str
	switch event.Get("type").Str {
	case "conversation.item.added":
		at := 0
		if previous := event.Get("previous_item_id").Str; previous != "" {
			if at = slices.Index(p.items, previous) + 1; at == 0 {
				p.rt.Errorf("%s behind %s, which there is not", id, previous)
			}
		}
		p.items = slices.Insert(p.items, at, id)
	case "conversation.item.deleted":
		p.items = slices.DeleteFunc(p.items, func(x string) bool { return x == event.Get("item_id").Str })
	case "response.function_call_arguments.done":
		p.calls = append(p.calls, event.Get("call_id").Str)
	case "response.created":
		p.open[event.Get("response.id").Str] = true
	case "response.done":
		if id := event.Get("response.id").Str; !p.open[id] {
			p.rt.Errorf("response %s ends, but did not begin or has ended", id)
		}
		delete(p.open, event.Get("response.id").Str)
	case "session.updated":
		return event.Get("session.instructions").Str == "the end"
	}
	return false
}

// Whatever comes, all that is sent is valid (start sees to that), every response ends once,
// and who follows the events knows the conversation.
func TestRandomSessions(t *testing.T) {
	stand, url := start(t, standin.Options{Speed: 500})
	rapid.Check(t, func(rt *rapid.T) {
		c := dial(t, url)
		defer c.ws.CloseNow()
		id := c.next("session.created").Get("session.id").Str
		p := &somebody{rt: rt, audio: rapid.SampledFrom(testFormats).Draw(rt, "format"), open: map[string]bool{}}
		c.update(`"audio":{"input":{"format":` + p.audio.json + `}},` + weatherTool)
		for range rapid.IntRange(1, 25).Draw(rt, "events") {
			c.send(p.event())
			if rapid.Bool().Draw(rt, "wait") {
				p.answered(c)
			}
		}
		c.send(`{"type":"session.update","session":{"type":"realtime","instructions":"the end"}}`)
		for marked := false; !marked || len(p.open) > 0; {
			event, err := c.read()
			if err != nil {
				rt.Fatalf("open responses %v: %v", p.open, err)
			}
			marked = p.hear(event) || marked
		}
		state, _ := stand.State(id)
		var kept []string
		for _, it := range state.Items {
			kept = append(kept, gjson.GetBytes(it, "id").Str)
		}
		if !slices.Equal(kept, p.items) || state.ActiveResponse != "" {
			rt.Errorf("events tell of %s\nthe stand-in has %s (active %q)", strings.Join(p.items, " "), strings.Join(kept, " "), state.ActiveResponse)
		}
	})
}

// answered reads until what was sent so far has been acted on.
func (p *somebody) answered(c *client) {
	c.send(`{"type":"conversation.item.retrieve","event_id":"sync","item_id":"item_sync"}`)
	for {
		event, err := c.read()
		if err != nil {
			p.rt.Fatal(err)
		}
		if p.hear(event); event.Get("error.event_id").Str == "sync" {
			return
		}
	}
}
