package standin

import (
	"encoding/base64"
	"fmt"
	"sync"
	"time"

	"github.com/tidwall/gjson"
)

// inputBuffer is the input audio buffer. Without speech under VAD it keeps only what the
// next item could begin with; a session that is a load stream keeps nothing.
type inputBuffer struct {
	format    format
	detection *turnDetection
	vad       *vad   // nil without turn detection
	audio     []byte // the newest audio since the last commit or clear
	pending   int    // bytes since the last commit or clear, kept or not
	carry     []byte // half a sample
	totalMS   int    // audio received in the session
	rest      int    // bytes over the last whole millisecond of totalMS
	startMS   int    // where the current speech starts
	itemID    string // of the item that the current speech will become
	streamed  *streamed
	load      bool
}

// configure follows a session.update.
func (in *inputBuffer) configure(c *config) {
	in.load = isLoad(c.Instructions)
	detection := c.Audio.Input.TurnDetection
	if in.format != c.Audio.Input.Format {
		in.audio, in.carry, in.pending, in.rest = nil, nil, 0, 0
	} else if in.detection != nil && detection != nil && *in.detection == *detection {
		return
	}
	in.format, in.detection, in.itemID, in.vad = c.Audio.Input.Format, detection, "", nil
	if detection != nil {
		in.vad = newVAD(in.format, *detection, in.totalMS)
	}
}

// prefixBytes is how much audio in front of speech an item gets.
func (in *inputBuffer) prefixBytes() int {
	return (in.detection.PrefixPaddingMS + onsetFrames*vadFrameMS) * in.format.bytesPerMS()
}

func (in *inputBuffer) keep(b []byte) {
	in.pending += len(b)
	in.rest += len(b)
	in.totalMS += in.rest / in.format.bytesPerMS()
	in.rest %= in.format.bytesPerMS()
	in.audio = append(in.audio, b...)
	limit := audioKept
	if in.vad != nil && in.itemID == "" {
		limit = min(limit, in.prefixBytes())
	}
	if len(in.audio) > 2*limit+vadFrameMS*in.format.bytesPerMS() {
		in.audio = append(in.audio[:0], in.audio[len(in.audio)-limit:]...)
	}
}

func (in *inputBuffer) clear() {
	in.audio, in.carry, in.pending, in.itemID = nil, nil, 0, ""
	if in.vad != nil {
		in.vad = newVAD(in.format, *in.detection, in.totalMS)
	}
}

var audioBuffers = sync.Pool{New: func() any { return new([]byte) }}

// handleAppend is the one hot event: it is not decoded as a whole.
func (s *session) handleAppend(event gjson.Result, size int, arrived time.Time) {
	var eventID, audio gjson.Result
	var wrong *apiError
	event.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "type":
		case "event_id":
			eventID = value
		case "audio":
			audio = value
		default:
			wrong = errUnknownParameter(key.Str)
		}
		return wrong == nil
	})
	switch {
	case wrong != nil:
	case eventID.Exists() && eventID.Type != gjson.String && eventID.Type != gjson.Null:
		wrong = errType("event_id", "a string", eventID.Value())
	case len(eventID.Str) > eventIDLimit:
		wrong = shortText(eventIDLimit)(eventID.Str, "event_id")
	case !audio.Exists():
		wrong = errMissingParameter("audio")
	case audio.Type != gjson.String:
		wrong = errType("audio", "a string", audio.Value())
	default:
		wrong = s.appendAudio(audio.Str)
	}
	if wrong != nil {
		s.fail(wrong, eventID.Str)
		return
	}
	s.received.Appends++
	s.srv.latency.add(eventID.Str, size, arrived)
}

func (s *session) appendAudio(encoded string) *apiError {
	if encoded == "" {
		return errAudio("audio", "empty bytes")
	}
	n := base64.StdEncoding.DecodedLen(len(encoded))
	if n > appendLimit+2 {
		return invalid("string_above_max_length", "audio", "Invalid 'audio': audio of %d bytes is too long. The maximum is %d bytes per event.", n, appendLimit)
	}
	if s.input.load || s.loading() {
		s.countAudio(n)
		return nil
	}
	buf := audioBuffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= readBufferKept {
			audioBuffers.Put(buf)
		}
	}()
	audio, err := base64.StdEncoding.AppendDecode((*buf)[:0], []byte(encoded))
	*buf = audio
	if err != nil {
		return errAudio("audio", "an invalid value")
	}
	s.countAudio(len(audio))
	s.hear(audio)
	return nil
}

func (s *session) countAudio(n int) {
	s.received.AudioBytes += int64(n)
	s.received.AudioMS = s.received.AudioBytes / int64(s.config.Audio.Input.Format.bytesPerMS())
}

