package hub

import (
	"errors"

	"switchboard/session"
	"switchboard/session/configuration"
	"switchboard/session/realtime"
)

// speaksRealtime is the dialect of OpenAI's Realtime API.
type speaksRealtime struct{}

// Codes of errors that the session has to tell apart.
const (
	codeActive  = "conversation_already_has_active_response" // a response was asked for while one was active
	codeExpired = "session_expired"
)

var realtimeWords = newVocabulary(map[string]meaning{
	"error":                                                 meansError,
	"session.created":                                       meansReady,
	"session.updated":                                       meansConfigured,
	"conversation.item.added":                               meansItem,
	"conversation.item.created":                             meansItem, // the beta's
	"conversation.item.done":                                meansItemDone,
	"conversation.item.deleted":                             meansDeleted,
	"conversation.item.truncated":                           meansTruncated,
	"conversation.item.retrieved":                           meansRetrieved,
	"input_audio_buffer.speech_started":                     meansSpeech,
	"input_audio_buffer.committed":                          meansCommitted,
	"input_audio_buffer.cleared":                            meansCleared,
	"response.output_audio.delta":                           meansAudio,
	"response.output_audio_transcript.delta":                meansWords,
	"response.output_text.delta":                            meansText,
	"response.function_call_arguments.delta":                meansArguments,
	"response.function_call_arguments.done":                 meansArguments,
	"response.output_item.done":                             meansOutput,
	"response.created":                                      meansBegun,
	"response.done":                                         meansDone,
	"conversation.item.input_audio_transcription.completed": meansTranscribed,
	"conversation.item.input_audio_transcription.failed":    meansUntranscribed,
}, map[string]ask{
	realtime.TypAppend:           asksToHear,
	"session.update":             asksUpdate,
	"input_audio_buffer.commit":  asksCommit,
	"input_audio_buffer.clear":   asksClear,
	"conversation.item.create":   asksItem,
	"conversation.item.delete":   asksDelete,
	"conversation.item.retrieve": asksRetrieve,
	"conversation.item.truncate": asksTruncate,
	"response.create":            asksResponse,
	"response.cancel":            asksCancel,
}, map[ask]string{
	asksCommit:   "input_audio_buffer_commit_empty",
	asksResponse: codeActive,
	asksCancel:   "response_cancel_not_active",
})

func (speaksRealtime) words() *vocabulary { return realtimeWords }

// begin reads until the session is created and configured. An upgrade that succeeded
// says nothing: a bad key is 101, then error, then close 3000.
func (d speaksRealtime) begin(l *leg, o configuration.Opening) error {
	if err := l.await(meansReady); err != nil {
		return err
	}
	if o.Config != nil {
		if err := l.configure(o); err != nil {
			return err
		}
	}
	return d.tell(l, o.Items)
}

// tellAtOnce is how many items are sent before their acknowledgements are read: enough
// to hide the way there and back, few enough that neither side has to wait to write.
const tellAtOnce = 32

// tell adds items to the conversation. One that the upstream refuses is left out: the
// rest of the conversation is worth more than none.
func (d speaksRealtime) tell(l *leg, items []realtime.Object) error {
	l.told = make(map[string]bool, len(items))
	for _, it := range items {
		l.told[it["id"].(string)] = true
	}
	for len(items) > 0 {
		n := min(len(items), tellAtOnce)
		for _, it := range items[:n] {
			if err := l.ask(asksItem, realtime.Object{"item": it}); err != nil {
				return err
			}
		}
		for range n {
			var refused *session.UpstreamError
			if err := l.await(meansItem); err != nil && (!errors.As(err, &refused) || refused.Class() >= session.Session) {
				return err
			}
		}
		items = items[n:]
	}
	return nil
}
