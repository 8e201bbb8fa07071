package standin

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/tidwall/gjson"
)

var responseRule = object(fields{
	"instructions": text, "tools": listOf(toolRule), "tool_choice": toolChoiceRule, "conversation": oneOf("auto", "none"),
	"input": listOf(inputItemRule), "metadata": orNullRule(metadataRule), "output_modalities": modalitiesRule,
	"audio":             object(fields{"output": object(fields{"format": formatRule, "voice": voiceRule})}),
	"max_output_tokens": maxTokensRule, "reasoning": reasoningRule, "parallel_tool_calls": boolean, "prompt": orNullRule(promptRule),
})

func metadataRule(v any, path string) *apiError {
	m, ok := v.(map[string]any)
	if !ok {
		return errType(path, "an object", v)
	}
	if len(m) > 16 {
		return invalid("object_above_max_properties", path, "Invalid '%s': too many properties. Expected an object with at most 16 properties, but got an object with %d properties instead.", path, len(m))
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if e := shortText(64)(name, path); e != nil {
			return e
		}
		if e := shortText(512)(m[name], join(path, name)); e != nil {
			return e
		}
	}
	return nil
}

// responseParams is what one response runs with: the session's settings under the event's.
type responseParams struct {
	Instructions    string
	Tools           []json.RawMessage
	ToolChoice      string // none, auto, required, or function
	ToolName        string // with function
	Parallel        bool
	Modality        string // audio or text
	Format          format
	Voice           voiceID
	Speed           float64
	MaxOutputTokens tokenLimit
	Metadata        json.RawMessage
	OutOfBand       bool
}

func (s *session) defaultParams() responseParams {
	c := &s.config
	p := responseParams{
		Instructions: c.Instructions, Tools: c.Tools, Parallel: c.Parallel == nil || *c.Parallel, Modality: c.OutputModalities[0],
		Format: c.Audio.Output.Format, Voice: c.Audio.Output.Voice, Speed: c.Audio.Output.Speed, MaxOutputTokens: c.MaxOutputTokens,
	}
	p.chooseTool(c.ToolChoice)
	return p
}

func (p *responseParams) chooseTool(raw json.RawMessage) {
	choice := gjson.ParseBytes(raw)
	p.ToolChoice, p.ToolName = choice.Str, ""
	if choice.IsObject() {
		p.ToolChoice, p.ToolName = choice.Get("type").Str, choice.Get("name").Str
	}
}

// checkChoice refuses to force a function that is not among tools; path names the choice.
func (p *responseParams) checkChoice(tools []json.RawMessage, path string) *apiError {
	if p.ToolChoice == "function" && findTool(functionsOf(tools), p.ToolName) == nil {
		return invalid("invalid_value", path, "Tool choice '%s' not found in 'tools' parameter.", p.ToolName)
	}
	return nil
}

// responseOverride is the response of a response.create.
type responseOverride struct {
	Instructions    *string           `json:"instructions"`
	Tools           []json.RawMessage `json:"tools"`
	ToolChoice      json.RawMessage   `json:"tool_choice"`
	Parallel        *bool             `json:"parallel_tool_calls"`
	Modalities      []string          `json:"output_modalities"`
	MaxOutputTokens *tokenLimit       `json:"max_output_tokens"`
	Metadata        json.RawMessage   `json:"metadata"`
	Conversation    string            `json:"conversation"`
	Audio           struct {
		Output struct {
			Format *format  `json:"format"`
			Voice  *voiceID `json:"voice"`
		} `json:"output"`
	} `json:"audio"`
}

// override applies the response of a response.create that has passed its rule.
func (p *responseParams) override(raw []byte) error {
	var over responseOverride
	if err := json.Unmarshal(raw, &over); err != nil {
		return fmt.Errorf("read response: %w", err)
	}
	set(&p.Instructions, over.Instructions)
	set(&p.Parallel, over.Parallel)
	set(&p.MaxOutputTokens, over.MaxOutputTokens)
	set(&p.Format, over.Audio.Output.Format)
	set(&p.Voice, over.Audio.Output.Voice)
	if over.Tools != nil {
		p.Tools = over.Tools
	}
	if over.ToolChoice != nil {
		p.chooseTool(over.ToolChoice)
	}
	if len(over.Modalities) > 0 {
		p.Modality = over.Modalities[0]
	}
	if string(over.Metadata) != "null" {
		p.Metadata = over.Metadata
	}
	p.OutOfBand = over.Conversation == "none"
	return nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (s *session) handleResponseCreate(members map[string]any, raw []byte) *apiError {
	if s.config.Type != kindRealtime {
		return invalid("invalid_value", "type", "Event 'response.create' is not supported in transcription sessions.")
	}
	params, items := s.defaultParams(), s.conv.items
	if body, ok := members["response"].(map[string]any); ok {
		if err := params.override([]byte(gjson.GetBytes(raw, "response").Raw)); err != nil {
			return invalid("invalid_value", "response", "Invalid response: %v", err)
		}
		if s.spoken && params.Modality == "audio" && params.Voice != s.config.Audio.Output.Voice {
			return errVoiceFixed()
		}
		if input, ok := body["input"].([]any); ok {
			var e *apiError
			if items, e = s.resolveInput(input); e != nil {
				return e
			}
		}
	}
	if e := params.checkChoice(params.Tools, "response.tool_choice"); e != nil {
		return e
	}
	if member(members, "response", "reasoning") != nil && !reasons(s.config.Model) {
		return errUnsupportedBy(s.config.Model, "response.reasoning")
	}
	if !params.OutOfBand && s.active != nil {
		return errActiveResponse(s.active.id)
	}
	s.begin(params, items)
	return nil
}

// resolveInput makes items of a response's own input.
func (s *session) resolveInput(input []any) ([]*item, *apiError) {
	items := make([]*item, 0, len(input))
	for i, v := range input {
		m := v.(map[string]any)
		if m["type"] != "item_reference" {
			items = append(items, newItem(m, s.config.Audio.Input.Format))
			continue
		}
		it := s.conv.find(m["id"].(string))
		if it == nil {
			return nil, invalid("invalid_value", fmt.Sprintf("response.input[%d].id", i), "Item with id '%s' not found.", m["id"])
		}
		items = append(items, it)
	}
	return items, nil
}

func (s *session) handleResponseCancel(members map[string]any, _ []byte) *apiError {
	r := s.active
	if id, _ := members["response_id"].(string); id != "" {
		r = s.responses[id]
	}
	if r == nil {
		return invalid("response_cancel_not_active", "", "Cancellation failed: no active response found")
	}
	r.finish(statusCancelled, &statusDetails{Type: statusCancelled, Reason: "client_cancelled"})
	return nil
}
