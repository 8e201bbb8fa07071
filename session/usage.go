package session

import (
	"math"
)

// Usage is the sum of what a session's responses and transcriptions reported, and its time.
// Its tokens are those of responses, but for the total, which has those of transcriptions, too.
type Usage struct {
	Responses    int64 `json:"responses"`
	TotalTokens  int64 `json:"total_tokens" doc:"Input and output of responses, and transcription_tokens"`
	InputTokens  int64 `json:"input_tokens"`
	OutputTokens int64 `json:"output_tokens"`
	CachedTokens int64 `json:"cached_tokens" doc:"Of the input"`
	InputText    int64 `json:"input_text_tokens"`
	InputAudio   int64 `json:"input_audio_tokens"`
	InputImage   int64 `json:"input_image_tokens"`
	CachedText   int64 `json:"cached_text_tokens" doc:"Of the text of the input"`
	CachedAudio  int64 `json:"cached_audio_tokens"`
	CachedImage  int64 `json:"cached_image_tokens"`
	OutputText   int64 `json:"output_text_tokens"`
	OutputAudio  int64 `json:"output_audio_tokens"`
	Reasoning    int64 `json:"reasoning_tokens" doc:"Of the output"`

	Transcriptions       int64   `json:"transcriptions" doc:"Of what the user said"`
	TranscriptionTokens  int64   `json:"transcription_tokens" doc:"Of models that are paid for by the token"`
	TranscriptionSeconds float64 `json:"transcription_seconds" doc:"Of models that are paid for by the time"`

	Seconds float64 `json:"seconds" doc:"From creation until now, or the end"`
}

// tokensPerSecond is what a second of transcription that reports no tokens counts against
// limits of tokens: as many as the audio of a user has.
const tokensPerSecond = 10

// Spent is what counts against limits of tokens.
func (u Usage) Spent() int64 {
	return u.TotalTokens + int64(math.Ceil(u.TranscriptionSeconds*tokensPerSecond))
}

// Cost is what a session has cost.
type Cost struct {
	USD     float64 `json:"usd"`
	Unknown bool    `json:"unknown,omitempty"` // some of it was of a model without a price, and is not in USD
}

// Shown is the cost as callers see it: US dollars or, if some of it has no price, "unknown".
func (c Cost) Shown() any {
	if c.Unknown {
		return "unknown"
	}
	return c.USD
}
