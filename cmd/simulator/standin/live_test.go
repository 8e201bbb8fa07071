package standin_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/tidwall/gjson"

	"switchboard/cmd/simulator/standin"
)

func TestUpdateOfTheOtherKindOfSession(t *testing.T) {
	_, url := start(t, standin.Options{})
	for query, want := range map[string]string{
		"model=gpt-realtime":   "Passing a transcription session update event to a realtime session is not allowed.",
		"intent=transcription": "Passing a realtime session update event to a transcription session is not allowed.",
	} {
		c := dialWith(t, url+"/v1/realtime?"+query, testKey, nil)
		c.next("session.created")
		kind := "transcription"
		if strings.HasPrefix(query, "intent") {
			kind = "realtime"
		}
		e := c.refused(`{"type":"session.update","session":{"type":"`+kind+`"}}`, "invalid_parameter", "session.type")
		if got := e.Get("message").Str; got != want {
			t.Errorf("%s: %q", query, got)
		}
	}
}

func TestIntentThatIsNone(t *testing.T) {
	_, url := start(t, standin.Options{})
	for intent, want := range map[string]string{"": "Invalid intent ", "singing": "Invalid intent singing"} {
		c := dialWith(t, url+"/v1/realtime?model=gpt-realtime&intent="+intent, testKey, nil)
		e := c.next("error").Get("error")
		if e.Get("message").Str != want || e.Get("param").Raw != "null" {
			t.Errorf("intent %q: %s", intent, e.Raw)
		}
		c.closed()
	}
}

// gpt-realtime-whisper follows turns in a conversation; in a transcription session it wants
// to be committed to.
func TestWhisperTakesTurnsInConversationsOnly(t *testing.T) {
	_, url := start(t, standin.Options{})
	const whisper = `"audio":{"input":{"transcription":{"model":"gpt-realtime-whisper"}}}`
	c := dial(t, url)
	c.next("session.created")
	c.update(whisper)
	c = dialWith(t, url+"/v1/realtime?intent=transcription", testKey, nil)
	c.next("session.created")
	c.refused(`{"type":"session.update","session":{"type":"transcription",`+whisper+`}}`, "invalid_value", "session.audio.input.turn_detection")
}

func TestNoiseReductionKeepsWhatAnUpdateLeavesOut(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	for _, row := range []struct{ update, want string }{
		{`{"type":"near_field"}`, `{"type":"near_field","strength":1}`},
		{`{"strength":0.5}`, `{"type":"near_field","strength":0.5}`},
		{`{"type":"far_field"}`, `{"type":"far_field","strength":0.5}`},
		{`null`, `null`},
		{`{"type":"far_field","strength":2}`, `{"type":"far_field","strength":2}`},
	} {
		got := c.update(`"audio":{"input":{"noise_reduction":` + row.update + `}}`).Get("session.audio.input.noise_reduction").Raw
		if got != row.want {
			t.Errorf("after %s: %s, want %s", row.update, got, row.want)
		}
	}
}

// Limits of length are told in characters.
func TestDescriptionOfAToolMayHave1024Characters(t *testing.T) {
	_, url := start(t, standin.Options{})
	c := dial(t, url)
	c.next("session.created")
	c.update(`"tools":[{"type":"function","name":"f","description":"` + strings.Repeat("ö", 1024) + `"}]`)
	e := c.refused(`{"type":"response.create","response":{"tools":[{"type":"function","name":"f","description":"`+strings.Repeat("ö", 1025)+`"}]}}`,
		"string_above_max_length", "response.tools[0].description")
	if !strings.Contains(e.Get("message").Str, "maximum length 1024, but got a string with length 1025") {
		t.Errorf("message = %q", e.Get("message").Str)
	}
}

func TestFilesThatTheLiveAPIRefuses(t *testing.T) {
	_, url := start(t, standin.Options{})
	wide := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune("{}\n")) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	for _, row := range []struct {
		purpose, name string
		content       []byte
		want          string
	}{
		{"batch", "in.jsonl", wide, "Invalid file for Batch API. Must be utf-8 encoded"},
		{"batch", "in.jsonl", []byte("{\"a\":\"\xe9\"}\n"), "Invalid file for Batch API. Must be utf-8 encoded"},
		{"batch", "in.txt", []byte("{}\n"), "Invalid file format for Batch API. Must be .jsonl"},
		{"fine-tune", "in.csv", []byte("a,b\n"), "Invalid file format for Fine-Tuning API. Must be .jsonl"},
		{"user_data", "in.txt", wide, ""},
		{"batch", "in.jsonl", []byte("{\"a\":\"é\"}\n"), ""},
	} {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		_ = form.WriteField("purpose", row.purpose)
		part, _ := form.CreateFormFile("file", row.name)
		_, _ = part.Write(row.content)
		_ = form.Close()
		e := postForm(t, url+"/v1/files", form.FormDataContentType(), body.String()).Get("error")
		if e.Get("message").Str != row.want || row.want != "" && (e.Get("param").Raw != "null" || e.Get("code").Raw != "null") {
			t.Errorf("%s for %s: %s, want %q", row.name, row.purpose, e.Raw, row.want)
		}
	}
}

