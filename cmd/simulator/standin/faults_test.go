package standin_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"switchboard/cmd/simulator/standin"
)

func TestFaultsAreSetAndClearedByTheControlRoute(t *testing.T) {
	stand, url := start(t, standin.Options{})
	status, body := post(t, url+"/_simulator/faults", "", `{"close_code":1011,"close_reason":"oops","after_events":2,"connections":1}`)
	if status != http.StatusOK || body.Get("close_code").Int() != 1011 {
		t.Fatalf("%d %s", status, body.Raw)
	}
	c := dial(t, url)
	c.next("session.created")
	c.send(`{"type":"session.update","session":{"type":"realtime"}}`)
	c.next("session.updated")
	if got := c.closed(); got.Code != 1011 || got.Reason != "oops" {
		t.Errorf("closed with %d %q", got.Code, got.Reason)
	}
	c = dial(t, url)
	c.next("session.created")
	c.update(`"instructions":"the second connection is fine"`)
	if status, _ := post(t, url+"/_simulator/faults", "", `{"nope":1}`); status != http.StatusBadRequest {
		t.Errorf("unknown fault: status %d", status)
	}
	for _, body := range []string{
		`{"close_code":1006}`, `{"close_code":5000}`, `{"reject_close":1015}`, `{"handshake_status":101}`, `{"rest_status":200}`, `{"reject":"` + strings.Repeat("x", 110) + `"}`, `{"after_ms":-1}`, `{"close_reason":"` + strings.Repeat("x", 124) + `"}`,
	} {
		if status, e := post(t, url+"/_simulator/faults", "", body); status != http.StatusBadRequest || e.Get("error.message").Str == "" {
			t.Errorf("%s: %d %s", body, status, e.Raw)
		}
	}
	if status, _ := post(t, url+"/_simulator/webhooks/faults", "", `{"forge_percent":101}`); status != http.StatusBadRequest {
		t.Errorf("101 %% forged: status %d", status)
	}
	stand.SetFaults(standin.Faults{CloseCode: 1012, AfterMS: 1}, true)
	if got := c.closed(); got.Code != 1012 {
		t.Errorf("live connection closed with %d", got.Code)
	}
	stand.SetFaults(standin.Faults{}, true)
	dial(t, url).next("session.created")
}

