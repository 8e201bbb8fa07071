package standin

import (
	"fmt"
	"math"
	"strings"
)

var voices = []string{"alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"}

var formatRule = union("type", map[string]rule{
	"audio/pcm":  object(fields{"type": text, "rate": integer(24000, 24000)}, "rate"), // live, though the schema says that it may be left out
	"audio/pcmu": object(fields{"type": text}),
	"audio/pcma": object(fields{"type": text}),
})

var turnDetectionRule = union("type", map[string]rule{
	"server_vad": object(fields{
		"type": text, "threshold": decimal(0, 1), "prefix_padding_ms": integer(0, math.MaxInt32), "silence_duration_ms": integer(0, math.MaxInt32),
		"create_response": boolean, "interrupt_response": boolean, "idle_timeout_ms": orNullRule(integer(5000, 30000)),
	}),
	"semantic_vad": object(fields{
		"type": text, "eagerness": oneOf("low", "medium", "high", "auto"), "create_response": boolean, "interrupt_response": boolean,
	}),
})

var inputRule = object(fields{
	"format": formatRule,
	"transcription": orNullRule(object(fields{
		"model": oneOf(transcriptionModels...), "language": orNullRule(text), "languages": listOf(text), "keywords": listOf(text),
		"prompt": orNullRule(text), "delay": oneOf("minimal", "low", "medium", "high", "xhigh"),
	})),
	"noise_reduction": orNullRule(object(fields{"type": oneOf("near_field", "far_field"), "strength": decimal(0, math.MaxFloat64)})),
	"turn_detection":  orNullRule(turnDetectionRule),
})

var outputRule = object(fields{"format": formatRule, "voice": voiceRule, "speed": decimal(0.25, 1.5)})

func voiceRule(v any, path string) *apiError {
	if m, ok := v.(map[string]any); ok {
		return object(fields{"id": text}, "id")(m, path)
	}
	return oneOf(voices...)(v, path)
}

var toolRule = union("type", map[string]rule{
	"function": object(fields{"type": text, "name": identifier(64), "description": orNullRule(shortText(descriptionLimit)), "parameters": orNullRule(freeObject)}, "name"),
	"mcp":      mcpToolRule,
})

// descriptionLimit is the length of a function's description that the live API takes.
const descriptionLimit = 1024

// mcpToolRule wants to be told where the server is.
func mcpToolRule(v any, path string) *apiError {
	if e := object(fields{
		"type": text, "server_label": identifier(64), "server_url": text, "connector_id": text, "tunnel_id": text, "authorization": orNullRule(text),
		"headers": orNullRule(freeObject), "allowed_tools": anything, "require_approval": anything, "server_description": text,
		"defer_loading": boolean, "allowed_callers": anything,
	}, "server_label")(v, path); e != nil {
		return e
	}
	for _, where := range []string{"server_url", "connector_id", "tunnel_id"} {
		if member(v, where) != nil {
			return nil
		}
	}
	return errMissingParameter(join(path, "server_url"))
}

func toolChoiceRule(v any, path string) *apiError {
	if _, ok := v.(string); ok {
		return oneOf("none", "auto", "required")(v, path)
	}
	return union("type", map[string]rule{
		"function": object(fields{"type": text, "name": text}, "name"),
		"mcp":      object(fields{"type": text, "server_label": text, "name": orNullRule(text)}, "server_label"),
	})(v, path)
}

func maxTokensRule(v any, path string) *apiError {
	if s, ok := v.(string); ok {
		if s != "inf" {
			return errUnsupported(path, s, []string{"inf"})
		}
		return nil
	}
	return integer(1, 4096)(v, path)
}

func modalitiesRule(v any, path string) *apiError {
	if e := listOf(oneOf("text", "audio"))(v, path); e != nil {
		return e
	}
	if list := v.([]any); len(list) != 1 {
		var asked []string
		for _, modality := range list {
			asked = append(asked, fmt.Sprintf("'%s'", modality))
		}
		return invalid("invalid_value", path, "Invalid modalities: [%s]. Supported combinations are: ['text'] and ['audio'].", strings.Join(asked, ", "))
	}
	return nil
}

func tracingRule(v any, path string) *apiError {
	if _, ok := v.(string); ok {
		return oneOf("auto")(v, path)
	}
	return object(fields{"workflow_name": text, "group_id": text, "metadata": freeObject})(v, path)
}

func truncationRule(v any, path string) *apiError {
	if _, ok := v.(string); ok {
		return oneOf("auto", "disabled")(v, path)
	}
	return object(fields{
		"type": oneOf("retention_ratio"), "retention_ratio": decimal(0, 1),
		"token_limits": object(fields{"post_instructions": integer(0, math.MaxInt32)}),
	}, "type", "retention_ratio")(v, path)
}

var (
	promptRule    = object(fields{"id": text, "version": orNullRule(text), "variables": orNullRule(freeObject)}, "id")
	reasoningRule = object(fields{"effort": oneOf("minimal", "low", "medium", "high", "xhigh")})
	includeRule   = orNullRule(listOf(oneOf("item.input_audio_transcription.logprobs")))
)

// sessionRule checks the session of a session.update or of a client secret.
var sessionRule = union("type", map[string]rule{
	kindRealtime: object(fields{
		"type": text, "model": text, "instructions": text, "output_modalities": modalitiesRule,
		"audio": object(fields{"input": inputRule, "output": outputRule}), "tools": listOf(toolRule), "tool_choice": toolChoiceRule,
		"parallel_tool_calls": boolean, "reasoning": reasoningRule, "max_output_tokens": maxTokensRule, "include": includeRule,
		"tracing": orNullRule(tracingRule), "truncation": truncationRule, "prompt": orNullRule(promptRule),
	}),
	kindTranscription: object(fields{"type": text, "audio": object(fields{"input": inputRule}), "include": includeRule}),
})

// checkConfig holds what only the merged configuration can break.
func (c *config) checkConfig() *apiError {
	in := c.Audio.Input
	if t := in.Transcription; t != nil {
		if e := t.check("session.audio.input.transcription"); e != nil {
			return e
		}
		if c.Type == kindTranscription && t.Model == "gpt-realtime-whisper" && in.TurnDetection != nil {
			return invalid("invalid_value", "session.audio.input.turn_detection", "Turn detection is not supported with gpt-realtime-whisper; set it to null and commit the buffer yourself.")
		}
	}
	if n := in.NoiseReduction; n != nil && n.Type == "" {
		return errMissingParameter("session.audio.input.noise_reduction.type")
	}
	if len(c.Reasoning) > 0 && !reasons(c.Model) {
		return errUnsupportedBy(c.Model, "session.reasoning")
	}
	var p responseParams
	p.chooseTool(c.ToolChoice)
	return p.checkChoice(c.Tools, "session.tool_choice")
}

// check holds the members against what the transcription model is documented to take.
func (t *transcription) check(path string) *apiError {
	listens := t.Model == "gpt-transcribe" || t.Model == "gpt-live-transcribe"
	switch {
	case t.Model == "":
		return errMissingParameter(path + ".model")
	case t.Languages != nil && !listens:
		return errUnsupportedBy(t.Model, path+".languages")
	case t.Keywords != nil && !listens:
		return errUnsupportedBy(t.Model, path+".keywords")
	case t.Delay != "" && t.Model != "gpt-realtime-whisper":
		return errUnsupportedBy(t.Model, path+".delay")
	case t.Prompt != nil && (t.Model == "gpt-realtime-whisper" || t.Model == "gpt-4o-transcribe-diarize"):
		return errUnsupportedBy(t.Model, path+".prompt")
	}
	return nil
}
