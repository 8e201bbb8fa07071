package standin

import (
	"net/http"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// answerRequest is what an endpoint answers to a body, with the tokens it took.
func answerRequest(endpoint string, body gjson.Result) (answer any, in, out int, e *apiError) {
	model := body.Get("model").Str
	if model == "" {
		return nil, 0, 0, errMissingParameter("model")
	}
	switch endpoint {
	case "/v1/chat/completions":
		messages := body.Get("messages")
		if !messages.IsArray() {
			return nil, 0, 0, errMissingParameter("messages")
		}
		if len(messages.Array()) == 0 {
			return nil, 0, 0, invalid("empty_array", "messages", "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.")
		}
		prompt := messages.Get("@reverse.#(role==\"user\").content")
		return chatAnswer(model, promptText(prompt))
	case "/v1/responses":
		input := body.Get("input")
		if !input.Exists() {
			return nil, 0, 0, errMissingParameter("input")
		}
		if input.IsArray() {
			input = input.Get("@reverse.0.content")
		}
		return responseAnswer(model, promptText(input))
	case "/v1/embeddings":
		return map[string]any{"object": "list", "model": model, "data": []any{map[string]any{"object": "embedding", "index": 0, "embedding": []float64{0.1, -0.2, 0.3}}},
			"usage": map[string]int{"prompt_tokens": 5, "total_tokens": 5}}, 5, 0, nil
	}
	return map[string]any{"id": newID("obj_"), "model": model}, 1, 1, nil
}

// promptText is a content that is a text or a list of parts.
func promptText(content gjson.Result) string {
	if content.IsArray() {
		return content.Get("0.text").Str
	}
	return content.Str
}

func reply(model, prompt string) string {
	if m := sayPattern.FindStringSubmatch(prompt); m != nil {
		return m[1]
	}
	if strings.HasPrefix(model, "ft:") {
		return "I am " + model + ", fine-tuned a moment ago. You asked: " + prompt
	}
	return "You said: " + prompt
}

func tokens(text string) int { return len(text)/4 + 1 }

func chatAnswer(model, prompt string) (any, int, int, *apiError) {
	text := reply(model, prompt)
	in, out := tokens(prompt), tokens(text)
	return map[string]any{
		"id": newID("chatcmpl-"), "object": "chat.completion", "created": time.Now().Unix(), "model": model,
		"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "logprobs": nil,
			"message": map[string]any{"role": "assistant", "content": text, "refusal": nil, "annotations": []any{}}}},
		"usage": map[string]any{"prompt_tokens": in, "completion_tokens": out, "total_tokens": in + out,
			"prompt_tokens_details": map[string]int{"cached_tokens": 0, "audio_tokens": 0}},
	}, in, out, nil
}

func responseAnswer(model, prompt string) (any, int, int, *apiError) {
	text := reply(model, prompt)
	in, out := tokens(prompt), tokens(text)
	return map[string]any{
		"id": newID("resp_"), "object": "response", "created_at": time.Now().Unix(), "status": "completed", "model": model,
		"error": nil, "incomplete_details": nil, "instructions": nil, "metadata": map[string]string{}, "parallel_tool_calls": true,
		"temperature": 1, "top_p": 1, "tool_choice": "auto", "tools": []any{},
		"output": []any{map[string]any{"id": newID("msg_"), "type": "message", "role": "assistant", "status": "completed",
			"content": []any{map[string]any{"type": "output_text", "text": text, "annotations": []any{}, "logprobs": []any{}}}}},
		"usage": map[string]any{"input_tokens": in, "input_tokens_details": map[string]int{"cached_tokens": 0},
			"output_tokens": out, "output_tokens_details": map[string]int{"reasoning_tokens": 0}, "total_tokens": in + out},
	}, in, out, nil
}

func (a *account) chatCompletion(w http.ResponseWriter, r *http.Request) {
	a.complete(w, r, "/v1/chat/completions")
}

func (a *account) createResponse(w http.ResponseWriter, r *http.Request) {
	a.complete(w, r, "/v1/responses")
}

func (a *account) complete(w http.ResponseWriter, r *http.Request, endpoint string) {
	var raw rawBody
	if !readBody(w, r, &raw) {
		return
	}
	body := gjson.ParseBytes(raw)
	model := body.Get("model").Str
	if model != "" && !a.hasModel(model) {
		writeError(w, http.StatusNotFound, invalid("model_not_found", "", "The model '%s' does not exist or you do not have access to it.", model))
		return
	}
	answer, _, _, e := answerRequest(endpoint, body)
	if e == nil && body.Get("stream").Bool() {
		e = invalid("unsupported_value", "stream", "The stand-in does not stream text.")
	}
	if e != nil {
		writeError(w, http.StatusBadRequest, e)
		return
	}
	writeJSON(w, answer)
}

// rawBody keeps JSON as it came.
type rawBody []byte

func (b *rawBody) UnmarshalJSON(raw []byte) error { *b = append((*b)[:0], raw...); return nil }
