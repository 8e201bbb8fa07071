package standin

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

const (
	statusInProgress = "in_progress"
	statusCompleted  = "completed"
	statusIncomplete = "incomplete"
	statusCancelled  = "cancelled"
	statusFailed     = "failed"
)

// item is one entry of the conversation. What it looks like on the wire is up to its
// type: see MarshalJSON. Items on the wire have no "object", as live.
type item struct {
	ID, Type, Status, Role string
	Content                []part
	CallID, Name           string
	Arguments, Output      string
	phase                  string          // of what a reasoning model says: commentary or final_answer
	raw                    json.RawMessage // of an mcp_* item, told back as it came

	audio     []byte // user audio for conversation.item.retrieve, while it is kept
	audioMS   int    // user audio, or assistant audio generated and not cut off
	format    format
	truncated bool
	generated bool // by a response, with audio, so that it can be truncated
	parts     int  // content parts that have begun
}

// part is one content part of a message. Text has "text"; audio "transcript", which is
// null until there is one.
type part struct {
	Type       string
	Text       string
	Transcript *string
	ImageURL   string
	Detail     string
	Audio      string // base64, in conversation.item.retrieved only
}

func (p part) MarshalJSON() ([]byte, error) {
	switch p.Type {
	case "input_audio", "output_audio":
		return marshal(struct {
			Type       string  `json:"type"`
			Transcript *string `json:"transcript"`
			Audio      string  `json:"audio,omitempty"`
		}{p.Type, p.Transcript, p.Audio})
	case "input_image":
		return marshal(struct {
			Type     string `json:"type"`
			ImageURL string `json:"image_url"`
			Detail   string `json:"detail"`
		}{p.Type, p.ImageURL, p.Detail})
	}
	return marshal(struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}{p.Type, p.Text})
}

func (it *item) MarshalJSON() ([]byte, error) {
	switch it.Type {
	case "message":
		content := it.Content
		if content == nil {
			content = []part{}
		}
		return marshal(struct {
			ID      string `json:"id"`
			Type    string `json:"type"`
			Status  string `json:"status"`
			Role    string `json:"role"`
			Content []part `json:"content"`
			Phase   string `json:"phase,omitempty"`
		}{it.ID, it.Type, it.Status, it.Role, content, it.phase})
	case "function_call":
		return marshal(struct {
			ID        string `json:"id"`
			Type      string `json:"type"`
			Status    string `json:"status"`
			Name      string `json:"name"`
			CallID    string `json:"call_id"`
			Arguments string `json:"arguments"`
		}{it.ID, it.Type, it.Status, it.Name, it.CallID, it.Arguments})
	case "function_call_output":
		return marshal(struct {
			ID     string `json:"id"`
			Type   string `json:"type"`
			CallID string `json:"call_id"`
			Output string `json:"output"`
		}{it.ID, it.Type, it.CallID, it.Output}) // without a status, as live
	}
	return it.raw, nil
}

// text is what the item says, to a reader: its texts and transcripts.
func (it *item) text() string {
	var words []string
	for _, p := range it.Content {
		switch {
		case p.Text != "":
			words = append(words, p.Text)
		case p.Transcript != nil && *p.Transcript != "":
			words = append(words, *p.Transcript)
		}
	}
	return strings.Join(words, " ")
}

func (it *item) images() int {
	n := 0
	for _, p := range it.Content {
		if p.Type == "input_image" {
			n++
		}
	}
	return n
}

// retrieved is the item with its audio, as conversation.item.retrieved tells it.
func (it *item) retrieved() *item {
	if len(it.audio) == 0 {
		return it
	}
	whole := *it
	whole.Content = slices.Clone(it.Content)
	at := slices.IndexFunc(whole.Content, func(p part) bool { return p.Type == "input_audio" })
	whole.Content[at].Audio = base64.StdEncoding.EncodeToString(it.audio)
	return &whole
}

// itemIDLimit is the length the live API allows for ids that clients choose.
const itemIDLimit = 32

var itemBase = fields{
	"type": text, "id": identifier(itemIDLimit), "object": oneOf("realtime.item"),
	"status": oneOf(statusCompleted, statusIncomplete, statusInProgress),
}

func itemFields(more fields) fields {
	all := fields{}
	for _, f := range []fields{itemBase, more} {
		for name, r := range f {
			all[name] = r
		}
	}
	return all
}

