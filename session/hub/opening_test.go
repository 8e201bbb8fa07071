package hub_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// strange is the API session of an API that is newer than this gateway.
const strange = `{"type":"realtime","object":"realtime.session","id":"sess_1","model":"m","instructions":"be kind","expires_at":4102444800,` +
	`"client_secret":null,"tracing":null,"tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object","properties":{"token":{"type":"string"}}},"strictness":2},{"type":"web_search"}],` +
	`"mood":{"of":"calm","id":"m1","note":null},"parallel_tool_calls":false,"audio":{"input":{"format":{"type":"audio/pcm","rate":24000},` +
	`"turn_detection":null,"beam":{"width":3},"gain":null},"output":{"voice":{"id":"voice_1"},"speed":1.10,"room":"hall"},"echo":true}}`

// openStrange opens a session with that, and a client.
func openStrange(t *testing.T, fx *fixture) (c *hub.Controller, up, cl *sessiontest.Conn) {
	t.Helper()
	c, up = fx.openFor(time.Hour)
	cl, _ = fx.attach(c, session.Open())
	send(t, up, `{"type":"session.updated","event_id":"u","session":`+strange+`}`)
	want(t, cl, "session.updated")
	send(t, up, item("i1", "user", "input_text", "hello"))
	want(t, cl, "i1")
	return c, up, cl
}

// The next upstream is told every field that is not the upstream's own, known here or not.
func TestNextUpstreamIsToldEveryField(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		_, up, _ := openStrange(t, fx)
		up.Drop()
		up = <-fx.ends
		send(t, up, strings.Replace(createdFor("sess_2", time.Hour), `"input":{`, `"input":{"gain":4,`, 1))
		update := want(t, up, `"session.update"`)
		for _, kept := range []string{
			`"strictness":2`, `"web_search"`, `"mood":{"id":"m1","note":null,"of":"calm"}`, `"parallel_tool_calls":false`, `"beam":{"width":3}`,
			`"voice":{"id":"voice_1"}`, `"speed":1.10`, `"room":"hall"`, `"echo":true`, `"turn_detection":null`, `"gain":null`, `"token":{"type":"string"}`,
		} {
			if !strings.Contains(update, kept) {
				t.Errorf("the next upstream is not told %s: %s", kept, update)
			}
		}
		for _, own := range []string{`sess_1`, `"object":"realtime.session"`, `"model"`, `"expires_at"`, `"client_secret"`, `"tracing"`} {
			if strings.Contains(update, own) {
				t.Errorf("the next upstream is told %s: %s", own, update)
			}
		}
	})
}

func refusal(code, param, message string) string {
	return fmt.Sprintf(`{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":%q,"message":%q,"param":%s,"event_id":null}}`, code, message, param)
}

// What the next upstream refuses is left out by name, and the session goes on: with what
// broadcasts have made of its instructions, and with the conversation.
func TestRefusedFieldIsLeftOut(t *testing.T) {
	for name, test := range map[string]struct{ code, param, message, gone, dropped string }{
		"unknown":          {"unknown_parameter", `"session.mood"`, "Unknown parameter: 'session.mood'.", `"mood"`, "mood"},
		"nested":           {"unknown_parameter", `"session.audio.input.beam"`, "", `"beam"`, "audio.input.beam"},
		"value":            {"invalid_value", `"session.audio.output.voice.id"`, "", `"voice_1"`, "audio.output.voice.id"},
		"in a list":        {"unknown_parameter", `"session.tools[0].strictness"`, "", `"strictness"`, "tools.0.strictness"},
		"of a list":        {"invalid_value", `"session.tools[1]"`, "", `"web_search"`, "tools.1"},
		"what is not said": {"missing_required_parameter", `"session.tools[1].index"`, "", `"web_search"`, "tools.1"},
		"in words only":    {"unknown_parameter", `null`, "Unknown parameter: 'session.audio.output.room'.", `"room"`, "audio.output.room"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fx := start(t)
				defer fx.stop()
				_, up, cl := openStrange(t, fx)
				up.Drop()
				up = <-fx.ends
				send(t, up, createdFor("sess_2", time.Hour))
				want(t, up, `"session.update"`, test.gone)
				send(t, up, refusal(test.code, test.param, test.message))
				if update := want(t, up, `"session.update"`, `"be kind"`); strings.Contains(update, test.gone) {
					t.Errorf("told again: %s", update)
				}
				send(t, up, strings.Replace(createdFor("sess_2", time.Hour), "created", "updated", 1))
				want(t, up, "conversation.item.create", "hello")
				send(t, up, `{"type":"conversation.item.added","event_id":"x","item":{"id":"i1","type":"message"}}`)
				want(t, cl, "renewed", `"dropped":["`+test.dropped+`"]`)
				if n := fx.hub.Stats().Dropped; n != 1 {
					t.Errorf("%d fields counted", n)
				}
			})
		})
	}
}

// An upstream that refuses whatever it is told is not asked without end, and none is asked
// without the instructions.
func TestRefusalsAreBounded(t *testing.T) {
	for name, param := range map[string]string{"instructions": "session.instructions", "no field": "item.id", "everything": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fx := start(t)
				defer fx.stop()
				_, up, _ := openStrange(t, fx)
				up.Drop()
				up = <-fx.ends
				send(t, up, createdFor("sess_2", time.Hour))
				asked := 0
				for {
					update, err := up.Receive()
					if err != nil {
						break // it is given up
					}
					field := param
					if asked++; field == "" {
						for _, f := range []string{"mood", "tools", "audio", "parallel_tool_calls", "type"} {
							if strings.Contains(update, `"`+f+`"`) {
								field = "session." + f
								break
							}
						}
					}
					send(t, up, refusal("invalid_value", `"`+field+`"`, ""))
				}
				if asked > 17 || param != "" && asked != 1 {
					t.Errorf("asked %d times", asked)
				}
			})
		})
	}
}
