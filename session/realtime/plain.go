package realtime

import (
	"regexp"
	"strings"

	"switchboard/session"

	"github.com/tidwall/gjson"
)

// plainWords is what clients are told of errors that concern the operator's account, whose
// own words name its keys and organizations.
var plainWords = map[string]string{
	"invalid_api_key":            "The service is not available: its access to the model was refused.",
	"account_deactivated":        "The service is not available: its access to the model was refused.",
	"insufficient_quota":         "The service is not available: its quota is used up.",
	"billing_hard_limit_reached": "The service is not available: its quota is used up.",
}

// accountNames are API keys, masked ones too, and IDs of organizations, projects and users; and
// words that look like them and have neither digits nor capitals ("user-defined").
var accountNames = regexp.MustCompile(`\b(?:sk|pk|rk|ek|org|proj|user|acct)[-_][A-Za-z0-9*•._-]*[A-Za-z0-9*•_-]{3}`)

func withoutNames(text string) string {
	return accountNames.ReplaceAllStringFunc(text, func(name string) string {
		if strings.HasPrefix(name, "sk-") || name != strings.ToLower(name) || strings.ContainsAny(name, "0123456789*•") {
			return "…"
		}
		return name
	})
}

// PlainError is the error as those may read it who are not the operator of the gateway: without
// keys, organizations and projects. The code stays.
func PlainError(e *session.UpstreamError) *session.UpstreamError {
	plain := *e
	plain.Message = PlainText(e.Code, e.Message)
	return &plain
}

// PlainText is what a client is told of an upstream's words.
func PlainText(code, message string) string {
	if words := plainWords[code]; words != "" {
		return words
	}
	return withoutNames(message)
}

// errorPaths is where events carry an error.
var errorPaths = map[string]string{
	"error":         "error",
	"response.done": "response.status_details.error",
	TypEnded:        "reason",
	"conversation.item.input_audio_transcription.failed": "error",
}

// PlainEvent is an event as clients are told it, without the operator's account in the words of
// an error that it carries; to the byte if there is nothing of the kind.
func PlainEvent(typ, event []byte) []byte {
	path := errorPaths[string(typ)]
	if path == "" {
		return event
	}
	e := gjson.GetBytes(event, path)
	said := e.Get("message")
	if !e.IsObject() {
		said = e // words in the place of an object
	}
	plain := withoutNames(said.Raw)
	if words := plainWords[e.Get("code").Str]; words != "" {
		plain = string(Marshal(words))
	}
	if said.Raw == "" || plain == said.Raw {
		return event
	}
	return Splice(event, said, []byte(plain))
}
