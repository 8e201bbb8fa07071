package gateway_test

import (
	"encoding/json"
	"strings"
	"testing"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway"
)

// What operators look at in one session: while it runs, and when it has ended.
func TestOneSession(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.open("one")
	const path = "/realtime/sessions/one"
	live, _ := r.follow("one", "")
	r.must(200, "POST", path+"/message", app, `{"text":"Say <b>hello</b> -->\n\nplease"}`)
	live("response.done")
	r.must(200, "POST", path+"/message", app, `{"text":"be generous","private":true}`)
	if e := live("switchboard.session.whisper"); !strings.Contains(e.Data, "be generous") {
		t.Errorf("the log says %s", e.Data)
	}
	r.must(201, "POST", path+"/notes", app, `{"text":"call <i>back</i>"}`)
	r.must(422, "POST", path+"/notes", app, `{"text":"  "}`)
	r.must(422, "POST", path+"/notes", app, `{"text":"`+strings.Repeat("x", 4001)+`"}`)
	r.must(422, "POST", path+"/message", app, `{"text":"x","private":true,"role":"assistant"}`)
	r.must(422, "GET", path+"/transcript?format=pdf", app, "")
	for _, part := range []string{"transcript", "timeline", "notes"} {
		r.must(404, "GET", "/realtime/sessions/none/"+part, app, "")
	}
	check := func() {
		t.Helper()
		var transcript gateway.Transcript
		read(t, r.must(200, "GET", path+"/transcript", app, "").body, &transcript)
		if n := len(transcript.Turns); n != 3 || transcript.Turns[1].LatencyMS <= 0 || !transcript.Turns[2].Private || transcript.Turns[2].Text != "be generous" {
			t.Errorf("transcript %+v", transcript)
		}
		text := string(r.must(200, "GET", path+"/transcript?format=text", app, "").body)
		vtt := string(r.must(200, "GET", path+"/transcript?format=vtt", app, "").body)
		if !strings.Contains(text, "User: Say <b>hello</b> --> please\n") || !strings.Contains(text, "Assistant: ") {
			t.Errorf("text is %s", text)
		}
		if !strings.HasPrefix(vtt, "WEBVTT") || !strings.Contains(vtt, "<v User>Say &lt;b&gt;hello&lt;/b&gt; --&gt; please\n") {
			t.Errorf("vtt is %s", vtt)
		}
		if strings.Contains(text+vtt, "generous") {
			t.Errorf("a file has a private message: %s%s", text, vtt)
		}
		var timeline struct{ Moments []gateway.Moment }
		read(t, r.must(200, "GET", path+"/timeline", app, "").body, &timeline)
		kinds := map[string]gateway.Moment{}
		for i, m := range timeline.Moments {
			kinds[m.Kind+" "+m.Text] = m
			if i > 0 && m.At.Before(timeline.Moments[i-1].At) {
				t.Errorf("moment %d is before the one before", i)
			}
		}
		if m := kinds["response completed"]; m.LatencyMS <= 0 || m.LengthMS <= 0 || m.Tokens <= 0 {
			t.Errorf("response %+v of %+v", m, timeline)
		}
		for _, want := range []string{"operator message", "operator whisper", "operator note"} {
			if kinds[want].By != "app" {
				t.Errorf("no %s in %+v", want, timeline)
			}
		}
		if notes := string(r.must(200, "GET", path+"/notes", app, "").body); !strings.Contains(notes, `"by":"app"`) || strings.Count(notes, `"id"`) != 1 {
			t.Errorf("notes are %s", notes)
		}
	}
	check()
	r.must(200, "DELETE", path, app, "")
	check()
	r.must(410, "POST", path+"/message", app, `{"text":"x","private":true}`)
	for _, part := range []string{"transcript", "timeline", "notes"} {
		r.must(404, "GET", path+"/"+part, other, "")
	}
}

func read(t *testing.T, raw []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
}
