package trial

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"switchboard/cmd/loadgen/endpoint"
)

// chunk is the audio of one append of a microphone.
const chunk = 100 * time.Millisecond

// loudPerChunk is how many samples of a loud chunk the stand-in counts: all of them.
const loudPerChunk = int64(chunk/time.Millisecond) * endpoint.BytesPerMS / 2

var (
	loudFrame   = toneFrame(10000)
	silentFrame = toneFrame(0)
)

// toneFrame is an append of a square wave of 240 Hz, masked and framed once for all who write it.
func toneFrame(level int16) []byte {
	pcm := make([]byte, int(chunk.Milliseconds())*endpoint.BytesPerMS)
	for i := 0; i < len(pcm); i += 2 {
		s := level
		if i/100%2 == 1 {
			s = -level
		}
		binary.LittleEndian.PutUint16(pcm[i:], uint16(s))
	}
	message := fmt.Sprintf(`{"type":"input_audio_buffer.append","audio":%q}`, base64.StdEncoding.EncodeToString(pcm))
	return ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte(message))))
}

// talk is how a microphone's owner talks.
type talk struct {
	burst       int           // chunks of speech in a turn
	least, most time.Duration // silence between two turns
}

// microphone sends audio all the time, at the pace of real time: speech, then silence in
// which the model answers. Without a connection what is said is lost, as in a browser.
type microphone struct {
	talk
	hushed atomic.Bool  // says nothing more
	loud   atomic.Int64 // samples of speech that were written
	failed atomic.Int64 // chunks of speech that were not
}

// run talks until ctx ends. take writes one frame and reports whether it was written.
func (m *microphone) run(ctx context.Context, take func(frame []byte) bool) {
	first := rand.N(m.most)
	pace := endpoint.NewPace(time.Now().Add(rand.N(chunk)))
	defer pace.Stop()
	silence := int(first / chunk)
	for spoken := 0; pace.Wait(ctx); pace.Next(chunk) {
		switch {
		case silence > 0 || spoken == 0 && m.hushed.Load():
			silence--
			take(silentFrame)
			continue
		case take(loudFrame):
			m.loud.Add(loudPerChunk)
		default:
			m.failed.Add(1)
		}
		if spoken++; spoken == m.burst {
			spoken, silence = 0, int((m.least+rand.N(m.most-m.least+1))/chunk)
		}
	}
}
