package otlp

import (
	"cmp"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"switchboard/session/trace"
)

const errorStatus = codes.Error

// Attributes of the conventions for generative AI, and of the gateway's own.
const (
	conversation  = "gen_ai.conversation.id"
	realtime      = "gen_ai.realtime_session.id"
	operation     = "gen_ai.operation.name"
	provider      = "gen_ai.provider.name"
	model         = "gen_ai.request.model"
	responseID    = "gen_ai.response.id"
	finish        = "gen_ai.response.finish_reasons"
	firstChunk    = "gen_ai.response.time_to_first_chunk"
	toolName      = "gen_ai.tool.name"
	toolCall      = "gen_ai.tool.call.id"
	toolType      = "gen_ai.tool.type"
	inputTokens   = "gen_ai.usage.input_tokens"
	outputTokens  = "gen_ai.usage.output_tokens"
	inputAudio    = "gen_ai.usage.audio.input_tokens"
	outputAudio   = "gen_ai.usage.audio.output_tokens"
	cachedTokens  = "gen_ai.usage.cache_read.input_tokens"
	errorType     = "error.type"
	command       = "switchboard.command"
	renewalReason = "switchboard.renewal.reason"
	endReason     = "switchboard.session.end_reason"
)

func resourceOf(o Options) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("service.name", "switchboard"), attribute.String("service.version", o.Version), attribute.String("service.instance.id", o.Node),
	}
}

// nameOf is a span's name: what is done and, where there are few, to what.
func nameOf(s trace.Span) string {
	switch s.Kind {
	case trace.Response:
		return "realtime_inference " + cmp.Or(s.Model, "unknown")
	case trace.Tool:
		return "execute_tool " + s.Name
	case trace.Command:
		return "command " + s.Name
	}
	return string(s.Kind)
}

func attributesOf(s trace.Span) []attribute.KeyValue {
	all := make([]attribute.KeyValue, 0, 16)
	text := func(name, value string) {
		if value != "" {
			all = append(all, attribute.String(name, value))
		}
	}
	text(conversation, string(s.Session))
	text(realtime, string(s.Session))
	text(provider, "openai")
	text(model, s.Model)
	text(errorType, s.Err)
	switch s.Kind {
	case trace.Session:
		text(endReason, s.Name)
	case trace.Response:
		text(operation, "realtime_inference")
		text(responseID, s.ID)
		if s.Outcome != "" {
			all = append(all, attribute.StringSlice(finish, []string{s.Outcome}))
		}
		if !s.FirstAudio.IsZero() {
			all = append(all, attribute.Float64(firstChunk, s.FirstAudio.Sub(s.Start).Seconds()))
		}
	case trace.Tool:
		text(operation, "execute_tool")
		text(toolName, s.Name)
		text(toolCall, s.ID)
		text(toolType, "function")
	case trace.Command:
		text(command, s.Name)
	case trace.Renewal:
		text(renewalReason, s.Name)
	}
	return append(all, tokensOf(s)...)
}

func tokensOf(s trace.Span) (all []attribute.KeyValue) {
	if s.Kind != trace.Response && s.Kind != trace.Session {
		return nil
	}
	return []attribute.KeyValue{
		attribute.Int64(inputTokens, s.Tokens.Input), attribute.Int64(outputTokens, s.Tokens.Output),
		attribute.Int64(inputAudio, s.Tokens.InputAudio), attribute.Int64(outputAudio, s.Tokens.OutputAudio),
		attribute.Int64(cachedTokens, s.Tokens.Cached),
	}
}
