package standin

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// plan is what a response will say and call.
type plan struct {
	preamble  string // a message of its own, ahead of the rest
	calls     []plannedCall
	words     string
	reasoning int           // tokens of thought that are not told
	load      string        // streamWord or floodWord
	every     time.Duration // between two deltas of a stream
}

type plannedCall struct{ name, arguments string }

// answer decides what the model says from the text it can see. The same context gives
// the same answer.
func answer(p responseParams, items []*item) plan {
	switch {
	case strings.Contains(p.Instructions, floodWord):
		return plan{load: floodWord}
	case strings.Contains(p.Instructions, streamWord):
		return plan{load: streamWord, every: cadence(p.Instructions)}
	}
	planned := plan{preamble: preamble(p, items), calls: plannedCalls(p, items)}
	if len(planned.calls) == 0 {
		planned.words = words(p, items)
	}
	return planned
}

// preamble is what a reasoning model says before it answers, if it is asked to think aloud.
func preamble(p responseParams, items []*item) string {
	last := lastUser(items)
	if answered(items) {
		return ""
	}
	if strings.Contains(p.Instructions, thinkWord) || last != nil && strings.Contains(strings.ToLower(last.text()), thinkWord) {
		return "Let me think about that."
	}
	return ""
}

const thinkWord = "think aloud"

var (
	sayPattern   = regexp.MustCompile(`(?is)\bsay (?:exactly )?(?:the words )?["“'‘]([^"”]+?)["”'’](?:\s|[.!]|$)`)
	namePattern  = regexp.MustCompile(`(?i)\bmy name is ([\p{L}\p{N}'-]+)`)
	countPattern = regexp.MustCompile(`(?i)\bcount (?:up )?to (\d{1,3})\b`)
)

// words is the answer to the last item: a tool's output, or the user's turn.
func words(p responseParams, items []*item) string {
	if len(items) > 0 && items[len(items)-1].Type == "function_call_output" {
		return toolAnswer(items)
	}
	if m := sayPattern.FindStringSubmatch(p.Instructions); m != nil {
		return m[1]
	}
	last := lastUser(items)
	if last == nil {
		return "Hello! How can I help you today?"
	}
	said := last.text()
	var seen string
	if n := last.images(); n > 0 {
		seen = fmt.Sprintf(" I see %d image%s.", n, plural(n))
	}
	if last.audioMS > 0 {
		return fmt.Sprintf("I heard you speak for %.1f seconds. %s%s", float64(last.audioMS)/1000, recap(items), seen)
	}
	if found := lookup(said, p, items); found != "" {
		return found + seen
	}
	return "You said: " + said + seen
}

// lookup answers the few questions the stand-in understands.
func lookup(said string, p responseParams, items []*item) string {
	lower := strings.ToLower(said)
	switch {
	case sayPattern.MatchString(said):
		return sayPattern.FindStringSubmatch(said)[1]
	case strings.Contains(lower, "my name?") || strings.Contains(lower, "what is my name"):
		if name := statedName(items); name != "" {
			return "Your name is " + name + "."
		}
		return "You have not told me your name."
	case strings.Contains(lower, "your instructions"):
		return "My instructions are: " + p.Instructions
	case strings.Contains(lower, "what did i say") || strings.Contains(lower, "repeat everything"):
		return "You said: " + strings.Join(userTexts(items[:len(items)-1]), " Then you said: ")
	case strings.Contains(lower, "long story"):
		return story
	}
	if m := countPattern.FindStringSubmatch(said); m != nil {
		return countTo(m[1])
	}
	return ""
}

const story = "Once upon a time there was a lighthouse keeper who talked to the sea. Every evening she told it what had happened on the land, " +
	"and every morning the sea answered with a shell, a piece of rope, or a bottle without a letter. One night the lamp went out, and the sea, " +
	"which had learned all her stories by heart, told them to the ships, one after the other, until each had found its way around the rocks. " +
	"In the morning the keeper lit the lamp again, and since then the two of them have taken turns."

func countTo(digits string) string {
	// The pattern allows three digits only.
	n, _ := strconv.Atoi(digits)
	numbers := make([]string, n)
	for i := range numbers {
		numbers[i] = strconv.Itoa(i + 1)
	}
	return strings.Join(numbers, ", ") + "."
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// recap shows that an answer to audio knows what came before.
func recap(items []*item) string {
	texts := userTexts(items)
	if name := statedName(items); name != "" {
		return "You are " + name + ". What would you like to know?"
	}
	if len(texts) > 0 {
		return "Before that you said: " + texts[len(texts)-1]
	}
	return "I am a stand-in, so I hear that you speak, but not what you say. Tell me more."
}

func statedName(items []*item) string {
	name := ""
	for _, it := range items {
		if it.Type == "message" && it.Role != "assistant" {
			if m := namePattern.FindStringSubmatch(it.text()); m != nil {
				name = m[1]
			}
		}
	}
	return name
}

func userTexts(items []*item) []string {
	var texts []string
	for _, it := range items {
		if it.Role == "user" && it.audioMS == 0 && it.text() != "" {
			texts = append(texts, it.text())
		}
	}
	return texts
}

func lastUser(items []*item) *item {
	for i := len(items) - 1; i >= 0; i-- {
		if items[i].Role == "user" {
			return items[i]
		}
	}
	return nil
}

// toolAnswer speaks of the outputs at the end of the conversation.
func toolAnswer(items []*item) string {
	var answers []string
	for i := len(items) - 1; i >= 0 && items[i].Type == "function_call_output"; i-- {
		name := "tool"
		for _, it := range items {
			if it.Type == "function_call" && it.CallID == items[i].CallID {
				name = it.Name
			}
		}
		answers = append([]string{"The " + name + " tool says: " + items[i].Output}, answers...)
	}
	return strings.Join(answers, " ")
}
