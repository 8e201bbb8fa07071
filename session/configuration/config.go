package configuration

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"switchboard/session"
	"switchboard/session/realtime"
)

// shortForm maps the fields of a configuration's short form to where the GA session
// object has them. The names are those of the GA object's leaves and, where they
// differ, those that the API had before.
var shortForm = map[string]string{
	"instructions":      "instructions",
	"tools":             "tools",
	"tool_choice":       "tool_choice",
	"output_modalities": "output_modalities",
	"modalities":        "output_modalities",
	"max_output_tokens": "max_output_tokens",

	"max_response_output_tokens": "max_output_tokens",

	"tracing":             "tracing",
	"truncation":          "truncation",
	"reasoning":           "reasoning",
	"include":             "include",
	"parallel_tool_calls": "parallel_tool_calls",
	"prompt":              "prompt",

	"voice":                       "audio.output.voice",
	"speed":                       "audio.output.speed",
	"output_audio_format":         "audio.output.format",
	"input_audio_format":          "audio.input.format",
	"turn_detection":              "audio.input.turn_detection",
	"transcription":               "audio.input.transcription",
	"input_audio_transcription":   "audio.input.transcription",
	"noise_reduction":             "audio.input.noise_reduction",
	"input_audio_noise_reduction": "audio.input.noise_reduction",
}

// formats are the short names of audio formats.
var formats = map[string]string{
	`"pcm16"`:     `{"type":"audio/pcm","rate":24000}`,
	`"g711_ulaw"`: `{"type":"audio/pcmu"}`,
	`"g711_alaw"`: `{"type":"audio/pcma"}`,
}

// NormalizeConfig turns a configuration, in the short form or as a GA session object
// (which has type or audio), into the model and a GA session object without it: model
// belongs into the handshake. An empty raw gives neither. *InvalidError names a field
// that has no place.
func NormalizeConfig(raw json.RawMessage) (model string, ga json.RawMessage, err error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil, nil
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return "", nil, &session.InvalidError{Field: "config", Detail: "must be a JSON object"}
	}
	if m, ok := fields["model"]; ok {
		if json.Unmarshal(m, &model) != nil {
			return "", nil, &session.InvalidError{Field: "config.model", Detail: "must be a string"}
		}
		delete(fields, "model")
	}
	_, typed := fields["type"]
	_, audio := fields["audio"]
	if typed || audio {
		if !typed {
			fields["type"] = json.RawMessage(`"realtime"`)
		}
		return model, realtime.Marshal(fields), nil
	}
	full, err := lengthen(fields)
	if err != nil {
		return "", nil, err
	}
	full["type"] = "realtime"
	return model, realtime.Marshal(full), nil
}

// lengthen puts each field of the short form where the GA object has it.
func lengthen(fields map[string]json.RawMessage) (realtime.Object, error) {
	full := realtime.Object{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		path, ok := shortForm[name]
		if !ok {
			return nil, &session.InvalidError{Field: "config." + name, Detail: fmt.Sprintf("unknown field; the short form has %s, a full session object has type", strings.Join(slices.Sorted(maps.Keys(shortForm)), ", "))}
		}
		value := fields[name]
		if name == "modalities" {
			value = modalities(value)
		}
		if strings.HasSuffix(path, ".format") {
			if long, ok := formats[string(value)]; ok {
				value = json.RawMessage(long)
			}
		}
		place(full, strings.Split(path, "."), value)
	}
	return full, nil
}

// modalities are the beta's in today's words: who wanted audio got its text with it, and still does.
func modalities(beta json.RawMessage) json.RawMessage {
	var both []string
	if json.Unmarshal(beta, &both) != nil || len(both) != 2 || !slices.Contains(both, "audio") || !slices.Contains(both, "text") {
		return beta
	}
	return json.RawMessage(`["audio"]`)
}

func place(in realtime.Object, path []string, value json.RawMessage) {
	if len(path) == 1 {
		in[path[0]] = value
		return
	}
	next, ok := in[path[0]].(realtime.Object)
	if !ok {
		next = realtime.Object{}
		in[path[0]] = next
	}
	place(next, path[1:], value)
}

// WithTranscription adds a model for the transcription of input audio to a GA session
// object that does not speak of it, so that the conversation has the user's words. A
// configuration that says null keeps it off.
func WithTranscription(ga json.RawMessage, model string) json.RawMessage {
	if model == "" {
		return ga
	}
	full := realtime.Object{"type": "realtime"}
	if len(ga) > 0 && json.Unmarshal(ga, &full) != nil {
		return ga
	}
	audio, ok := part(full, "audio")
	if !ok {
		return ga
	}
	input, ok := part(audio, "input")
	if !ok {
		return ga
	}
	if _, said := input["transcription"]; said {
		return ga
	}
	input["transcription"] = realtime.Object{"model": model}
	audio["input"] = input
	full["audio"] = audio
	return realtime.Marshal(full)
}

// part returns the object under name, a new one if there is none; false when something
// else is there, about which the upstream has to complain.
func part(of realtime.Object, name string) (realtime.Object, bool) {
	value, there := of[name]
	if !there || value == nil {
		return realtime.Object{}, true
	}
	inner, ok := value.(realtime.Object)
	return inner, ok
}
