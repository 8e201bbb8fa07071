package standin_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"

	"switchboard/cmd/simulator/standin"
)

func TestHandshakeIsRefusedBehindTheUpgrade(t *testing.T) {
	_, url := start(t, standin.Options{})
	betaProtocol := &websocket.DialOptions{Subprotocols: []string{"realtime", "openai-beta.realtime-v1"}}
	beta := &websocket.DialOptions{HTTPHeader: http.Header{"Openai-Beta": {"realtime=v1"}}}
	for _, row := range []struct {
		name, query, key, code, reason string
		opts                           *websocket.DialOptions
		close                          websocket.StatusCode
	}{
		{"wrong key", "?model=gpt-realtime", "sk-wrong-0123456789", "invalid_api_key", "invalid_request_error.invalid_api_key", nil, 3000},
		{"no key", "?model=gpt-realtime", "", "", "invalid_request_error", nil, 3000},
		{"no model", "", testKey, "missing_model", "invalid_request_error.missing_model", nil, 4000},
		{"unknown model", "?model=gpt-nope", testKey, "invalid_model", "invalid_request_error.invalid_model", nil, 4000},
		{"beta", "?model=gpt-realtime", testKey, "beta_api_shape_disabled", "invalid_request_error.beta_api_shape_disabled", beta, 4000},
		{"beta subprotocol", "?model=gpt-realtime", testKey, "beta_api_shape_disabled", "invalid_request_error.beta_api_shape_disabled", betaProtocol, 4000},
		{"unknown call", "?call_id=rtc_x", testKey, "call_id_not_found", "invalid_request_error.call_id_not_found", nil, 4000},
		{"unknown intent", "?intent=singing", testKey, "invalid_intent", "invalid_request_error.invalid_intent", nil, 4000},
		{"empty intent", "?model=gpt-realtime&intent=", testKey, "invalid_intent", "invalid_request_error.invalid_intent", nil, 4000},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := dialWith(t, url+"/v1/realtime"+row.query, row.key, row.opts)
			if got := c.next("error").Get("error.code").Str; got != row.code {
				t.Errorf("code = %q, want %q", got, row.code)
			}
			if got := c.closed(); got.Code != row.close || got.Reason != row.reason {
				t.Errorf("closed with %d %q, want %d %q", got.Code, got.Reason, row.close, row.reason)
			}
		})
	}
}

func TestBrowserPresentsItsKeyAsSubprotocol(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dialWith(t, url+"/v1/realtime?model=gpt-realtime", "", &websocket.DialOptions{Subprotocols: []string{"realtime", "openai-insecure-api-key." + testKey}})
	if got := c.ws.Subprotocol(); got != "realtime" {
		t.Errorf("subprotocol = %q, want realtime", got)
	}
	c.next("session.created")
}

func TestClientCloseIsEchoed(t *testing.T) {
	stand, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	if err := c.ws.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		t.Errorf("close handshake: %v", err)
	}
	waitFor(t, func() bool { return stand.Sessions() == 0 })
}

// waitFor polls a condition that another goroutine brings about.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("condition never came true")
		}
	}
}

func TestDeflateIsAcceptedWhenOffered(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dialWith(t, url+"/v1/realtime?model=gpt-realtime", testKey, &websocket.DialOptions{CompressionMode: websocket.CompressionContextTakeover})
	c.next("session.created")
	if got := c.ask("hello deflate"); got != "You said: hello deflate" {
		t.Errorf("answer = %q", got)
	}
}

func TestExpiryIsAnErrorThenClose1001(t *testing.T) {
	_, url := start(t, standin.Options{SessionLife: 50 * time.Millisecond})
	c := dial(t, url)
	created := c.next("session.created")
	if at := created.Get("session.expires_at").Int(); at < time.Now().Add(-time.Minute).Unix() {
		t.Errorf("expires_at = %d", at)
	}
	if got := c.next("error").Get("error.code").Str; got != "session_expired" {
		t.Errorf("code = %q", got)
	}
	if got := c.closed(); got.Code != 1001 || got.Reason != "Your session hit the maximum duration of 60 minutes." {
		t.Errorf("closed with %d %q", got.Code, got.Reason)
	}
}

func post(t *testing.T, url, key, body string) (int, gjson.Result) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	return do(t, r)
}

func get(t *testing.T, url string) (int, gjson.Result) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, r)
}

func do(t *testing.T, r *http.Request) (int, gjson.Result) {
	t.Helper()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return answer.StatusCode, gjson.ParseBytes(b)
}