// hear puts audio into the buffer and follows where speech starts and stops in it.
func (s *session) hear(audio []byte) {
	in := &s.input
	if len(in.carry) > 0 {
		audio = append(in.carry, audio...)
		in.carry = nil
	}
	if in.vad == nil {
		in.keep(audio)
		return
	}
	for len(audio) > 0 {
		n, edge := in.vad.feed(audio)
		if n == 0 {
			in.carry = append(in.carry, audio...)
			return
		}
		in.keep(audio[:n])
		audio = audio[n:]
		switch edge {
		case vadStarted:
			s.speechStarted()
		case vadStopped:
			s.speechStopped()
		case vadNothing:
			s.transcribeOn()
		}
	}
}

func (s *session) speechStarted() {
	in := &s.input
	in.itemID, in.streamed = newID("item_"), &streamed{}
	in.startMS = max(0, in.vad.onsetMS()-in.detection.PrefixPaddingMS)
	if keep := in.prefixBytes(); len(in.audio) > keep {
		in.audio = append(in.audio[:0], in.audio[len(in.audio)-keep:]...)
	}
	s.idleAt = time.Time{}
	s.emit("input_audio_buffer.speech_started", struct {
		AudioStartMS int    `json:"audio_start_ms"`
		ItemID       string `json:"item_id"`
	}{in.startMS, in.itemID})
	if r := s.active; r != nil && in.detection.InterruptResponse {
		r.finish(statusCancelled, &statusDetails{Type: statusCancelled, Reason: "turn_detected"})
	}
}

func (s *session) speechStopped() {
	in := &s.input
	s.emit("input_audio_buffer.speech_stopped", struct {
		AudioEndMS int    `json:"audio_end_ms"`
		ItemID     string `json:"item_id"`
	}{in.vad.atMS, in.itemID})
	createsResponse := in.detection.CreateResponse
	s.commit(in.itemID, in.vad.atMS-in.startMS)
	if createsResponse && s.config.Type == kindRealtime {
		s.respondToTurn()
	}
}

// respondToTurn starts the response that VAD or an idle time-out asks for.
func (s *session) respondToTurn() {
	if s.active != nil {
		s.fail(errActiveResponse(s.active.id), "")
		return
	}
	s.begin(s.defaultParams(), s.conv.items)
}

// commit makes the buffer an item of the conversation.
func (s *session) commit(id string, ms int) {
	in := &s.input
	it := &item{
		ID: id, Type: "message", Status: statusCompleted, Role: "user", Content: []part{{Type: "input_audio"}},
		audio: in.audio, audioMS: ms, format: in.format,
	}
	s.received.LoudSamples += in.format.loudSamples(in.audio)
	in.audio, in.pending, in.itemID = nil, 0, ""
	defer func() { in.streamed = nil }()
	s.emit("input_audio_buffer.committed", struct {
		PreviousItemID *string `json:"previous_item_id"`
		ItemID         string  `json:"item_id"`
	}{orNull(s.conv.lastID()), id})
	// A new id at the end cannot be refused.
	_ = s.conv.insert(it, "")
	s.tellItem("conversation.item.added", it)
	s.tellItem("conversation.item.done", it)
	if t := s.config.Audio.Input.Transcription; t != nil {
		model, logprobs, from := t.Model, len(s.config.Include) > 0, in.streamed
		if from == nil {
			from = &streamed{}
		}
		s.srv.running.Go(func() { s.transcribe(it, model, logprobs, from) })
	}
}

func (s *session) handleCommit(map[string]any, []byte) *apiError {
	in := &s.input
	ms := float64(in.pending) / float64(in.format.bytesPerMS())
	if ms < 100 {
		return invalid("input_audio_buffer_commit_empty", "",
			"Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has %.2fms of audio.", ms)
	}
	id := in.itemID
	if id == "" {
		id = newID("item_")
	}
	s.commit(id, int(ms))
	if in.vad != nil {
		in.vad = newVAD(in.format, *in.detection, in.totalMS)
	}
	return nil
}

func (s *session) handleClear(map[string]any, []byte) *apiError {
	s.input.clear()
	s.emit("input_audio_buffer.cleared", struct{}{})
	return nil
}

// idleTimeout commits the silence since the last response and has the model speak up.
func (s *session) idleTimeout() {
	in := &s.input
	if in.vad == nil || in.vad.speaking || s.active != nil {
		return
	}
	id := newID("item_")
	s.emit("input_audio_buffer.timeout_triggered", struct {
		AudioStartMS int    `json:"audio_start_ms"`
		AudioEndMS   int    `json:"audio_end_ms"`
		ItemID       string `json:"item_id"`
	}{s.idleFromMS, max(in.totalMS, s.idleFromMS), id})
	in.audio = nil
	s.commit(id, max(0, in.totalMS-s.idleFromMS))
	s.respondToTurn()
}

// spokenText is all the stand-in can say about audio.
func spokenText(ms int) string { return fmt.Sprintf("I spoke for %.1f seconds.", float64(ms)/1000) }
