package hub_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"switchboard/session"
	"switchboard/session/configuration"
)

func sameJSON(t *testing.T, got []byte, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNormalizeConfig(t *testing.T) {
	for _, c := range []struct{ name, in, model, want string }{
		{"short", `{"model":"m","instructions":"x","voice":"marin","turn_detection":null}`, "m",
			`{"type":"realtime","instructions":"x","audio":{"output":{"voice":"marin"},"input":{"turn_detection":null}}}`},
		{"the beta's modalities", `{"modalities":["text","audio"]}`, "", `{"type":"realtime","output_modalities":["audio"]}`},
		{"old names", `{"input_audio_format":"g711_ulaw","output_audio_format":"pcm16","modalities":["text"],"max_response_output_tokens":7}`, "",
			`{"type":"realtime","output_modalities":["text"],"max_output_tokens":7,"audio":{"input":{"format":{"type":"audio/pcmu"}},"output":{"format":{"type":"audio/pcm","rate":24000}}}}`},
		{"full", `{"type":"realtime","model":"m","audio":{"output":{"voice":"alloy"}},"unknown":1}`, "m",
			`{"type":"realtime","audio":{"output":{"voice":"alloy"}},"unknown":1}`},
		{"full by its audio", `{"audio":{"input":{}}}`, "", `{"type":"realtime","audio":{"input":{}}}`},
		{"transcription", `{"type":"transcription"}`, "", `{"type":"transcription"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			model, ga, err := configuration.NormalizeConfig([]byte(c.in))
			if err != nil || model != c.model {
				t.Fatalf("model %q, %v", model, err)
			}
			sameJSON(t, ga, c.want)
		})
	}
	for in, field := range map[string]string{`{"voise":"x"}`: "config.voise", `[]`: "config", `{"model":7}`: "config.model"} {
		var invalid *session.InvalidError
		if _, _, err := configuration.NormalizeConfig([]byte(in)); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s: %v, want the field %s", in, err, field)
		}
	}
	if model, ga, err := configuration.NormalizeConfig(nil); model != "" || ga != nil || err != nil {
		t.Errorf("nothing gives %q %s %v", model, ga, err)
	}
}

func TestWithTranscription(t *testing.T) {
	sameJSON(t, configuration.WithTranscription(nil, "m"), `{"type":"realtime","audio":{"input":{"transcription":{"model":"m"}}}}`)
	off := `{"type":"realtime","audio":{"input":{"transcription":null}}}`
	sameJSON(t, configuration.WithTranscription([]byte(off), "m"), off)
	sameJSON(t, configuration.WithTranscription([]byte(off), ""), off)
	for _, wrong := range []string{`{"type":"realtime","audio":"loud"}`, `{"type":"realtime","audio":{"input":[]}}`} { // for the upstream to refuse
		sameJSON(t, configuration.WithTranscription([]byte(wrong), "m"), wrong)
	}
}

func FuzzNormalizeConfig(f *testing.F) {
	f.Add([]byte(`{"voice":"marin","model":"m"}`))
	f.Add([]byte(`{"type":"realtime","audio":null}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		_, ga, err := configuration.NormalizeConfig(in)
		if err == nil && len(ga) > 0 && !json.Valid(ga) {
			t.Fatalf("%q became %q", in, ga)
		}
		configuration.WithTranscription(ga, "m")
	})
}

func TestPolicyValidate(t *testing.T) {
	for _, p := range []session.Policy{session.Voice(), session.Open(), {}} {
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
	for field, p := range map[string]session.Policy{
		"roles": {Roles: []string{"root"}}, "event_bytes": {EventBytes: -1},
		"events_per_second": {EventsPerSecond: -1}, "bytes_per_second": {BytesPerSecond: -1},
	} {
		var invalid *session.InvalidError
		if err := p.Validate(); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestIDs(t *testing.T) {
	for id, ok := range map[session.ID]bool{
		"a": true, "rs_Az09-": true, session.ID(strings.Repeat("x", 64)): true,
		"": false, "a b": false, "a}": false, "ä": false, session.ID(strings.Repeat("x", 65)): false,
	} {
		if id.Valid() != ok {
			t.Errorf("%q valid: %v", id, !ok)
		}
	}
}

func TestErrorClasses(t *testing.T) {
	for code, class := range map[string]session.Class{
		"response_cancel_not_active": session.Benign, "input_audio_buffer_commit_empty": session.Benign,
		"rate_limit_exceeded": session.Turn, "unknown_parameter": session.Turn, "server_error": session.Turn,
		"session_expired": session.Session, "invalid_model": session.Session, "model_not_found": session.Session,
		"invalid_api_key": session.Account, "insufficient_quota": session.Account,
	} {
		if got := (&session.UpstreamError{Code: code}).Class(); got != class {
			t.Errorf("%s is of class %d, want %d", code, got, class)
		}
	}
	for status, class := range map[int]session.Class{
		401: session.Account, 403: session.Account, 400: session.Session, 404: session.Session,
		408: session.Turn, 429: session.Turn, 500: session.Turn, 503: session.Turn,
	} {
		if got := (&session.UpstreamError{Status: status}).Class(); got != class {
			t.Errorf("a handshake refused with %d is of class %d, want %d", status, got, class)
		}
	}
}
