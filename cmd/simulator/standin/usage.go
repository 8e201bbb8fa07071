package standin

import (
	"encoding/json"
	"math"
	"time"
)

// Token prices in audio time: a token per 100 ms of the user's, per 50 ms of the assistant's.
const (
	userMSPerToken      = 100
	assistantMSPerToken = 50
	imageTokens         = 255
)

func textTokens(s string) int { return (len(s) + 3) / 4 }

func audioTokens(ms, msPerToken int) int { return (ms + msPerToken - 1) / msPerToken }

type usage struct {
	Total  int           `json:"total_tokens"`
	Input  int           `json:"input_tokens"`
	Output int           `json:"output_tokens"`
	In     inputDetails  `json:"input_token_details"`
	Out    outputDetails `json:"output_token_details"`
}

type tokenCounts struct {
	Text  int `json:"text_tokens"`
	Audio int `json:"audio_tokens"`
	Image int `json:"image_tokens"`
}

func (t tokenCounts) sum() int { return t.Text + t.Audio + t.Image }

type inputDetails struct {
	tokenCounts
	Cached        int         `json:"cached_tokens"`
	CachedDetails tokenCounts `json:"cached_tokens_details"`
}

type outputDetails struct {
	Text      int `json:"text_tokens"` // those of reasoning too
	Audio     int `json:"audio_tokens"`
	Reasoning int `json:"reasoning_tokens,omitempty"`
}

// reasoningTokens is what a reasoning model thinks before it answers.
const reasoningTokens = 16

// contextTokens counts what a response reads: everything, every time.
func contextTokens(instructions string, tools []json.RawMessage, items []*item) tokenCounts {
	t := tokenCounts{Text: textTokens(instructions)}
	for _, raw := range tools {
		t.Text += textTokens(string(raw))
	}
	for _, it := range items {
		t.Text += textTokens(it.Name + it.Arguments + it.Output)
		t.Image += it.images() * imageTokens
		if it.Role == "assistant" {
			t.Text += textTokens(it.text())
			t.Audio += audioTokens(it.audioMS, assistantMSPerToken)
			continue
		}
		if it.audioMS == 0 { // a user's transcript is not read by the model
			t.Text += textTokens(it.text())
		}
		t.Audio += audioTokens(it.audioMS, userMSPerToken)
	}
	return t
}

// usageMemory is what a session's next response finds in the cache, and its rate limit.
type usageMemory struct {
	prefix tokenCounts
	used   float64 // tokens of the rate limit that have not come back yet
	usedAt time.Time
}

// forget is called when the beginning of the context has changed.
func (m *usageMemory) forget() { m.prefix = tokenCounts{} }

// account is the usage of a response that read in and made the tokens of out.
func (m *usageMemory) account(in tokenCounts, out outputDetails) *usage {
	cached := tokenCounts{Text: cachedOf(m.prefix.Text, in.Text), Audio: cachedOf(m.prefix.Audio, in.Audio), Image: cachedOf(m.prefix.Image, in.Image)}
	m.prefix = in
	u := &usage{Input: in.sum(), Output: out.Text + out.Audio, In: inputDetails{in, cached.sum(), cached}, Out: out}
	u.Total = u.Input + u.Output
	m.spend(u.Total, time.Now())
	return u
}

// cachedOf counts whole blocks of 64 tokens, as the cache does.
func cachedOf(before, now int) int { return min(before, now) / 64 * 64 }

// tokensPerMinute is the rate limit that rate_limits.updated tells of. It is not enforced.
const tokensPerMinute = 40000

func (m *usageMemory) spend(tokens int, now time.Time) {
	returned := now.Sub(m.usedAt).Seconds() * tokensPerMinute / 60
	m.used = math.Max(0, m.used-returned) + float64(tokens)
	m.usedAt = now
}

type rateLimit struct {
	Name         string  `json:"name"`
	Limit        int     `json:"limit"`
	Remaining    int     `json:"remaining"`
	ResetSeconds float64 `json:"reset_seconds"`
}

func (m *usageMemory) limits(now time.Time) []rateLimit {
	m.spend(0, now)
	reset := math.Round(m.used/tokensPerMinute*60*1000) / 1000
	return []rateLimit{{"tokens", tokensPerMinute, max(0, tokensPerMinute-int(m.used)), reset}}
}
