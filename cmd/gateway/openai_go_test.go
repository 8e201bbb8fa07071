package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/openai/openai-go/v3/realtime"
)

// sdk is a session of openai-go's realtime client.
type sdk struct {
	t *testing.T
	*realtime.RealtimeConnection
}

func testOpenAIGo(t *testing.T, url string, roots *x509.CertPool) {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	connect := func(t *testing.T, key string) *sdk {
		client := openai.NewClient(option.WithBaseURL(url+"/v1/"), option.WithAPIKey(key), option.WithHTTPClient(&http.Client{Transport: transport}))
		conn, err := client.Realtime.Connect(t.Context(), realtime.RealtimeConnectionOptions{}, option.WithQuery("model", "gpt-realtime-2.1"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Abort)
		return &sdk{t, conn}
	}
	for name, story := range map[string]func(*sdk){
		"a text turn": (*sdk).textTurn, "an audio turn": (*sdk).audioTurn, "a tool call": (*sdk).toolCall,
		"an interruption": (*sdk).interruption, "an error": (*sdk).oneError,
	} {
		t.Run(name, func(t *testing.T) {
			s := connect(t, conformanceKey)
			s.until("session.created")
			story(s)
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	t.Run("a wrong key", func(t *testing.T) {
		s := connect(t, "sk-wrong")
		if code := s.until("error").AsRealtimeErrorEvent().Error.Code; code != "invalid_api_key" {
			t.Errorf("code %s", code)
		}
		if _, err := s.Recv(t.Context()); websocket.CloseStatus(err) != 3000 {
			t.Errorf("ended with %v, want close 3000", err)
		}
	})
}

// until receives up to an event of this type.
func (s *sdk) until(kind string) realtime.RealtimeServerEventUnion {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute) // only a broken test waits for it
	defer cancel()
	for {
		e, err := s.Recv(ctx)
		if err != nil {
			s.t.Fatalf("waiting for %s: %v", kind, err)
		}
		if e.AsAny() == nil {
			s.t.Errorf("%s is not known to openai-go", e.Type)
		}
		if e.Type == kind {
			return e
		}
	}
}

func (s *sdk) send(events ...realtime.RealtimeClientEventUnionParam) {
	s.t.Helper()
	for _, e := range events {
		if err := s.Send(s.t.Context(), e); err != nil {
			s.t.Fatal(err)
		}
	}
}

func updating(session realtime.RealtimeSessionCreateRequestParam) realtime.RealtimeClientEventUnionParam {
	return realtime.RealtimeClientEventParamOfSessionUpdate(session)
}

func typed(text string) realtime.RealtimeClientEventUnionParam {
	return realtime.RealtimeClientEventParamOfConversationItemCreate(realtime.RealtimeConversationItemUserMessageParam{
		Content: []realtime.RealtimeConversationItemUserMessageContentParam{{Type: "input_text", Text: openai.String(text)}},
	})
}

func respond() realtime.RealtimeClientEventUnionParam {
	return realtime.RealtimeClientEventUnionParam{OfResponseCreate: &realtime.ResponseCreateEventParam{}}
}

// done waits for the end of a response and checks how it ended.
func (s *sdk) done(status realtime.RealtimeResponseStatus) realtime.RealtimeResponse {
	s.t.Helper()
	r := s.until("response.done").AsResponseDoneEvent().Response
	if r.Status != status {
		s.t.Errorf("response %s, want %s", r.Status, status)
	}
	return r
}

func (s *sdk) textTurn() {
	s.send(updating(realtime.RealtimeSessionCreateRequestParam{OutputModalities: []string{"text"}, Instructions: openai.String("Be brief.")}))
	s.until("session.updated")
	s.send(typed("Hello there"), respond())
	if text := s.until("response.output_text.done").AsResponseTextDoneEvent().Text; text != "You said: Hello there" {
		s.t.Errorf("text %q", text)
	}
	if u := s.done("completed").Usage; u.TotalTokens == 0 {
		s.t.Errorf("usage %+v", u)
	}
}

func (s *sdk) audioTurn() {
	s.speak()
	s.until("input_audio_buffer.speech_started")
	s.until("input_audio_buffer.speech_stopped")
	s.until("input_audio_buffer.committed")
	delta := s.until("response.output_audio.delta").AsResponseAudioDeltaEvent()
	if audio, err := base64.StdEncoding.DecodeString(delta.Delta); err != nil || len(audio) == 0 {
		s.t.Errorf("%d bytes of audio, %v", len(audio), err)
	}
	if text := s.until("response.output_audio_transcript.done").AsResponseAudioTranscriptDoneEvent().Transcript; !strings.HasPrefix(text, "I heard you speak for 1.") {
		s.t.Errorf("transcript %q", text)
	}
	s.done("completed")
}

func (s *sdk) toolCall() {
	s.send(updating(realtime.RealtimeSessionCreateRequestParam{Tools: realtime.RealtimeToolsConfigParam{{OfFunction: &realtime.RealtimeFunctionToolParam{
		Type: "function", Name: openai.String("weather"), Description: openai.String("The weather of a city"),
		Parameters: map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}},
	}}}}))
	s.send(typed(`Call weather {"city":"Ghent"}`), respond())
	call := s.until("response.function_call_arguments.done").AsResponseFunctionCallArgumentsDoneEvent()
	if call.Name != "weather" || call.Arguments != `{"city":"Ghent"}` {
		s.t.Errorf("call %s %s", call.Name, call.Arguments)
	}
	s.done("completed")
	s.send(realtime.RealtimeClientEventParamOfConversationItemCreate(realtime.RealtimeConversationItemFunctionCallOutputParam{CallID: call.CallID, Output: "rain"}), respond())
	if text := s.until("response.output_audio_transcript.done").AsResponseAudioTranscriptDoneEvent().Transcript; text != "The weather tool says: rain" {
		s.t.Errorf("transcript %q", text)
	}
	s.done("completed")
}

func (s *sdk) interruption() {
	s.send(typed("Count to 999"), respond()) // half a minute, if nobody speaks
	delta := s.until("response.output_audio.delta").AsResponseAudioDeltaEvent()
	s.speak()
	s.until("input_audio_buffer.speech_started")
	// StatusDetails has the type of a string in openai-go 3.99; it holds the object's JSON.
	if r := s.done("cancelled"); !strings.Contains(r.RawJSON(), `"turn_detected"`) {
		s.t.Errorf("cancelled: %s", r.RawJSON())
	}
	s.send(realtime.RealtimeClientEventParamOfConversationItemTruncate(50, delta.ContentIndex, delta.ItemID))
	if ms := s.until("conversation.item.truncated").AsConversationItemTruncatedEvent().AudioEndMs; ms != 50 {
		s.t.Errorf("truncated at %d ms", ms)
	}
	s.done("completed")
}

func (s *sdk) oneError() {
	for _, bad := range []string{
		`{"type":"session.update","event_id":"bad_1","session":{"type":"realtime","volume":11}}`,
		`{"type":"response.cancel","event_id":"bad_2","type":"response.create"}`,
	} {
		if err := s.SendRaw(s.t.Context(), []byte(bad)); err != nil {
			s.t.Fatal(err)
		}
	}
	// The gateway refuses the second itself, and may be quicker.
	if e := s.refused("unknown_parameter", "invalid_json"); e.Param != "session.volume" || e.EventID != "bad_1" {
		s.t.Errorf("error %+v", e)
	}
	s.send(respond())
	s.done("completed")
}

// refused waits for one error of each code, in any order, and returns the first code's.
func (s *sdk) refused(codes ...string) realtime.RealtimeError {
	s.t.Helper()
	errs := map[string]realtime.RealtimeError{}
	for range codes {
		e := s.until("error").AsRealtimeErrorEvent().Error
		errs[e.Code] = e
	}
	for _, code := range codes {
		if _, ok := errs[code]; !ok {
			s.t.Errorf("no error %s in %v", code, errs)
		}
	}
	return errs[codes[0]]
}

// speak sends 1.2 s of something with the energy and the pauses of speech, then silence.
func (s *sdk) speak() {
	const rate, chunk = 24000, 2400
	audio := make([]byte, 0, 2*chunk)
	for i := range 2 * rate {
		at := float64(i) / rate
		voice := 0.0
		for h := 1.0; h <= 8 && at < 1.2; h++ {
			voice += math.Sin(2*math.Pi*140*h*at) / h
		}
		loud := 9000 * (0.55 + 0.45*math.Sin(2*math.Pi*4*at))
		audio = binary.LittleEndian.AppendUint16(audio, uint16(int16(voice*loud)))
		if len(audio) == 2*chunk {
			s.send(realtime.RealtimeClientEventParamOfInputAudioBufferAppend(base64.StdEncoding.EncodeToString(audio)))
			audio = audio[:0]
		}
	}
}
