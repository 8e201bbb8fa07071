package realtime

import (
	"github.com/tidwall/gjson"

	"switchboard/session"
	"switchboard/session/price"
)

// AddResponse sums what a response reported.
func AddResponse(u *session.Usage, v gjson.Result) price.Use {
	use := readUse(v)
	u.Responses++
	u.TotalTokens += CountOf(v.Get("total_tokens"))
	u.InputTokens += CountOf(v.Get("input_tokens"))
	u.OutputTokens += CountOf(v.Get("output_tokens"))
	u.CachedTokens += CountOf(v.Get("input_token_details.cached_tokens"))
	u.Reasoning += CountOf(v.Get("output_token_details.reasoning_tokens"))
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

// AddTranscription sums what the transcription of something the user said reported.
func AddTranscription(u *session.Usage, v gjson.Result) price.Use {
	use := readUse(v)
	u.Transcriptions++
	u.TranscriptionTokens += CountOf(v.Get("total_tokens"))
	u.TotalTokens += CountOf(v.Get("total_tokens"))
	if seconds := v.Get("seconds"); IsCount(seconds) {
		use.Seconds = seconds.Num
		u.TranscriptionSeconds += seconds.Num
	}
	return use
}

// readUse reads the tokens of a usage object by kind. Tokens of no kind are text.
func readUse(v gjson.Result) price.Use {
	kind := func(name string) price.Count {
		return price.Count{
			Input:  CountOf(v.Get("input_token_details." + name)),
			Cached: CountOf(v.Get("input_token_details.cached_tokens_details." + name)),
			Output: CountOf(v.Get("output_token_details." + name)),
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
	left := CountOf(sum)
	for _, part := range parts {
		left -= part
	}
	return max(left, 0)
}
