package standin_test

import (
	"encoding/base64"
	"encoding/binary"
	"math"

	"github.com/tidwall/gjson"
)

// testFormat makes audio of a format: a tone of -14 dBFS, or silence.
type testFormat struct {
	name   string // as in session.audio.input.format
	json   string
	rate   int
	encode func([]byte, float64) []byte
	quiet  byte // a silent byte
}

var pcm = testFormat{"audio/pcm", `{"type":"audio/pcm","rate":24000}`, 24000, func(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint16(b, uint16(int16(v*32767)))
}, 0}

func (f testFormat) tone(ms int) []byte {
	var b []byte
	for i := range f.rate * ms / 1000 {
		b = f.encode(b, 0.2*math.Sin(2*math.Pi*220*float64(i)/float64(f.rate)))
	}
	return b
}

func (f testFormat) silence(ms int) []byte {
	var b []byte
	for range f.rate * ms / 1000 {
		b = f.encode(b, 0)
	}
	return b
}

// append sends audio in pieces of 40 ms, as clients do.
func (c *client) append(f testFormat, audio []byte) {
	c.t.Helper()
	piece := len(f.silence(40))
	for len(audio) > 0 {
		n := min(piece, len(audio))
		c.send(`{"type":"input_audio_buffer.append","audio":"` + base64.StdEncoding.EncodeToString(audio[:n]) + `"}`)
		audio = audio[n:]
	}
}

// speak sends a tone and the silence that ends the turn.
func (c *client) speak(f testFormat, ms int) {
	c.t.Helper()
	c.append(f, f.silence(400))
	c.append(f, f.tone(ms))
	c.append(f, f.silence(700))
}

// heard decodes the audio deltas among events.
func heard(events []gjson.Result) []byte {
	var audio []byte
	for _, event := range events {
		if event.Get("type").Str == "response.output_audio.delta" {
			piece, err := base64.StdEncoding.DecodeString(event.Get("delta").Str)
			if err == nil {
				audio = append(audio, piece...)
			}
		}
	}
	return audio
}

func find(events []gjson.Result, eventType string) gjson.Result {
	for _, event := range events {
		if event.Get("type").Str == eventType {
			return event
		}
	}
	return gjson.Result{}
}
