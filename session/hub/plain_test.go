package hub_test

import (
	"strings"
	"testing"
	"time"

	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// What an upstream says of the operator's account is for the operator: clients are told what
// that means for them, and everything else as it was, to the byte.
func TestErrorsThatNameTheAccount(t *testing.T) {
	for name, test := range map[string]struct{ event, told string }{
		"quota of a response": {
			` {"type":"response.done","event_id":"e","response":{"id":"r","status":"failed","status_details":{"type":"failed","error":{"type":"x","code":"insufficient_quota","message":"You exceeded the quota of org-abcdef123."}},"n":1.0}}`,
			` {"type":"response.done","event_id":"e","response":{"id":"r","status":"failed","status_details":{"type":"failed","error":{"type":"x","code":"insufficient_quota","message":"The service is not available: its quota is used up."}},"n":1.0}}`,
		},
		"rate of a transcription": {
			`{"type":"conversation.item.input_audio_transcription.failed","event_id":"e","item_id":"i","error":{"message":"Rate limit reached for m in organization org-aBc123 on tokens: \"20\".","code":"rate_limit_exceeded"}}`,
			`{"type":"conversation.item.input_audio_transcription.failed","event_id":"e","item_id":"i","error":{"message":"Rate limit reached for m in organization … on tokens: \"20\".","code":"rate_limit_exceeded"}}`,
		},
		"key": {
			`{"type":"error","event_id":"e","error":{"type":"server_error","code":"odd","message":"Key sk-proj-ab****yz of proj_1234 is odd","event_id":"user_12345"}}`,
			`{"type":"error","event_id":"e","error":{"type":"server_error","code":"odd","message":"Key … of … is odd","event_id":"user_12345"}}`,
		},
		"words only": {
			`{"type":"error","event_id":"e","error":"no such project: proj_1234"}`,
			`{"type":"error","event_id":"e","error":"no such project: …"}`,
		},
		"nothing of it": {
			`{"type":"error","event_id":"e","error":{"type":"x","code":"invalid_value","message":"The user-defined organization of 'task-list' \u002e"}}`, "",
		},
		"what the model says": {
			`{"type":"response.output_text.done","event_id":"e","item_id":"i","text":"the key sk-1234567"}`, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
				feed := c.Subscribe()
				defer feed.Close()
				send(t, up, test.event)
				if test.told == "" {
					test.told = test.event
				}
				if got := want(t, cl); got != test.told {
					t.Errorf("the client is told %s, want %s", got, test.told)
				}
				if e, err := feed.Next(t.Context()); err != nil || string(e.Raw) != test.event {
					t.Errorf("the operator is told %s, %v", e.Raw, err)
				}
			})
		})
	}
}

// The end of a session that the account is to blame for is told without its names.
func TestEndOfAnAccountIsToldPlainly(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		send(t, up, `{"type":"error","event_id":"e","error":{"type":"x","code":"invalid_api_key","message":"Incorrect API key provided: sk-ab**yz.","event_id":null}}`)
		if got := want(t, cl, "invalid_api_key"); strings.Contains(got, "sk-") {
			t.Error(got)
		}
		_, err := cl.Read()
		if how := cl.Closed(); how == nil || strings.Contains(how.Reason, "sk-") {
			t.Errorf("closed with %v, %v", how, err)
		}
		<-time.After(time.Second)
		if reason := c.Record().Reason; !strings.Contains(reason, "sk-ab**yz") {
			t.Errorf("the operator is told %q", reason)
		}
	})
}
