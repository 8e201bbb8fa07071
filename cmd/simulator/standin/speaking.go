package standin

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

const (
	chunkMS = 100                   // audio per delta
	wordGap = 10 * time.Millisecond // between the words of a text answer
)

// contentPart is the part of response.content_part events, whose types lack the "output_" of items.
type contentPart struct {
	Type       string  `json:"type"`
	Text       *string `json:"text,omitempty"`
	Transcript *string `json:"transcript,omitempty"`
}

type contentPartEvent struct {
	outputEvent
	Part contentPart `json:"part"`
}

func (r *response) part() contentPart {
	said := string(r.current.text)
	if r.current.generated {
		return contentPart{Type: "audio", Transcript: &said}
	}
	return contentPart{Type: "text", Text: &said}
}

// What a reasoning model says is a preamble, as before a function call, or the answer.
const (
	phaseCommentary = "commentary"
	phaseFinal      = "final_answer"
)

// startMessage begins a message with one content part.
func (r *response) startMessage(audio bool, phase string) {
	it := &item{ID: newID("item_"), Type: "message", Role: "assistant", generated: audio, format: r.params.Format}
	if reasons(r.s.config.Model) {
		it.phase = phase
	}
	r.startItem(it)
	it.parts = 1
	kind := "output_text"
	if audio {
		kind = "output_audio"
		r.s.spoken = true
		r.deltaPrefix = audioDeltaPrefix(r.head())
	}
	it.Content = []part{{Type: kind}}
	r.s.emit("response.content_part.added", contentPartEvent{r.head(), r.part()})
}

// audioDeltaPrefix is what stands between the event_id and the base64 of an audio delta.
func audioDeltaPrefix(head outputEvent) []byte {
	// Ids and integers always encode.
	b, _ := json.Marshal(head)
	b[0] = ','
	return append(b[:len(b)-1], `,"delta":"`...)
}

// endPart sends the end events of the message's content.
func (r *response) endPart() {
	s, head, said := r.s, r.head(), string(r.current.text)
	p := &r.current.Content[0]
	if r.current.generated {
		if r.current.truncated {
			said = ""
		}
		p.Transcript = &said
		s.emit("response.output_audio.done", head)
		s.emit("response.output_audio_transcript.done", struct {
			outputEvent
			Transcript string `json:"transcript"`
		}{head, said})
	} else {
		p.Text = said
		s.emit("response.output_text.done", struct {
			outputEvent
			Text string `json:"text"`
		}{head, said})
	}
	s.emit("response.content_part.done", contentPartEvent{head, r.part()})
}

// say sends a piece of text or transcript.
func (r *response) say(piece string) {
	r.current.text = append(r.current.text, piece...)
	r.textTokens = r.earlierTokens + textTokens(string(r.current.text))
	eventType := "response.output_text.delta"
	if r.current.generated {
		eventType = "response.output_audio_transcript.delta"
	}
	r.s.emit(eventType, struct {
		outputEvent
		Delta       string `json:"delta"`
		Obfuscation string `json:"obfuscation"`
	}{r.head(), piece, obfuscation(piece)})
}

// overBudget ends the response when max_output_tokens is reached.
func (r *response) overBudget() bool {
	limit := int(r.params.MaxOutputTokens)
	if limit == 0 || r.textTokens+audioTokens(r.audioMS, assistantMSPerToken) < limit {
		return false
	}
	r.finish(statusIncomplete, &statusDetails{Type: statusIncomplete, Reason: "max_output_tokens"})
	return true
}

func (r *response) runMessage(words, phase string) {
	switch {
	case words == "":
	case r.params.Modality == "audio":
		r.runSpeech(words, phase)
	default:
		r.runText(words, phase)
	}
}

// runText leaves the message open: the live API ends a written message only when the calls
// behind it have been written too.
func (r *response) runText(words, phase string) {
	if !r.step(0, func() { r.endItems(statusCompleted); r.startMessage(false, phase) }) {
		return
	}
	for _, word := range strings.SplitAfter(words, " ") {
		if !r.step(wordGap, func() { r.say(word); r.overBudget() }) {
			return
		}
	}
}

// runSpeech sends audio and the words in it, Speed times as fast as they are spoken.
func (r *response) runSpeech(said, phase string) {
	if !r.step(0, func() { r.endItems(statusCompleted); r.startMessage(true, phase) }) {
		return
	}
	voice := newSpeaker(said, r.params.Voice, r.params.Speed)
	words := strings.SplitAfter(said, " ")
	samples := make([]int16, chunkMS*speechRate/1000)
	sentLetters, encoded := 0, []byte(nil)
	gap := time.Duration(float64(chunkMS*time.Millisecond) / r.s.srv.opts.Speed)
	for due := time.Now(); ; due = due.Add(gap) {
		n := voice.read(samples)
		if n == 0 {
			break
		}
		encoded = r.params.Format.encode(encoded[:0], samples[:n])
		if !r.step(time.Until(due), func() {
			for len(words) > 0 && sentLetters < voice.letterAt(voice.at) {
				r.say(words[0])
				sentLetters += len([]rune(words[0]))
				words = words[1:]
			}
			r.sendAudio(encoded)
			r.overBudget()
		}) {
			return
		}
	}
	r.step(0, func() {
		if len(words) > 0 {
			r.say(strings.Join(words, ""))
		}
	})
}

// sendAudio sends one audio delta. It is built by hand because there are many.
func (r *response) sendAudio(audio []byte) {
	if r.audioMS == 0 {
		r.audioFrom = time.Now()
	}
	ms := len(audio) / r.params.Format.bytesPerMS()
	r.audioMS += ms
	if !r.current.truncated {
		r.current.audioMS += ms
	}
	buf := audioBuffers.Get().(*[]byte)
	defer audioBuffers.Put(buf)
	b := append((*buf)[:0], `{"type":"response.output_audio.delta","event_id":"`...)
	b = append(appendID(b, "event_"), '"')
	b = append(b, r.deltaPrefix...)
	b = base64.StdEncoding.AppendEncode(b, audio)
	b = append(b, `"}`...)
	*buf = b
	r.s.post(b)
}
