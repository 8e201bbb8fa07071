package standin

import (
	"slices"
	"strings"
	"time"
)

// transcribeDelay is how long a transcript takes: it comes after the response has begun, as live.
const transcribeDelay = 30 * time.Millisecond

type logprob struct {
	Token   string  `json:"token"`
	Logprob float64 `json:"logprob"`
	Bytes   []int   `json:"bytes"`
}

// logprobsOf makes up log probabilities if the session's include asks for them.
func logprobsOf(words string, wanted bool) []logprob {
	if !wanted {
		return nil
	}
	bytes := make([]int, len(words))
	for i := range words {
		bytes[i] = int(words[i])
	}
	return []logprob{{words, -0.01, bytes}}
}

type transcriptHead struct {
	ItemID       string `json:"item_id"`
	ContentIndex int    `json:"content_index"`
}

// tellSegment says who spoke when: always the same one, all the time.
func (s *session) tellSegment(it *item, transcript string) {
	s.emit("conversation.item.input_audio_transcription.segment", struct {
		transcriptHead
		ID      string  `json:"id"`
		Text    string  `json:"text"`
		Speaker string  `json:"speaker"`
		Start   float64 `json:"start"`
		End     float64 `json:"end"`
	}{transcriptHead{it.ID, 0}, newID("seg_"), transcript, "A", 0, float64(it.audioMS) / 1000})
}

// streamingModel transcribes while somebody speaks, before there is an item.
const streamingModel = "gpt-realtime-whisper"

// A streaming transcript has a word each so often, but for the last two, which need the length.
const (
	streamedWords = 3
	streamedEvery = 700 // ms of speech
)

// streamed is how far the transcript of a turn has been told.
type streamed struct{ asked, told int }

// transcribeOn tells another word of the turn that is being spoken, if it is time. The caller holds mu.
func (s *session) transcribeOn() {
	in, t := &s.input, s.config.Audio.Input.Transcription
	if t == nil || t.Model != streamingModel || in.itemID == "" {
		return
	}
	if n := in.streamed.asked; n == streamedWords || in.vad.atMS-in.startMS < (n+1)*streamedEvery {
		return
	}
	in.streamed.asked++
	id, at, logprobs := in.itemID, in.streamed, len(s.config.Include) > 0
	s.srv.running.Go(func() {
		if !s.wait(transcribeDelay, nil) {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if at.told < streamedWords {
			s.tellWord(id, wordsOf(spokenText(0))[at.told], logprobs)
			at.told++
		}
	})
}

func wordsOf(transcript string) []string { return strings.SplitAfter(transcript, " ") }

func (s *session) tellWord(itemID, word string, logprobs bool) {
	s.emit("conversation.item.input_audio_transcription.delta", struct {
		transcriptHead
		Delta       string    `json:"delta"`
		Obfuscation string    `json:"obfuscation"`
		Logprobs    []logprob `json:"logprobs,omitempty"`
	}{transcriptHead{itemID, 0}, word, obfuscation(word), logprobsOf(word, logprobs)})
}

// transcribe sends the transcript of a user's audio, word by word, from where the stream of it ended.
func (s *session) transcribe(it *item, model string, logprobs bool, from *streamed) {
	if !s.wait(transcribeDelay, nil) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	told := from.told
	from.told = streamedWords
	if code := s.faults.FailTranscription; code != "" {
		s.emit("conversation.item.input_audio_transcription.failed", struct {
			transcriptHead
			Error errorBody `json:"error"`
		}{transcriptHead{it.ID, 0}, (&apiError{kind: "transcription_error", code: code, message: "The audio could not be transcribed."}).body()})
		return
	}
	transcript := spokenText(it.audioMS)
	for _, word := range wordsOf(transcript)[told:] {
		s.tellWord(it.ID, word, logprobs)
	}
	it.Content[0].Transcript = &transcript
	if model == "gpt-4o-transcribe-diarize" {
		s.tellSegment(it, transcript)
	}
	s.emit("conversation.item.input_audio_transcription.completed", struct {
		transcriptHead
		Transcript string    `json:"transcript"`
		Usage      any       `json:"usage"`
		Logprobs   []logprob `json:"logprobs,omitempty"`
	}{transcriptHead{it.ID, 0}, transcript, transcriptUsage(it.audioMS, transcript, model), logprobsOf(transcript, logprobs)})
}

// timed are the transcription models that are paid by the time; the others are by tokens.
var timed = []string{"whisper-1", "gpt-realtime-whisper", "gpt-live-transcribe"}

func transcriptUsage(ms int, transcript, model string) any {
	if slices.Contains(timed, model) {
		return struct {
			Type    string `json:"type"`
			Seconds int    `json:"seconds"`
		}{"duration", (ms + 999) / 1000}
	}
	type details struct {
		Text  int `json:"text_tokens"`
		Audio int `json:"audio_tokens"`
	}
	in, out := audioTokens(ms, userMSPerToken), textTokens(transcript)
	return struct {
		Type   string  `json:"type"`
		Total  int     `json:"total_tokens"`
		Input  int     `json:"input_tokens"`
		Detail details `json:"input_token_details"`
		Output int     `json:"output_tokens"`
	}{"tokens", in + out, in, details{0, in}, out}
}