func TestClientSecretStartsASessionWithItsConfig(t *testing.T) {
	_, url := start(t, standin.Options{})
	status, made := post(t, url+"/v1/realtime/client_secrets", testKey,
		`{"expires_after":{"anchor":"created_at","seconds":20},"session":{"type":"realtime","model":"gpt-realtime-2.1","instructions":"be brief"}}`)
	value := made.Get("value").Str
	if status != http.StatusOK || !strings.HasPrefix(value, "ek_") || made.Get("session.instructions").Str != "be brief" || made.Get("session.expires_at").Raw != "0" {
		t.Fatalf("%d %s", status, made.Raw)
	}
	if left := made.Get("expires_at").Int() - time.Now().Unix(); left < 15 || left > 21 {
		t.Errorf("secret lives %d s, want 20", left)
	}
	c := dialWith(t, url+"/v1/realtime", value, nil)
	created := c.next("session.created")
	if created.Get("session.instructions").Str != "be brief" || created.Get("session.model").Str != "gpt-realtime-2.1" {
		t.Errorf("session is not that of the secret: %s", created.Raw)
	}
	c = dialWith(t, url+"/v1/realtime?intent=transcription", value, nil)
	if got := c.next("error").Get("error.param").Str; got != "intent" {
		t.Errorf("another intent than the secret's: param = %q", got)
	}
	c = dialWith(t, url+"/v1/realtime?model=gpt-realtime", "ek_unknown_0123456789", nil)
	if got := c.next("error").Get("error.code").Str; got != "invalid_api_key" {
		t.Errorf("unknown secret: code = %q", got)
	}
}

func TestClientSecretForTranscription(t *testing.T) {
	_, url := start(t, standin.Options{})
	status, made := post(t, url+"/v1/realtime/client_secrets", testKey, `{"session":{"type":"transcription","audio":{"input":{"transcription":{"model":"gpt-transcribe","keywords":["Ghent"]}}}}}`)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, made.Raw)
	}
	created := dialWith(t, url+"/v1/realtime", made.Get("value").Str, nil).next("session.created")
	if got := created.Get("session.audio.input.transcription.keywords.0").Str; got != "Ghent" || created.Get("session.type").Str != "transcription" {
		t.Errorf("session.created = %s", created.Raw)
	}
}

func TestClientSecretRefusals(t *testing.T) {
	_, url := start(t, standin.Options{})
	for _, row := range []struct {
		name, key, body, code string
		status                int
	}{
		{"no key", "", `{}`, "", 401},
		{"wrong key", "sk-wrong-0123456789", `{}`, "invalid_api_key", 401},
		{"not JSON", testKey, `{`, "invalid_json", 400},
		{"too short", testKey, `{"expires_after":{"anchor":"created_at","seconds":9}}`, "integer_below_min_value", 400},
		{"too long", testKey, `{"expires_after":{"anchor":"created_at","seconds":7201}}`, "integer_above_max_value", 400},
		{"unknown", testKey, `{"session":{"type":"realtime","voice":"ash"}}`, "unknown_parameter", 400},
		{"model", testKey, `{"session":{"type":"realtime","model":"gpt-nope"}}`, "invalid_model", 400},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, e := post(t, url+"/v1/realtime/client_secrets", row.key, row.body)
			if status != row.status || e.Get("error.code").Str != row.code || e.Get("error.message").Str == "" {
				t.Errorf("%d %s, want %d %s", status, e.Raw, row.status, row.code)
			}
		})
	}
}

func TestTranscriptionSession(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dialWith(t, url+"/v1/realtime?intent=transcription", testKey, nil)
	created := c.next("session.created")
	if created.Get("session.type").Str != "transcription" || created.Get("session.object").Str != "realtime.transcription_session" || created.Get("session.model").Exists() {
		t.Errorf("session.created = %s", created.Raw)
	}
	c.send(`{"type":"session.update","session":{"type":"transcription","audio":{"input":{"transcription":{"model":"whisper-1"}}},"include":["item.input_audio_transcription.logprobs"]}}`)
	c.next("session.updated")
	c.refused(`{"type":"response.create"}`, "invalid_value", "type")
	c.speak(pcm, 600)
	completed := c.upTo("conversation.item.input_audio_transcription.completed")
	if completed.Get("usage.type").Str != "duration" || !completed.Get("logprobs.0.token").Exists() {
		t.Errorf("completed = %s", completed.Raw)
	}
}

func TestTranscriptionSessionTellsSemanticVAD(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dialWith(t, url+"/v1/realtime?intent=transcription", testKey, nil)
	c.next("session.created")
	c.send(`{"type":"session.update","session":{"type":"transcription","audio":{"input":{"turn_detection":{"type":"semantic_vad","eagerness":"low"}}}}}`)
	if got := c.next("session.updated").Get("session.audio.input.turn_detection"); got.Get("eagerness").Str != "low" || got.Get("threshold").Exists() {
		t.Errorf("turn_detection = %s", got.Raw)
	}
}

func TestDiarizedAndFailedTranscription(t *testing.T) {
	stand, url := start(t, standin.Options{})
	c := dialWith(t, url+"/v1/realtime?intent=transcription", testKey, nil)
	c.next("session.created")
	c.send(`{"type":"session.update","session":{"type":"transcription","audio":{"input":{"transcription":{"model":"gpt-4o-transcribe-diarize"}}}}}`)
	c.next("session.updated")
	c.speak(pcm, 600)
	c.until("conversation.item.input_audio_transcription.segment")
	c.next("conversation.item.input_audio_transcription.completed")
	stand.SetFaults(standin.Faults{FailTranscription: "audio_unintelligible"}, true)
	c.speak(pcm, 600)
	if got := c.upTo("conversation.item.input_audio_transcription.failed").Get("error.code").Str; got != "audio_unintelligible" {
		t.Errorf("code = %q", got)
	}
}
