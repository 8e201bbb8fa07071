package session

import (
	"math"

	"github.com/tidwall/gjson"

	"switchboard/session/price"
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

// addResponse sums what a response reported.
func (u *Usage) addResponse(v gjson.Result) price.Use {
	use := readUse(v)
	u.Responses++
	u.TotalTokens += countOf(v.Get("total_tokens"))
	u.InputTokens += countOf(v.Get("input_tokens"))
	u.OutputTokens += countOf(v.Get("output_tokens"))
	u.CachedTokens += countOf(v.Get("input_token_details.cached_tokens"))
	u.Reasoning += countOf(v.Get("output_token_details.reasoning_tokens"))
	u.InputText += use.Text.Input
	u.InputAudio += use.Audio.Input
	u.InputImage += use.Image.Input
	u.CachedText += use.Text.Cached
	u.CachedAudio += use.Audio.Cached
	u.CachedImage += use.Image.Cached
	u.OutputText += use.Text.Output
	u.OutputAudio += use.Audio.Output
	return use
}

// addTranscription sums what the transcription of something the user said reported.
func (u *Usage) addTranscription(v gjson.Result) price.Use {
	use := readUse(v)
	u.Transcriptions++
	u.TranscriptionTokens += countOf(v.Get("total_tokens"))
	u.TotalTokens += countOf(v.Get("total_tokens"))
	if seconds := v.Get("seconds"); isCount(seconds) {
		use.Seconds = seconds.Num
		u.TranscriptionSeconds += seconds.Num
	}
	return use
}

// readUse reads the tokens of a usage object by kind. Tokens of no kind are text.
func readUse(v gjson.Result) price.Use {
	kind := func(name string) price.Count {
		return price.Count{
			Input:  countOf(v.Get("input_token_details." + name)),
			Cached: countOf(v.Get("input_token_details.cached_tokens_details." + name)),
			Output: countOf(v.Get("output_token_details." + name)),
		}
	}
	use := price.Use{Text: kind("text_tokens"), Audio: kind("audio_tokens"), Image: kind("image_tokens")}
	use.Text.Input += rest(v.Get("input_tokens"), use.Text.Input, use.Audio.Input, use.Image.Input)
	use.Text.Output += rest(v.Get("output_tokens"), use.Text.Output, use.Audio.Output, use.Image.Output)
	use.Text.Cached += rest(v.Get("input_token_details.cached_tokens"), use.Text.Cached, use.Audio.Cached, use.Image.Cached)
	return use
}

// rest is how much of a sum its parts leave.
func rest(sum gjson.Result, parts ...int64) int64 {
	left := countOf(sum)
	for _, part := range parts {
		left -= part
	}
	return max(left, 0)
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

// modelLocked is the model of the session's responses or, if it only transcribes, of that.
func (c *Controller) modelLocked() string {
	if c.spec.Intent == "transcription" {
		return c.transcriberLocked()
	}
	if model := gjson.GetBytes(c.up.session, "model").Str; model != "" {
		return model
	}
	return c.spec.Model
}

// transcriberLocked is the model that transcribes what the user says.
func (c *Controller) transcriberLocked() string {
	return gjson.GetBytes(c.up.session, "audio.input.transcription.model").Str
}

// costLocked is what the session has cost. Without a price of its model that is unknown from
// the beginning.
func (c *Controller) costLocked() Cost {
	cost := c.cost
	if _, priced := c.node.Prices.Find(c.modelLocked()); !priced {
		cost.Unknown = true
	}
	return cost
}

// spendLocked counts what was used of a model, and ends the session at its limit.
func (c *Controller) spendLocked(model string, use price.Use) {
	m, priced := c.node.Prices.Find(model)
	usd, known := m.Cost(use)
	known = known && priced
	c.cost.USD += usd
	c.cost.Unknown = c.cost.Unknown || !known
	c.unmetered = append(c.unmetered, expense{m.Name, usd, known})
	ring(c.node.spent)
	if limit := c.limits().MaxTokens; limit > 0 && c.usage.Spent() >= limit {
		c.endLocked(&LimitError{Limit: "max_tokens", Max: limit})
	}
}
