package endpoint

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/gobwas/ws"
)

// BytesPerMS is PCM16 at 24 kHz.
const BytesPerMS = 48

// noStamp stands where the time of writing goes: Unix nanoseconds, 19 digits until 2286.
const noStamp = "0000000000000000000"

// appendFrame is an input_audio_buffer.append, masked and framed once, that is written
// again and again with only its stamp changed.
type appendFrame struct {
	raw   []byte
	stamp []byte // where the masked digits are in raw
	mask  [4]byte
	phase int // of the first digit, in the mask
}

// NewAppendFrame makes an append of so much near-silence: loud enough not to be all
// zeros, too quiet for anybody's voice detection.
func NewAppendFrame(audio time.Duration) appendFrame {
	pcm := make([]byte, int(audio.Milliseconds())*BytesPerMS)
	for i := 0; i < len(pcm); i += 2 {
		pcm[i] = byte(rand.IntN(16))
	}
	message := []byte(`{"type":"input_audio_buffer.append","event_id":"event_` + noStamp + `","audio":"` +
		base64.StdEncoding.EncodeToString(pcm) + `"}`)
	at := bytes.Index(message, []byte(noStamp))
	mask := ws.NewMask()
	raw := ws.MustCompileFrame(ws.MaskFrameInPlaceWith(ws.NewTextFrame(message), mask))
	head := len(raw) - len(message)
	return appendFrame{raw: raw, stamp: raw[head+at:][:len(noStamp)], mask: mask, phase: at % 4}
}

// At returns the frame stamped with the time of writing, valid until the next call.
func (f *appendFrame) At(now time.Time) []byte {
	digits := strconv.AppendInt(f.stamp[:0], now.UnixNano(), 10)
	ws.Cipher(digits, f.mask, f.phase)
	return f.raw
}

// StampOf reads the time at which the stand-in handed an event to its socket:
// event_<unix ns>_<count>.
func StampOf(eventID string) (time.Time, bool) {
	const prefix = "event_"
	if len(eventID) < len(prefix)+len(noStamp) || eventID[:len(prefix)] != prefix {
		return time.Time{}, false
	}
	ns, err := strconv.ParseInt(eventID[len(prefix):][:len(noStamp)], 10, 64)
	return time.Unix(0, ns), err == nil
}
