package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway"
)

func TestModelsThatShutDownAreTold(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	asked := map[string]int{}
	fail := false
	r := newRig(t, standin.Faults{}, func(o *gateway.Options) {
		o.TranscriptionModel = "whisper-1"
		o.Shutdown = func(_ context.Context, model string) (time.Time, error) {
			asked[model]++
			if fail {
				return time.Time{}, errors.New("no route to host")
			}
			ends := map[string]string{"gpt-realtime": "2027-01-20", "whisper-1": "2027-02-26"}[model]
			day, _ := time.Parse(time.DateOnly, ends) // "" is the zero time
			return day, nil
		}
	})
	gateway.SetShutdownClock(r.gateway, func() time.Time { return now })
	told := func() string {
		var health struct{ Models json.RawMessage }
		if err := json.Unmarshal(r.do("GET", "/readyz", "", "").body, &health); err != nil {
			t.Fatal(err)
		}
		return string(health.Models)
	}

	fail = true
	gateway.LookUp(t.Context(), r.gateway)
	if got := told(); got != "" {
		t.Errorf("when nothing could be looked up: %s", got)
	}
	fail = false
	gateway.LookUp(t.Context(), r.gateway)
	const whisper = `{"model":"whisper-1","shutdown_date":"2027-02-26","days":87}`
	if got := told(); got != "["+whisper+"]" {
		t.Errorf("configured: %s", got)
	}
	r.must(201, "POST", "/realtime/sessions", app, `{"session_id":"old","config":{"model":"gpt-realtime"}}`)
	gateway.LookUp(t.Context(), r.gateway)
	if got := told(); got != `[{"model":"gpt-realtime","shutdown_date":"2027-01-20","days":50},`+whisper+"]" {
		t.Errorf("with a session: %s", got)
	}
	metrics := string(r.do("GET", "/metrics", "", "").body)
	if !strings.Contains(metrics, `switchboard_model_shutdown_seconds{model="gpt-realtime"} 4.3632e+06`) || strings.Contains(metrics, `model="gpt-realtime-2.1"`) {
		t.Errorf("metrics: %s", metrics[strings.Index(metrics, "# HELP switchboard_model"):])
	}

	if asked["whisper-1"] != 2 || asked["gpt-realtime"] != 1 {
		t.Errorf("asked %v: once a day is enough", asked)
	}
	now = now.Add(24 * time.Hour)
	r.must(200, "DELETE", "/realtime/sessions/old", app, "")
	gateway.LookUp(t.Context(), r.gateway)
	if got := told(); asked["whisper-1"] != 3 || asked["gpt-realtime"] != 1 || got != strings.Replace("["+whisper+"]", "87", "86", 1) {
		t.Errorf("a day later: asked %v, told %s", asked, got)
	}
	if warned := strings.Count(r.log.String(), "going to shut down"); warned != 3 {
		t.Errorf("%d warnings", warned)
	}
}
