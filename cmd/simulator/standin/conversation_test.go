package standin_test

import (
	"encoding/base64"
	"slices"
	"testing"

	"switchboard/cmd/simulator/standin"
)

func itemCreate(id, previous, text string) string {
	return `{"type":"conversation.item.create","previous_item_id":` + previous + `,"item":{"id":"` + id +
		`","type":"message","role":"user","content":[{"type":"input_text","text":"` + text + `"}]}}`
}

func TestItemsGoWhereTheyAreSent(t *testing.T) {
	stand, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	for _, row := range []struct{ id, previous, told string }{
		{"b", "null", ""}, {"d", `"b"`, "b"}, {"a", `"root"`, ""}, {"c", `"b"`, "b"},
	} {
		c.send(itemCreate(row.id, row.previous, row.id))
		added := c.next("conversation.item.added")
		if added.Get("item.id").Str != row.id || added.Get("previous_item_id").Str != row.told {
			t.Errorf("%s: %s", row.id, added.Raw)
		}
		c.next("conversation.item.done")
	}
	var ids []string
	for _, raw := range stand.States(false)[0].Items {
		ids = append(ids, string(raw[7:8]))
	}
	if !slices.Equal(ids, []string{"a", "b", "c", "d"}) {
		t.Errorf("order = %v", ids)
	}
	c.refused(itemCreate("c", "null", "again"), "item_create_duplicate_item_id", "")
	c.send(`{"type":"conversation.item.delete","item_id":"c"}`)
	c.next("conversation.item.deleted")
	c.refused(`{"type":"conversation.item.retrieve","item_id":"c"}`, "item_retrieve_invalid_item_id", "")
}

func TestImagesAreSeen(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.send(`{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"look"},{"type":"input_image","image_url":"data:image/png;base64,iVBORw0KGgo="}]}}`)
	if got := c.next("conversation.item.added").Get("item.content.1.detail").Str; got != "auto" {
		t.Errorf("detail = %q", got)
	}
	c.send(`{"type":"response.create","response":{"output_modalities":["text"]}}`)
	done := c.upTo("response.done")
	if got := done.Get("response.output.0.content.0.text").Str; got != "You said: look I see 1 image." {
		t.Errorf("answer = %q", got)
	}
	if done.Get("response.usage.input_token_details.image_tokens").Int() == 0 {
		t.Error("the image costs nothing")
	}
}

func TestTruncate(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.say("Count to 20")
	c.send(`{"type":"response.create"}`)
	events := c.until("response.done")
	id := events[len(events)-1].Get("response.output.0.id").Str
	lengthMS := len(heard(events)) / 48
	truncate := func(item, index, end string) string {
		return `{"type":"conversation.item.truncate","item_id":"` + item + `","content_index":` + index + `,"audio_end_ms":` + end + `}`
	}
	c.next("rate_limits.updated")
	c.refused(truncate(id, "0", "999999"), "invalid_value", "")
	c.refused(truncate(id, "1", "100"), "invalid_value", "content_index")
	if lengthMS < 3000 {
		t.Fatalf("answer lasts %d ms", lengthMS)
	}
	c.send(truncate(id, "0", "1500"))
	if got := c.next("conversation.item.truncated").Get("audio_end_ms").Int(); got != 1500 {
		t.Errorf("audio_end_ms = %d", got)
	}
	c.send(`{"type":"conversation.item.retrieve","item_id":"` + id + `"}`)
	if got := c.next("conversation.item.retrieved").Get("item.content.0.transcript"); got.Str != "" {
		t.Errorf("transcript is still %q", got.Str)
	}
	c.refused(truncate(id, "0", "1501"), "invalid_value", "")
	c.send(itemCreate("typed", "null", "text"))
	c.until("conversation.item.done")
	e := c.refused(truncate("typed", "0", "0"), "unsupported_content_type", "")
	if got := e.Get("message").Str; got != "Only model output audio messages can be truncated" {
		t.Errorf("message = %q", got)
	}
}

func TestManualTurnIsCommittedAndRetrieved(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.update(`"audio":{"input":{"turn_detection":null}}`)
	audio := pcm.tone(300)
	c.append(pcm, audio)
	c.send(`{"type":"input_audio_buffer.clear"}`)
	c.next("input_audio_buffer.cleared")
	c.refused(`{"type":"input_audio_buffer.commit"}`, "input_audio_buffer_commit_empty", "")
	c.append(pcm, audio)
	c.send(`{"type":"input_audio_buffer.commit"}`)
	id := c.next("input_audio_buffer.committed").Get("item_id").Str
	if part := c.next("conversation.item.added").Get("item.content.0"); part.Raw != `{"type":"input_audio","transcript":null}` {
		t.Errorf("content = %s", part.Raw)
	}
	c.next("conversation.item.done")
	c.send(`{"type":"conversation.item.retrieve","item_id":"` + id + `"}`)
	got, err := base64.StdEncoding.DecodeString(c.next("conversation.item.retrieved").Get("item.content.0.audio").Str)
	if err != nil || !slices.Equal(got, audio) {
		t.Errorf("retrieved %d bytes (%v), sent %d", len(got), err, len(audio))
	}
	c.send(`{"type":"response.create","response":{"output_modalities":["text"]}}`)
	c.until("rate_limits.updated")
}

func TestAudioBesideTextIsRetrieved(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	half := base64.StdEncoding.EncodeToString(pcm.tone(100))
	c.send(`{"type":"conversation.item.create","item":{"id":"mixed","type":"message","role":"user","content":[{"type":"input_text","text":"hear this"},` +
		`{"type":"input_audio","audio":"` + half + `"},{"type":"input_audio","audio":"` + half + `"}]}}`)
	c.until("conversation.item.done")
	c.send(`{"type":"conversation.item.retrieve","item_id":"mixed"}`)
	got, err := base64.StdEncoding.DecodeString(c.next("conversation.item.retrieved").Get("item.content.1.audio").Str)
	if err != nil || len(got) != 200*48 {
		t.Errorf("retrieved %d bytes (%v), want 200 ms", len(got), err)
	}
}

func TestMCPServerListsNoTools(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.update(`"tools":[{"type":"mcp","server_label":"docs","server_url":"https://mcp.invalid/"}]`)
	for _, name := range []string{"conversation.item.added", "mcp_list_tools.in_progress", "mcp_list_tools.completed", "conversation.item.done"} {
		c.next(name)
	}
}
