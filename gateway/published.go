package gateway

import (
	"time"

	"switchboard/gateway/openapi"
	"switchboard/session/audit"
	"switchboard/session/hub"
	"switchboard/session/realtime"
)

// told is what subscribers are sent.
type told[T any] struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp" doc:"When it happened"`
	Data      T         `json:"data"`
}

// shownAt is the time in examples.
const shownAt = "2026-11-30T12:00:00Z"

// published are the gateway's own webhooks.
func published() []openapi.Webhook {
	notice := func(kind, text string, more map[string]any) openapi.Webhook {
		data := map[string]any{"type": kind, "session_id": "rs_…", "key": "support", "labels": map[string]any{"team": "support"}, "at": shownAt}
		for name, value := range more {
			data[name] = value
		}
		return openapi.Webhook{Type: kind, Text: text, Body: openapi.Of[told[hub.Notice]](),
			Example: map[string]any{"type": kind, "timestamp": shownAt, "data": data}}
	}
	ended := map[string]any{"reason": "ended by app support", "ended_by": "support", "cost_usd": 0.042}
	failed := map[string]any{"reason": "the upstream cannot be reached", "ended_by": "server", "cost_usd": "unknown"}
	call := map[string]any{"call": map[string]any{"call_id": "call_…", "name": "weather", "arguments": `{"city":"Ghent"}`}}
	return []openapi.Webhook{
		notice(hub.NoticeStarted, "A session was opened and is ready.", nil),
		notice(hub.NoticeEnded, "A session ended, as somebody asked or its limits say. usage has its tokens.", ended),
		notice(hub.NoticeFailed, "A session ended because it could not continue.", failed),
		notice(hub.NoticeToolCall, "The model calls a function. Answer with POST /realtime/sessions/{id}/function-result.", call),
		{Type: "audit.*", Text: "Somebody changed something: audit. and the operationId, as audit.end-session. Subscribers of * get these, too.",
			Body: openapi.Of[told[audit.Entry]](),
			Example: map[string]any{"type": "audit.end-session", "timestamp": shownAt, "data": map[string]any{
				"id": "1796040000000-0", "at": shownAt, "by": "ops", "role": "operator", "action": "end-session", "session_id": "rs_…",
				"status": 200, "node": "http://10.0.0.7:8080",
			}}},
	}
}

// sessionEvents are those of a session's log, of which most are the Realtime protocol's own.
func sessionEvents() []openapi.Event {
	return []openapi.Event{
		{Type: "response.done", Text: "As every event of the Realtime protocol but audio: its type is the event's name, its data the event as OpenAI sent it. " +
			"Among them: conversation.item.done, conversation.item.input_audio_transcription.completed, input_audio_buffer.speech_started, error.",
			Example: map[string]any{"type": "response.done", "event_id": "event_…", "response": map[string]any{"id": "resp_…", "status": "completed"}}},
		{Type: "switchboard.session.command", Text: "A command was executed: which, and by which API key. Clients do not receive it.",
			Example: map[string]any{"type": "switchboard.session.command", "command": "message", "by": "ops", "item_id": "item_…"}},
		{Type: "switchboard.session.renewed", Text: "Another upstream took the place of the one before. reason: expiring, upstream_lost, failing or requested.",
			Example: map[string]any{"type": "switchboard.session.renewed", "reason": "expiring"}},
		{Type: realtime.TypListeners, Text: "How many operators listen in, when that changes; only of sessions with listen_in announced. Clients get it, too, also when they attach.",
			Example: map[string]any{"type": realtime.TypListeners, "listeners": 1}},
		{Type: "switchboard.session.dropped", Text: "The oldest images or items were dropped, to stay within the session's limits.",
			Example: map[string]any{"type": "switchboard.session.dropped", "images": []string{"item_…"}, "items": []string{}}},
		{Type: "switchboard.session.ended", Text: "The last event: why the session ended, and by whom.",
			Example: map[string]any{"type": "switchboard.session.ended", "reason": "ended by operator ops", "ended_by": "ops"}},
		{Type: typeViewers, Text: "Who views the session, to streams with viewer=true, when such a stream begins and when others come or leave. It is not stored and has no ID.",
			Example: map[string]any{"type": typeViewers, "you": "ops", "viewers": []Viewer{{By: "ops", Pages: 1, Since: time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)}}}},
		{Type: "resync", Text: "The last event that the client saw is no longer stored. Read the session and its items again; the stream continues.",
			Example: map[string]any{}},
	}
}
