package standin

import (
	"encoding/binary"
	"encoding/json"
)

// format is an audio format of the API, all mono: PCM16 little-endian at 24 kHz, or
// G.711 at 8 kHz.
type format struct {
	Type string `json:"type"`
	Rate int    `json:"rate,omitempty"`
}

var formatPCM = format{Type: "audio/pcm", Rate: 24000}

func (f *format) UnmarshalJSON(b []byte) error {
	type plain format
	var fresh plain
	if err := json.Unmarshal(b, &fresh); err != nil {
		return err
	}
	*f = format(fresh)
	if f.Type == formatPCM.Type {
		f.Rate = formatPCM.Rate
	}
	return nil
}

// bytesPerMS is 48 for PCM16 at 24 kHz, 8 for G.711 at 8 kHz.
func (f format) bytesPerMS() int {
	if f.Type == formatPCM.Type {
		return 48
	}
	return 8
}

// sampleRate is in samples per second.
func (f format) sampleRate() int {
	if f.Type == formatPCM.Type {
		return 24000
	}
	return 8000
}

// bytesPerSample is 2 for PCM16, 1 for G.711.
func (f format) bytesPerSample() int { return f.bytesPerMS() * 1000 / f.sampleRate() }

// sample decodes the sample at the start of b.
func (f format) sample(b []byte) int16 {
	switch f.Type {
	case "audio/pcmu":
		return decodeMuLaw[b[0]]
	case "audio/pcma":
		return decodeALaw[b[0]]
	}
	return int16(binary.LittleEndian.Uint16(b))
}

// loud is -12 dBFS: speech is rarely that loud, a signal made to be counted always.
const loud = 1 << 13

// loudSamples counts the samples of b that are loud, so that who sent a known number of
// them learns whether all have arrived.
func (f format) loudSamples(b []byte) (n int64) {
	for size := f.bytesPerSample(); len(b) >= size; b = b[size:] {
		if s := f.sample(b); s >= loud || s <= -loud {
			n++
		}
	}
	return n
}

// encode appends 24 kHz samples in this format; G.711 keeps the mean of every three.
func (f format) encode(b []byte, samples []int16) []byte {
	if f.Type == formatPCM.Type {
		for _, s := range samples {
			b = binary.LittleEndian.AppendUint16(b, uint16(s))
		}
		return b
	}
	law := encodeMuLaw
	if f.Type == "audio/pcma" {
		law = encodeALaw
	}
	for i := 0; i+2 < len(samples); i += 3 {
		mean := (int(samples[i]) + int(samples[i+1]) + int(samples[i+2])) / 3
		b = append(b, law(int16(mean)))
	}
	return b
}
