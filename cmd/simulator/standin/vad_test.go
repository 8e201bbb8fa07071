package standin_test

import (
	"encoding/base64"
	"testing"

	"switchboard/cmd/simulator/standin"
)

// codes of G.711 for the tone's positive peak, its negative peak and silence.
func g711(name string, high, low, zero byte) testFormat {
	return testFormat{name, `{"type":"` + name + `"}`, 8000, func(b []byte, v float64) []byte {
		switch {
		case v > 0.05:
			return append(b, high)
		case v < -0.05:
			return append(b, low)
		}
		return append(b, zero)
	}, zero}
}

var testFormats = []testFormat{pcm, g711("audio/pcmu", 0xa0, 0x20, 0xff), g711("audio/pcma", 0x8a, 0x0a, 0xd5)}

func TestVoiceIsDetectedAndAnsweredInEveryFormat(t *testing.T) {
	for _, format := range testFormats {
		t.Run(format.name, func(t *testing.T) {
			_, url := start(t, standin.Options{})
			c := dial(t, url)
			c.next("session.created")
			c.update(`"audio":{"input":{"format":` + format.json + `},"output":{"format":` + format.json + `}}`)
			c.speak(format, 1000)
			events := c.until("response.done")
			from := find(events, "input_audio_buffer.speech_started").Get("audio_start_ms").Int()
			to := find(events, "input_audio_buffer.speech_stopped").Get("audio_end_ms").Int()
			if from < 80 || from > 160 { // 400 ms of silence less 300 of prefix
				t.Errorf("speech starts at %d ms", from)
			}
			if to < 1580 || to > 1660 { // 400 + 1000 and 200 of silence
				t.Errorf("speech ends at %d ms", to)
			}
			transcript := find(events, "response.output_audio_transcript.done").Get("transcript").Str
			perMS := format.rate / 1000
			if format.name == "audio/pcm" {
				perMS *= 2
			}
			if ms := len(heard(events)) / perMS; ms != 60*len(transcript) {
				t.Errorf("%d ms of audio for %d letters", ms, len(transcript))
			}
		})
	}
}

func TestVADKnobs(t *testing.T) {
	for _, row := range []struct{ name, detection, want string }{
		{"no response", `{"type":"server_vad","create_response":false}`, "conversation.item.done"},
		{"semantic", `{"type":"semantic_vad","eagerness":"high"}`, "response.done"},
	} {
		t.Run(row.name, func(t *testing.T) {
			stand, url := start(t, standin.Options{})
			c := dial(t, url)
			c.next("session.created")
			c.update(`"audio":{"input":{"turn_detection":` + row.detection + `}}`)
			c.speak(pcm, 500)
			c.until(row.want)
			if row.want == "conversation.item.done" && stand.States(false)[0].Responses != 0 {
				t.Error("a response was created")
			}
		})
	}
}

func TestThresholdKeepsQuietAudioOut(t *testing.T) {
	stand, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.update(`"audio":{"input":{"turn_detection":{"type":"server_vad","threshold":1}}}`)
	quiet := pcm.tone(1000)
	for i := 0; i < len(quiet); i += 2 { // 16 times as quiet: -40 dBFS under a threshold of -20
		v := int16(uint16(quiet[i])|uint16(quiet[i+1])<<8) / 16
		quiet[i], quiet[i+1] = byte(v), byte(uint16(v)>>8)
	}
	c.append(pcm, quiet)
	c.update(`"instructions":"nothing came between"`)
	if n := stand.States(false)[0].Received.AudioMS; n != 1000 {
		t.Errorf("%d ms received", n)
	}
	c.send(`{"type":"input_audio_buffer.append","audio":"` + base64.StdEncoding.EncodeToString([]byte{1}) + `"}`)
	c.append(pcm, pcm.tone(400))
	c.until("input_audio_buffer.speech_started")
}