func messageRule(parts map[string]rule) rule {
	return object(itemFields(fields{"role": text, "content": listOf(union("type", parts))}), "content")
}

var inputText = object(fields{"type": text, "text": text}, "text")

// itemRule checks the item of a conversation.item.create.
var itemRule = union("type", itemKinds)

// inputItemRule checks an entry of a response's input, which may point at an item.
var inputItemRule = func() rule {
	kinds := maps.Clone(itemKinds)
	kinds["item_reference"] = object(fields{"type": text, "id": text}, "id")
	return union("type", kinds)
}()

var itemKinds = map[string]rule{
	"message": union("role", map[string]rule{
		"system": messageRule(map[string]rule{"input_text": inputText}),
		"user": messageRule(map[string]rule{
			"input_text":  inputText,
			"input_audio": object(fields{"type": text, "audio": base64Audio, "transcript": orNullRule(text)}, "audio"),
			"input_image": object(fields{"type": text, "image_url": imageRule, "detail": oneOf("auto", "low", "high")}, "image_url"),
		}),
		"assistant": messageRule(map[string]rule{"output_text": inputText}),
	}),
	"function_call":         object(itemFields(fields{"name": identifier(64), "call_id": identifier(itemIDLimit), "arguments": text}), "name", "arguments"),
	"function_call_output":  object(itemFields(fields{"call_id": identifier(itemIDLimit), "output": text}), "call_id", "output"),
	"mcp_approval_response": object(itemFields(fields{"approval_request_id": text, "approve": boolean, "reason": orNullRule(text)}), "approval_request_id", "approve"),
	"mcp_list_tools":        object(itemFields(fields{"server_label": text, "tools": listOf(freeObject)}), "server_label", "tools"),
	"mcp_call": object(itemFields(fields{
		"server_label": text, "name": text, "arguments": text, "approval_request_id": orNullRule(text), "output": orNullRule(text), "error": anything,
	}), "server_label", "name", "arguments"),
	"mcp_approval_request": object(itemFields(fields{"server_label": text, "name": text, "arguments": text}), "server_label", "name", "arguments"),
}

func imageRule(v any, path string) *apiError {
	s, ok := v.(string)
	if !ok {
		return errType(path, "a string", v)
	}
	for _, kind := range []string{"data:image/png;base64,", "data:image/jpeg;base64,"} {
		if data, ok := strings.CutPrefix(s, kind); ok {
			if _, err := base64.StdEncoding.DecodeString(data); err == nil && data != "" {
				return nil
			}
		}
	}
	return invalid("invalid_value", path, "Invalid '%s'. Expected a base64-encoded data URL with an image MIME type of image/png or image/jpeg.", path)
}

// newItem builds the item that v, which has passed itemRule, describes.
func newItem(v map[string]any, f format) *item {
	get := func(m map[string]any, name string) string { s, _ := m[name].(string); return s }
	it := &item{
		ID: get(v, "id"), Type: get(v, "type"), Status: statusCompleted, Role: get(v, "role"), CallID: get(v, "call_id"),
		Name: get(v, "name"), Arguments: get(v, "arguments"), Output: get(v, "output"), format: f,
	}
	if it.ID == "" {
		it.ID = newID("item_")
	}
	if it.Type == "function_call" && it.CallID == "" {
		it.CallID = newID("call_")
	}
	content, _ := v["content"].([]any)
	for _, c := range content {
		it.addPart(c.(map[string]any))
	}
	if strings.HasPrefix(it.Type, "mcp_") {
		v["id"] = it.ID
		// Decoded JSON always encodes.
		it.raw, _ = json.Marshal(v)
	}
	return it
}

func (it *item) addPart(c map[string]any) {
	get := func(name string) string { s, _ := c[name].(string); return s }
	p := part{Type: get("type"), Text: get("text"), ImageURL: get("image_url"), Detail: get("detail")}
	if p.Type == "input_image" && p.Detail == "" {
		p.Detail = "auto"
	}
	if t, ok := c["transcript"].(string); ok {
		p.Transcript = &t
	}
	if p.Type == "input_audio" {
		// itemRule has decoded it once. Audio in several parts is told in the first.
		audio, _ := base64.StdEncoding.DecodeString(get("audio"))
		it.audio = append(it.audio, audio...)
		it.audioMS = len(it.audio) / it.format.bytesPerMS()
	}
	it.Content = append(it.Content, p)
}
