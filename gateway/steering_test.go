package gateway_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"

	"switchboard/cmd/simulator/standin"
)

// sight is an event that a browser is to see: its type, and what is at a path of it.
type sight struct{ typ, path, value string }

// sees reads up to each sight in turn, and returns the last event's ID.
func (p *peer) sees(sights ...sight) (last string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for _, s := range sights {
		for {
			_, raw, err := p.Read(ctx)
			if err != nil {
				p.t.Fatalf("waiting for %v: %v", s, err)
			}
			e := gjson.ParseBytes(raw)
			last = e.Get("event_id").Str
			if e.Get("type").Str == s.typ && (s.path == "" || e.Get(s.path).String() == s.value) {
				break
			}
		}
	}
	return last
}

// speaks appends half a second of audio and waits until the upstream has it.
func (p *peer) speaks() (last string) {
	p.t.Helper()
	p.say(`{"type":"input_audio_buffer.append","audio":"` + base64.StdEncoding.EncodeToString(make([]byte, 24000)) + `"}`)
	p.say(`{"type":"conversation.item.create","item":{"id":"item_mark","type":"message","role":"user","content":[{"type":"input_text","text":"-"}]}}`)
	return p.sees(sight{"conversation.item.done", "item.id", "item_mark"})
}

// calls has the model call a function, and returns the call's ID.
func (r *rig) calls(id string) string {
	r.t.Helper()
	next, stop := r.follow(id, "")
	defer stop()
	r.must(200, "POST", "/realtime/sessions/"+id+"/message", app, `{"text":"Call weather."}`)
	return gjson.Get(next("response.function_call_arguments.done").Data, "call_id").Str
}

// steerings are the controls that change a session that runs: what has to be there first,
// the request, with the ID that first returned, and what a browser sees of it.
var steerings = map[string]struct {
	config     string
	audio      bool // the browser has spoken
	first      func(*rig, string) string
	call, body string
	sights     []sight
}{
	"message": {
		call: "POST message", body: `{"text":"Say hello."}`,
		sights: []sight{{"conversation.item.added", "item.role", "user"}, {"response.created", "", ""}, {"response.done", "response.status", "completed"}},
	},
	"update": {
		call: "PATCH", body: `{"instructions":"Speak Dutch."}`,
		sights: []sight{{"session.updated", "session.instructions", "Speak Dutch."}},
	},
	"cancel": {
		config: `{"instructions":"simulator:stream"}`, // it never ends by itself
		first: func(r *rig, id string) string {
			r.must(200, "POST", "/realtime/sessions/"+id+"/message", app, `{"text":"Go on."}`)
			return ""
		},
		call: "POST cancel", sights: []sight{{"response.done", "response.status", "cancelled"}},
	},
	"function-result": {
		config: `{"tools":[{"type":"function","name":"weather","parameters":{"type":"object","properties":{}}}]}`,
		first:  (*rig).calls, call: "POST function-result", body: `{"call_id":"%s","output":"rain"}`,
		sights: []sight{
			{"conversation.item.added", "item.output", "rain"},
			{"response.output_audio_transcript.done", "transcript", "The weather tool says: rain"},
			{"response.done", "response.status", "completed"},
		},
	},
	"audio/commit": {
		config: `{"turn_detection":null}`, audio: true, call: "POST audio/commit",
		sights: []sight{{"input_audio_buffer.committed", "", ""}, {"conversation.item.added", "item.content.0.type", "input_audio"}},
	},
	"audio/clear": {
		config: `{"turn_detection":null}`, audio: true, call: "POST audio/clear",
		sights: []sight{{"input_audio_buffer.cleared", "", ""}},
	},
}

// TestBrowserSeesWhatTheApplicationDoes holds for a browser that is attached, and for one
// that attaches afterwards, or comes back.
func TestBrowserSeesWhatTheApplicationDoes(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	for name, s := range steerings {
		for _, attached := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/attached=%t", name, attached), func(t *testing.T) {
				rt := *r
				rt.t = t
				id := fmt.Sprintf("%s-%t", strings.ReplaceAll(name, "/", "-"), attached)
				created := rt.must(201, "POST", "/realtime/sessions", app, fmt.Sprintf(`{"session_id":%q,"config":%s}`, id, orObject(s.config)))
				token := created.field(t, "client_secret", "value").(string)
				relay := "/realtime/sessions/" + id + "/relay"
				var browser *peer
				if attached || s.audio {
					browser = rt.attach(relay, token)
					browser.sees(sight{"session.created", "", ""})
				}
				if s.audio {
					last := browser.speaks()
					relay += "?last_event_id=" + url.QueryEscape(last)
				}
				if s.audio && !attached {
					_ = browser.Close(websocket.StatusNormalClosure, "")
				}
				body := s.body
				if s.first != nil {
					if ref := s.first(&rt, id); ref != "" {
						body = fmt.Sprintf(body, ref)
					}
				}
				method, sub, _ := strings.Cut(s.call, " ")
				rt.must(200, method, strings.TrimSuffix("/realtime/sessions/"+id+"/"+sub, "/"), app, body)
				if !attached {
					browser = rt.attach(relay, token)
				}
				browser.sees(s.sights...)
			})
		}
	}
}

func orObject(config string) string {
	if config == "" {
		return "{}"
	}
	return config
}

// TestCreateBesideABrowser: a session that is created, or cannot be, is nothing to the
// clients of another.
func TestCreateBesideABrowser(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	first := r.attach("/realtime/sessions/one/relay", r.open("one"))
	second := r.attach("/realtime/sessions/two/relay", r.open("two"))
	r.must(409, "POST", "/realtime/sessions", app, `{"session_id":"one"}`)
	r.must(200, "POST", "/realtime/sessions/two/message", app, `{"text":"to two","respond":false}`)
	r.must(200, "POST", "/realtime/sessions/one/message", app, `{"text":"to one","respond":false}`)
	for p, text := range map[*peer]string{first: "to one", second: "to two"} {
		p.until("session.created")
		if got := p.until("conversation.item.added")["item"].(map[string]any)["content"].([]any)[0].(map[string]any)["text"]; got != text {
			t.Errorf("the first item says %v, want %s", got, text)
		}
	}
}
