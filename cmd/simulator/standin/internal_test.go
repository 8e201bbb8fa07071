package standin

import (
	"encoding/json"
	"math"
	"net"
	"testing"
	"time"
)

func TestExpiredSecretIsNotFound(t *testing.T) {
	var box secretBox
	box.add("ek_old", secret{expiresAt: time.Now().Add(-time.Second)})
	box.add("ek_new", secret{expiresAt: time.Now().Add(time.Minute)})
	if _, ok := box.find("ek_old"); ok {
		t.Error("an expired secret is accepted")
	}
	if _, ok := box.find("ek_new"); !ok || len(box.secrets) != 1 {
		t.Errorf("%d secrets are kept, want the new one", len(box.secrets))
	}
}

// discardConn swallows what is written.
type discardConn struct{ net.Conn }

func (discardConn) Write(b []byte) (int, error)      { return len(b), nil }
func (discardConn) SetWriteDeadline(time.Time) error { return nil }
func (discardConn) Close() error                     { return nil }

// FuzzHandle sends whatever comes to a session: it must answer in JSON and stay whole.
func FuzzHandle(f *testing.F) {
	for _, seed := range []string{
		`{"type":"session.update","session":{"type":"realtime","tools":[{"type":"function","name":"f","parameters":{"$ref":"#"}}],"tool_choice":"required"}}`,
		`{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"my name is X"}]}}`,
		`{"type":"input_audio_buffer.append","audio":"AAAA","event_id":"event_1767233035000000000"}`, `{"type":"response.cancel"}`,
		`{"type":"response.create","response":{"input":[{"type":"item_reference","id":"x"}]}}`, `{"type":"input_audio_buffer.commit"}`, `[]`, `{"type":`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		srv := New(Options{Record: func(_ string, event []byte) {
			if !json.Valid(event) {
				t.Errorf("sent %q", event)
			}
		}})
		s := &session{srv: srv, conn: discardConn{}, config: defaultConfig(kindRealtime, realtimeModels[0]), lost: make(chan struct{}), faults: &faultState{}, responses: map[string]*response{}}
		s.alarm = time.AfterFunc(time.Hour, s.wake)
		defer s.alarm.Stop()
		s.out.writing = true // nobody writes
		s.input.configure(&s.config)
		s.mu.Lock()
		s.handle(raw, time.Now())
		s.closed = true
		for _, r := range s.responses {
			r.halt()
		}
		s.mu.Unlock()
		close(s.lost)
		srv.running.Wait()
		if _, err := json.Marshal(s.state()); err != nil {
			t.Error(err)
		}
	})
}

// FuzzInvent makes arguments for whatever schema comes.
func FuzzInvent(f *testing.F) {
	f.Add([]byte(`{"properties":{"a":{"$ref":"#"},"b":{"type":"array","minItems":1e300,"items":{"type":"string","maxLength":-1}}}}`))
	f.Add([]byte(`{"allOf":[{"$ref":"#/$defs/x"}],"$defs":{"x":{"oneOf":[{"type":["number","null"],"multipleOf":0}]}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var schema map[string]any
		if json.Unmarshal(raw, &schema) != nil {
			return
		}
		if _, err := json.Marshal(invent(schema)); err != nil {
			t.Error(err)
		}
	})
}

func TestG711KnownValues(t *testing.T) {
	for _, row := range []struct {
		sample   int16
		mu, alaw byte
	}{
		{0, 0xff, 0xd5}, {8, 0xfe, 0xd5}, {-8, 0x7e, 0x55}, {1000, 0xce, 0xfa}, {-1000, 0x4e, 0x7a}, {32767, 0x80, 0xaa}, {-32768, 0x00, 0x2a},
	} {
		if got := encodeMuLaw(row.sample); got != row.mu {
			t.Errorf("mu-law of %d = %#x, want %#x", row.sample, got, row.mu)
		}
		if got := encodeALaw(row.sample); got != row.alaw {
			t.Errorf("A-law of %d = %#x, want %#x", row.sample, got, row.alaw)
		}
	}
}

// A code decodes to a sample that encodes to it, and no sample is off by more than half a step.
func TestG711RoundTrip(t *testing.T) {
	for code := range 256 {
		b := byte(code)
		if got := encodeMuLaw(decodeMuLaw[b]); got != b && b != 0x7f { // 0x7f is a second zero
			t.Errorf("mu-law %#x comes back as %#x", b, got)
		}
		if got := encodeALaw(decodeALaw[b]); got != b {
			t.Errorf("A-law %#x comes back as %#x", b, got)
		}
	}
	for s := math.MinInt16; s <= math.MaxInt16; s++ {
		allowed := math.Max(16, math.Abs(float64(s))/16)
		if d := math.Abs(float64(decodeMuLaw[encodeMuLaw(int16(s))]) - float64(s)); d > math.Max(allowed, 700) && math.Abs(float64(s)) > 32000 || d > allowed && math.Abs(float64(s)) <= 32000 {
			t.Fatalf("mu-law of %d is off by %g", s, d)
		}
		if d := math.Abs(float64(decodeALaw[encodeALaw(int16(s))]) - float64(s)); d > allowed {
			t.Fatalf("A-law of %d is off by %g", s, d)
		}
	}
}

func TestSpeechHasLengthEnergyAndPauses(t *testing.T) {
	text := "Hello, world. How are you?"
	voice := newSpeaker(text, "marin", 1)
	samples := make([]int16, voice.samples()+1)
	n := voice.read(samples)
	if want := len(text) * msPerLetter * speechRate / 1000; n != want {
		t.Fatalf("%d samples, want %d", n, want)
	}
	loud, quiet := 0, 0
	frame := speechRate * vadFrameMS / 1000
	for i := 0; i+frame <= n; i += frame {
		var sum float64
		for _, s := range samples[i : i+frame] {
			sum += float64(s) * float64(s)
		}
		switch db := 20 * math.Log10(math.Sqrt(sum/float64(frame))/math.MaxInt16+1e-9); {
		case db > -35:
			loud++
		case db < -45:
			quiet++
		}
	}
	if frames := n / frame; loud < frames/3 || quiet < 3 {
		t.Errorf("%d frames: %d loud, %d quiet", frames, loud, quiet)
	}
	again := make([]int16, len(samples))
	newSpeaker(text, "marin", 1).read(again)
	for i := range again {
		if again[i] != samples[i] {
			t.Fatal("the same text sounds different")
		}
	}
}

func TestLatencyBuckets(t *testing.T) {
	for us := int64(0); us < 1<<20; us += 1 + us/50 {
		i := bucketOf(us)
		if edge := bucketEdge(i); edge < us || i > 0 && bucketEdge(i-1) >= us || float64(edge-us) > 0.125*float64(us)+1 {
			t.Fatalf("%d µs falls into bucket %d up to %d", us, i, edge)
		}
	}
}

// The live API has nothing to cut off an answer of which no audio has been sent, or that has none.
func TestTruncateWantsAudio(t *testing.T) {
	it := &item{ID: "a", Type: "message", generated: true, parts: 1}
	c := conversation{items: []*item{it, {ID: "b", Type: "message"}}}
	for _, id := range []string{"a", "b"} {
		if e := c.truncate(id, 0, 0); e == nil || e.code != "unsupported_content_type" || e.param != "" || e.message != "Only model output audio messages can be truncated" {
			t.Errorf("%s: %v", id, e)
		}
	}
	it.audioMS = 100
	for range 2 { // the second cut finds an item that was cut to nothing
		if e := c.truncate("a", 0, 0); e != nil {
			t.Errorf("with audio: %v", e)
		}
	}
}
