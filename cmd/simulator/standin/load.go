package standin

import (
	"encoding/base64"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	streamMS   = 50  // audio per delta of simulator:stream, and its cadence unless another is asked for
	floodMS    = 100 // audio per delta of simulator:flood
	floodBatch = 8   // deltas per write of simulator:flood, about 53 KB
)

const loadText = "The quick brown fox jumps over the lazy dog, and the dog looks up."

// loadAudio returns a few seconds of speech, cut into base64 chunks of ms each; made once.
func loadAudio(ms int) func() [][]byte {
	return sync.OnceValue(func() [][]byte {
		voice := newSpeaker(loadText, "alloy", 1)
		samples := make([]int16, ms*speechRate/1000)
		var chunks [][]byte
		for voice.read(samples) == len(samples) {
			pcm := formatPCM.encode(nil, samples)
			chunks = append(chunks, base64.StdEncoding.AppendEncode(nil, pcm))
		}
		return chunks
	})
}

var streamAudio, floodAudio = loadAudio(streamMS), loadAudio(floodMS)

// loading reports whether a load stream runs, so that input is only counted. The caller holds mu.
func (s *session) loading() bool { return s.active != nil && s.active.plan.load != "" }

// runLoad sends deltas until the response is ended from outside.
func (r *response) runLoad() {
	if !r.step(0, func() { r.startMessage(true, phaseFinal) }) {
		return
	}
	if r.plan.load == floodWord {
		r.flood(floodAudio())
		return
	}
	chunks := streamAudio()
	due := time.Now()
	for n := 0; ; n++ {
		// The clock decides, so that a late delta does not make the next one late.
		if !r.step(time.Until(due), func() { r.sendLoad(n, chunks[n%len(chunks)]) }) {
			return
		}
		due = due.Add(r.plan.every)
	}
}

// cadence is how often a stream sends a delta: as instructions say behind the word
// (simulator:stream/500ms), else in real time.
func cadence(instructions string) time.Duration {
	_, rest, _ := strings.Cut(instructions, streamWord+"/")
	word, _, _ := strings.Cut(rest, " ")
	if every, err := time.ParseDuration(word); err == nil && every > 0 {
		return every
	}
	return streamMS * time.Millisecond
}

// flood writes from its own goroutine and so goes as fast as the socket takes it.
func (r *response) flood(chunks [][]byte) {
	n, busy := 0, time.Duration(0)
	batch := func() {
		if busy = 0; r.s.out.writing {
			busy = time.Millisecond // another goroutine writes a control event
			return
		}
		for range floodBatch {
			r.sendLoad(n, chunks[n%len(chunks)])
			n++
		}
	}
	for r.step(busy, batch) {
	}
}

// sendLoad sends one delta with the time in its event_id. The caller holds mu.
func (r *response) sendLoad(n int, encoded []byte) {
	s := r.s
	buf := audioBuffers.Get().(*[]byte)
	defer audioBuffers.Put(buf)
	b := append((*buf)[:0], `{"type":"response.output_audio.delta","event_id":"event_`...)
	b = strconv.AppendInt(b, time.Now().UnixNano(), 10)
	b = append(b, '_')
	b = strconv.AppendInt(b, int64(n), 10)
	b = append(b, '"')
	b = append(b, r.deltaPrefix...)
	b = append(b, encoded...)
	b = append(b, `"}`...)
	*buf = b
	s.srv.latency.deltas.Add(1)
	s.post(b)
}
