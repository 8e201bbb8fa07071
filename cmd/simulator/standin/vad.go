package standin

import "math"

// vadFrameMS is how much audio one decision is made on.
const vadFrameMS = 20

// onsetFrames is how many loud frames in a row begin speech: 60 ms, so that a click does not.
const onsetFrames = 3

// vad decides by energy where speech starts and stops in the audio it is fed. Times are
// in milliseconds of audio since the session began.
type vad struct {
	format   format
	level    float64 // mean square that a loud frame reaches
	silence  int     // ms of quiet that end speech
	atMS     int     // end of the last whole frame
	sum      float64
	samples  int // in the frame that is being filled
	loud     int // loud frames in a row, before speech
	quietMS  int // quiet since the last loud frame, in speech
	speaking bool
}

type vadEdge int

const (
	vadNothing vadEdge = iota
	vadStarted
	vadStopped
)

// newVAD starts at startMS. The threshold 0..1 of the API becomes -60..-20 dBFS; the
// default of 0.5 is -40 dBFS, which quiet speech into a laptop passes and its room does not.
func newVAD(f format, t turnDetection, startMS int) *vad {
	full := float64(math.MaxInt16) * math.MaxInt16
	return &vad{format: f, level: full * math.Pow(10, (-60+40*t.Threshold)/10), silence: max(t.SilenceDurationMS, vadFrameMS), atMS: startMS}
}

// feed takes b up to the end of the next frame and says how many bytes that were and
// what the frame changed.
func (v *vad) feed(b []byte) (taken int, edge vadEdge) {
	size := v.format.bytesPerSample()
	perFrame := v.format.sampleRate() * vadFrameMS / 1000
	for taken+size <= len(b) {
		s := float64(v.format.sample(b[taken:]))
		v.sum += s * s
		taken += size
		if v.samples++; v.samples == perFrame {
			edge = v.decide(v.sum / float64(perFrame))
			v.sum, v.samples = 0, 0
			return taken, edge
		}
	}
	return taken, vadNothing
}

func (v *vad) decide(meanSquare float64) vadEdge {
	v.atMS += vadFrameMS
	if !v.speaking {
		if meanSquare < v.level {
			v.loud = 0
			return vadNothing
		}
		if v.loud++; v.loud < onsetFrames {
			return vadNothing
		}
		v.speaking, v.quietMS = true, 0
		return vadStarted
	}
	// 6 dB less keeps speech going, so that it does not flicker at its edge.
	if meanSquare >= v.level/4 {
		v.quietMS = 0
		return vadNothing
	}
	if v.quietMS += vadFrameMS; v.quietMS < v.silence {
		return vadNothing
	}
	v.speaking, v.loud = false, 0
	return vadStopped
}

// onsetMS is where the speech that has just started began.
func (v *vad) onsetMS() int { return v.atMS - onsetFrames*vadFrameMS }