func TestFaultyHandshakes(t *testing.T) {
	_, url := start(t, standin.Options{Faults: standin.Faults{HandshakeStatus: 429}})
	_, answer, err := websocket.Dial(t.Context(), strings.Replace(url, "http", "ws", 1)+"/v1/realtime?model=gpt-realtime", nil) // the library has read it
	if err == nil || answer.StatusCode != 429 || answer.Header.Get("Retry-After") == "" {
		t.Errorf("handshake: %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
	status, e := get(t, url+"/v1/realtime")
	if status != 429 || e.Get("error.code").Str != "slow_down" {
		t.Errorf("%d %s", status, e.Raw)
	}
}

func TestRESTIsRefusedOnDemand(t *testing.T) {
	stand, url := start(t, standin.Options{Faults: standin.Faults{RESTStatus: 503, RESTEvery: 2}})
	client := sdk(url) // which does not try again
	for n, refused := range []bool{false, true, false, true} {
		_, err := client.Files.List(t.Context(), openai.FileListParams{})
		apiErr, _ := errors.AsType[*openai.Error](err)
		if (err != nil) != refused || refused && (apiErr.StatusCode != 503 || apiErr.Code != "server_is_overloaded") {
			t.Errorf("request %d: %v", n, err)
		}
	}
	dial(t, url).next("session.created")
	stand.SetFaults(standin.Faults{RESTStatus: 429}, false)
	patient := openai.NewClient(option.WithBaseURL(url+"/v1/"), option.WithAPIKey(testKey), option.WithMaxRetries(1), option.WithMiddleware(
		func(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
			answer, err := next(r)
			if answer != nil {
				answer.Header.Set("Retry-After", "0")
			}
			stand.SetFaults(standin.Faults{}, false)
			return answer, err
		}))
	if _, err := patient.Files.List(t.Context(), openai.FileListParams{}); err != nil {
		t.Errorf("tried again: %v", err)
	}
}

func TestRejectingFaults(t *testing.T) {
	stand, url := start(t, standin.Options{Faults: standin.Faults{Reject: "insufficient_quota"}})
	c := dial(t, url)
	if got := c.next("error").Get("error.code").Str; got != "insufficient_quota" {
		t.Errorf("code = %q", got)
	}
	if got := c.closed().Code; got != 4000 {
		t.Errorf("closed with %d", got)
	}
	stand.SetFaults(standin.Faults{RejectClose: 1008}, false)
	if got := dial(t, url).closed().Code; got != 1008 {
		t.Errorf("closed with %d", got)
	}
}

func TestOddEvents(t *testing.T) {
	_, url := start(t, standin.Options{Faults: standin.Faults{Garbage: true, UnknownEvent: true, BigEvent: 1 << 20, DuplicateEvery: 5}})
	c := dial(t, url)
	c.next("session.created")
	if _, raw, err := c.ws.Read(t.Context()); err != nil || !strings.Contains(string(raw), "garbage") {
		t.Errorf("no garbage: %q %v", raw, err)
	}
	c.next("simulator.unknown_event")
	if big := c.next("rate_limits.updated"); len(big.Raw) < 1<<20 {
		t.Errorf("big event has %d bytes", len(big.Raw))
	}
	c.send(`{"type":"session.update","session":{"type":"realtime"}}`)
	if a, b := c.next("session.updated"), c.next("session.updated"); a.Raw != b.Raw {
		t.Error("duplicate differs")
	}
}

func TestConnectionsEndWithoutCloseFrame(t *testing.T) {
	for name, faults := range map[string]standin.Faults{"reset": {Reset: true}, "vanish": {Vanish: true}} {
		t.Run(name, func(t *testing.T) {
			_, url := start(t, standin.Options{Faults: faults})
			c := dial(t, url)
			for {
				if _, err := c.read(); err != nil {
					if code := websocket.CloseStatus(err); code != -1 {
						t.Errorf("close frame with %d", code)
					}
					return
				}
			}
		})
	}
}

func TestStalledWriterGoesOnWhenCleared(t *testing.T) {
	stand, url := start(t, standin.Options{Faults: standin.Faults{StallWrite: true, StallRead: true, AfterEvents: 2}})
	c := dial(t, url)
	c.next("session.created")
	c.send(`{"type":"session.update","session":{"type":"realtime"}}`)
	c.send(`{"type":"session.update","session":{"type":"realtime"}}`)
	waitFor(t, func() bool { return stand.States(false)[0].Received.Events == 1 })
	stand.SetFaults(standin.Faults{}, true)
	c.next("session.updated")
	c.next("session.updated")
}

func TestStalledSessionEndsWithTheServer(t *testing.T) {
	stand, url := start(t, standin.Options{Faults: standin.Faults{StallWrite: true, StallRead: true}})
	dial(t, url).send(`{"type":"response.create"}`)
	waitFor(t, func() bool { return stand.Sessions() == 1 })
	stand.Close()
	if n := stand.Sessions(); n != 0 {
		t.Errorf("%d sessions left", n)
	}
}

func TestFailedResponseHasNoErrorEvent(t *testing.T) {
	_, url := start(t, standin.Options{Faults: standin.Faults{FailResponse: "rate_limit_exceeded", DelayMS: 1}})
	c := dial(t, url)
	c.next("session.created")
	c.send(`{"type":"response.create"}`)
	c.next("response.created")
	r := c.next("response.done").Get("response")
	if r.Get("status").Str != "failed" || r.Get("status_details.error.code").Str != "rate_limit_exceeded" {
		t.Errorf("response = %s", r.Raw)
	}
	c.next("rate_limits.updated")
}

func TestSlowAcceptGivesUpWithTheClient(t *testing.T) {
	_, url := start(t, standin.Options{Faults: standin.Faults{AcceptDelayMS: int(time.Hour / time.Millisecond)}})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, _, err := websocket.Dial(ctx, strings.Replace(url, "http", "ws", 1)+"/v1/realtime", nil); err == nil { // there is none
		t.Error("handshake was answered")
	}
	http.DefaultClient.CloseIdleConnections()
}