func postForm(t *testing.T, url, kind, body string) gjson.Result {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testKey)
	req.Header.Set("Content-Type", kind)
	_, answer := do(t, req)
	return answer
}

// What is documented for subscriptions, and what the SDKs' newest list of types adds.
func TestEveryTypeOfWebhookCanBeSubscribed(t *testing.T) {
	_, url := start(t, standin.Options{})
	for _, kind := range []string{"live.transport.connected", "live.call.incoming", "live.transport.incoming", "safety.alert.created",
		"safety.warning_issued", "safety.deactivation_issued", "safety.org_alert.created", "realtime.call.incoming", "batch.completed"} {
		body := `{"name":"x","url":"https://example.com/","event_types":["` + kind + `"]}`
		if e := postForm(t, url+"/v1/webhook_endpoints", "application/json", body).Get("error"); e.Exists() {
			t.Errorf("%s: %s", kind, e.Raw)
		}
	}
}

// Models that are gone are refused as unknown ones are, and those that will be say when.
func TestModelsThatEnd(t *testing.T) {
	_, url := start(t, standin.Options{Shutdowns: map[string]string{"gpt-realtime-2": "2026-11-30", "gpt-realtime-2.1-mini": "2027-06-01", "gpt-6-sol": "2026-11-01"}})
	listed := map[string]gjson.Result{}
	for _, m := range ask(t, url+"/v1/models").Get("data").Array() {
		listed[m.Get("id").Str] = m
	}
	for name, want := range map[string]string{
		"gpt-realtime-2.1": "null", "gpt-realtime": `"2027-01-20"`, "gpt-realtime-2.1-mini": `"2027-06-01"`, "gpt-4o-mini": `"2027-01-14"`, "whisper-1": `"2027-02-26"`,
		"gpt-transcribe": "null", "gpt-realtime-2": "", "gpt-6-sol": "", "gpt-3.5-turbo": "", "gpt-4.1-nano-2025-04-14": "", "gpt-realtime-mini-2025-10-06": "", "gpt-4o-2024-05-13": "",
	} {
		one := ask(t, url+"/v1/models/"+name)
		if got := one.Get("shutdown_date").Raw; got != want || listed[name].Get("shutdown_date").Raw != want {
			t.Errorf("%s: %s and %s, want shutdown_date %s", name, one.Raw, listed[name].Raw, want)
		}
		if want == "" && one.Get("error.code").Str != "model_not_found" {
			t.Errorf("%s: %s", name, one.Raw)
		}
	}
	for name, code := range map[string]string{"gpt-realtime-2": "invalid_model", "gpt-realtime-mini-2025-10-06": "invalid_model", "gpt-realtime-mini-2025-12-15": "", "gpt-realtime": ""} {
		c := dialWith(t, url+"/v1/realtime?model="+name, testKey, nil)
		first, err := c.read()
		if err != nil || first.Get("error.code").Str != code {
			t.Errorf("%s: %v %s", name, err, first.Raw)
		}
	}
	for _, body := range []string{`{"model":"gpt-3.5-turbo","input":"hi"}`, `{"model":"o4-mini","input":"hi"}`} {
		if got := postForm(t, url+"/v1/responses", "application/json", body).Get("error.code").Str; got != "model_not_found" {
			t.Errorf("%s: %s", body, got)
		}
	}
	if got := postForm(t, url+"/v1/fine_tuning/jobs", "application/json", `{"model":"gpt-4.1-nano-2025-04-14","training_file":"x"}`).Get("error.code").Str; got != "model_not_available" {
		t.Errorf("fine-tuning: %s", got)
	}
}

func ask(t *testing.T, url string) gjson.Result {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testKey)
	_, answer := do(t, req)
	return answer
}

// On a machine with other users, the demo's stand-in is not theirs to command.
func TestPrivateControlsWantAKey(t *testing.T) {
	for _, private := range []bool{false, true} {
		_, url := start(t, standin.Options{PrivateControls: private})
		for _, path := range []string{"/_simulator/faults", "/_simulator/sessions", "/_simulator/webhooks/deliveries"} {
			status, _ := get(t, url+path)
			if want := map[bool]int{false: 200, true: 401}[private]; status != want {
				t.Errorf("private %t, %s: %d", private, path, status)
			}
			if got := ask(t, url+path); got.Get("error").Exists() {
				t.Errorf("private %t, %s with the key: %s", private, path, got.Raw)
			}
		}
	}
}
