package standin

import (
	"regexp"
	"slices"
)

// textModels answer chat completions, responses and batches, also with a date behind the name.
// Fine-tuned ones that a job made do too.
var textModels = []string{
	"gpt-6-astra", "gpt-6-sol", "gpt-6-luna", "gpt-6.1-sol", "gpt-6.1-terra", "gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.6-luna",
	"gpt-5.5", "gpt-5.5-pro", "gpt-5.4", "gpt-5.4-pro", "gpt-5.4-mini", "gpt-5.4-nano", "gpt-5.3-chat-latest", "gpt-5.2", "gpt-5.2-pro", "gpt-5.2-chat-latest",
	"gpt-5.1", "gpt-5.1-mini", "gpt-5.1-codex", "gpt-5.1-codex-max", "gpt-5.1-chat-latest", "gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-5-pro", "gpt-5-codex",
	"gpt-5-chat-latest", "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-4o", "gpt-4o-mini", "gpt-4-turbo", "gpt-4", "gpt-3.5-turbo", "gpt-3.5-turbo-0125",
	"o4-mini", "o3", "o3-mini", "o3-pro", "o1", "o1-pro", "text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002",
	"omni-moderation-latest", "omni-moderation", "gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "sora-2", "sora-2-pro", "babbage-002", "davinci-002",
}

var datePattern = regexp.MustCompile(`-20\d\d-\d\d-\d\d$`)

func (a *account) hasModel(name string) bool {
	if slices.Contains(textModels, datePattern.ReplaceAllString(name, "")) {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.tunes, func(t *tune) bool { return t.made(name) && wish(t.Metadata) != "mute" })
}

// made reports whether a model is the job's, or one of its checkpoints once it has succeeded; the caller holds mu.
func (t *tune) made(model string) bool {
	return t.FineTunedModel != nil &&
		(*t.FineTunedModel == model || slices.ContainsFunc(t.checkpoints, func(c *checkpoint) bool { return c.Model == model }))
}
