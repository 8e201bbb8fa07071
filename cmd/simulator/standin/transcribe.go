package standin

import (
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

// transcribe sends the transcript of a user's audio, word by word.
func (s *session) transcribe(it *item, model string, logprobs bool) {
	if !s.wait(transcribeDelay, nil) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if code := s.faults.FailTranscription; code != "" {
		s.emit("conversation.item.input_audio_transcription.failed", struct {
			transcriptHead
			Error errorBody `json:"error"`
		}{transcriptHead{it.ID, 0}, (&apiError{kind: "transcription_error", code: code, message: "The audio could not be transcribed."}).body()})
		return
	}
	transcript := spokenText(it.audioMS)
	for _, word := range strings.SplitAfter(transcript, " ") {
		s.emit("conversation.item.input_audio_transcription.delta", struct {
			transcriptHead
			Delta       string    `json:"delta"`
			Obfuscation string    `json:"obfuscation"`
			Logprobs    []logprob `json:"logprobs,omitempty"`
		}{transcriptHead{it.ID, 0}, word, obfuscation(word), logprobsOf(word, logprobs)})
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

// transcriptUsage is in tokens, but for whisper-1, which is paid by the second.
func transcriptUsage(ms int, transcript, model string) any {
	if model == "whisper-1" {
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
