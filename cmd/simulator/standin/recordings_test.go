package standin_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"switchboard/cmd/simulator/standin"
)

// TestRecordedSessions replays the client's side of recorded live sessions and compares what
// the stand-in sends with what the live API sent: the order of the events, runs of deltas
// folded, and the fields of each.
//
// Two kinds of events come when they please, live as here, and are held against their own
// order only: transcripts of the user's audio, and rate_limits.updated, which some recorded
// sessions never got and others got before the answer to an event that was sent earlier.
func TestRecordedSessions(t *testing.T) {
	for _, file := range recordings(t, "*_ws*") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".jsonl"), func(t *testing.T) {
			_, url := start(t, standin.Options{})
			r := replay{t: t, steps: readSteps(t, file)}
			r.run(url)
			r.compareOrder()
			r.compareFields()
			r.compareAsides()
		})
	}
}

func TestRecordedClientSecrets(t *testing.T) {
	for _, file := range recordings(t, "webrtc.*") {
		_, url := start(t, standin.Options{})
		for _, step := range readSteps(t, file) {
			status, got := post(t, url+"/v1/realtime/client_secrets", testKey, step.Get("http.request.parsed_body").Raw)
			want := step.Get("http.response.parsed_body")
			if status != 200 {
				t.Fatalf("%s: %d %s", file, status, got.Raw)
			}
			sameFields(t, filepath.Base(file), fieldsOf(got), fieldsOf(want))
			if got.Get("session.expires_at").Raw != "0" {
				t.Errorf("session.expires_at = %s", got.Get("session.expires_at").Raw)
			}
		}
	}
}

func recordings(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/recordings/" + pattern + ".jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings (%v)", err)
	}
	return files
}

func readSteps(t *testing.T, file string) (steps []gjson.Result) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(content) {
		steps = append(steps, gjson.ParseBytes(line))
	}
	return steps
}

// replay is one recording and what the stand-in made of it.
type replay struct {
	t     *testing.T
	steps []gjson.Result
	got   []gjson.Result
}

func (r *replay) recorded() (events []gjson.Result) {
	for _, step := range r.steps {
		if step.Get("dir").Str == "s2c" {
			events = append(events, step.Get("event"))
		}
	}
	return events
}

// run plays the client: it sends an event once what was recorded before it has come.
func (r *replay) run(url string) {
	model := "gpt-realtime"
	for _, event := range r.recorded() {
		if m := event.Get("session.model").Str; m != "" {
			model = m
		}
	}
	c := dialWith(r.t, url+"/v1/realtime?model="+model, testKey, nil)
	if r.steps[0].Get("dir").Str == "c2s" {
		c.next("session.created") // a sideband joins later
	}
	audio := r.speech()
	seen, ready := map[string]int{}, map[string]int{}
	for _, step := range r.steps {
		event := step.Get("event")
		name := event.Get("type").Str
		switch {
		case step.Get("dir").Str == "c2s" && name == "input_audio_buffer.append":
			n := min(100*48, len(audio))
			c.append(pcm, audio[:n])
			audio = audio[n:]
		case step.Get("dir").Str == "c2s":
			c.send(r.translate(event.Raw))
		case isDelta(name) || name == "rate_limits.updated":
		default:
			ready[name]++
			for seen[name] < ready[name] {
				next, err := c.read()
				if kind := next.Get("type").Str; err != nil || kind == "error" {
					r.t.Fatalf("want %s, got %v %s behind %v", name, err, next.Raw, types(r.got))
				}
				seen[next.Get("type").Str]++
				r.got = append(r.got, next)
			}
		}
	}
}

// translate puts this session's call IDs into a recorded event, and asks the stand-in to think
// aloud where the live model did so by itself.
func (r *replay) translate(event string) string {
	calls := func(events []gjson.Result) (ids []string) {
		for _, e := range events {
			if e.Get("type").Str == "response.function_call_arguments.done" {
				ids = append(ids, e.Get("call_id").Str)
			}
		}
		return ids
	}
	theirs, ours := calls(r.recorded()), calls(r.got)
	for i := range ours {
		event = strings.ReplaceAll(event, theirs[i], ours[i])
	}
	for _, e := range r.recorded() {
		if e.Get("item.phase").Str == "commentary" {
			return strings.Replace(event, `"What is the weather in London?"`, `"Think aloud: what is the weather in London?"`, 1)
		}
	}
	return event
}

// speech is audio in which somebody speaks when the live API heard it, for as many chunks of
// 100 ms as were sent; the recordings have no audio.
func (r *replay) speech() []byte {
	var audio []byte
	from := 0
	for _, event := range r.recorded() {
		switch event.Get("type").Str {
		case "input_audio_buffer.speech_started":
			from = int(event.Get("audio_start_ms").Int()) + 200 // the API counts 300 ms before speech
			audio = append(audio, pcm.silence(from-len(audio)/48)...)
		case "input_audio_buffer.speech_stopped":
			audio = append(audio, pcm.tone(int(event.Get("audio_end_ms").Int())-200-from)...)
		}
	}
	chunks := 0
	for _, step := range r.steps {
		if step.Get("event.type").Str == "input_audio_buffer.append" {
			chunks++
		}
	}
	return append(audio, pcm.silence(100*chunks-len(audio)/48)...)
}

func isDelta(name string) bool { return strings.HasSuffix(name, ".delta") }

// aside is an event that is not in line with the others.
func aside(name string) bool {
	return name == "rate_limits.updated" || strings.HasPrefix(name, "conversation.item.input_audio_transcription.")
}

// folded is the order of events: a run of deltas is the kinds of deltas in it.
func folded(events []gjson.Result) (order []string) {
	run := map[string]bool{}
	end := func() {
		if len(run) > 0 {
			order = append(order, strings.Join(slices.Sorted(maps.Keys(run)), " + "))
		}
		clear(run)
	}
	for _, e := range events {
		switch name := e.Get("type").Str; {
		case aside(name):
		case isDelta(name):
			run[name] = true
		default:
			end()
			order = append(order, name)
		}
	}
	end()
	return order
}

func (r *replay) compareOrder() {
	want, got := folded(r.recorded()), folded(r.got)
	for i := range max(len(want), len(got)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			r.t.Fatalf("event %d:\n got  %s\n want %s", i, strings.Join(got[min(i, len(got)):], "\n      "), strings.Join(want[min(i, len(want)):], "\n      "))
		}
	}
}

// compareFields compares event by event, and all deltas of a kind at once.
func (r *replay) compareFields() {
	inLine := func(events []gjson.Result) []gjson.Result {
		return slices.DeleteFunc(slices.Clone(events), func(e gjson.Result) bool { return aside(e.Get("type").Str) || isDelta(e.Get("type").Str) })
	}
	want, got := inLine(r.recorded()), inLine(r.got)
	for i := range want {
		sameFields(r.t, fmt.Sprintf("event %d, %s", i, want[i].Get("type").Str), fieldsOf(got[i]), fieldsOf(want[i]))
	}
	byKind := func(events []gjson.Result) map[string]map[string]bool {
		kinds := map[string]map[string]bool{}
		for _, e := range events {
			if name := e.Get("type").Str; aside(name) || isDelta(name) {
				if kinds[name] == nil {
					kinds[name] = map[string]bool{}
				}
				maps.Copy(kinds[name], fieldsOf(e))
			}
		}
		return kinds
	}
	ours := byKind(r.got)
	for kind, fields := range byKind(r.recorded()) {
		if kind != "rate_limits.updated" || ours[kind] != nil {
			sameFields(r.t, kind, ours[kind], fields)
		}
	}
}

// compareAsides looks for what live events out of line have to keep to.
func (r *replay) compareAsides() {
	said, done := map[string]bool{}, false
	for _, e := range r.got {
		id := e.Get("item_id").Str
		switch e.Get("type").Str {
		case "input_audio_buffer.speech_started":
			said[id] = false
		case "conversation.item.input_audio_transcription.delta":
			if over, begun := said[id]; over || !begun {
				r.t.Errorf("a transcript of %s when there is no such turn", id)
			}
		case "conversation.item.input_audio_transcription.completed":
			said[id] = true
		case "response.done":
			done = true
		case "rate_limits.updated":
			if !done {
				r.t.Error("limits are told before a response is done")
			}
			done = false
		}
	}
}

// fieldsOf are the paths of an event's fields: those that are null are marked, and the values
// of those that say what something is are part of it.
func fieldsOf(v gjson.Result) map[string]bool {
	fields := map[string]bool{}
	var walk func(path string, v gjson.Result)
	walk = func(path string, v gjson.Result) {
		switch {
		case v.IsObject():
			v.ForEach(func(key, value gjson.Result) bool {
				walk(path+"."+key.Str, value)
				return true
			})
			fields[path+"{}"] = true
		case v.IsArray():
			fields[path+"[]"] = true
			for _, each := range v.Array() {
				walk(path+"[]", each)
			}
		case v.Type == gjson.Null:
			fields[path+" = null"] = true
		default:
			name := path[strings.LastIndex(path, ".")+1:]
			if slices.Contains([]string{"type", "object", "status", "role", "phase"}, name) {
				path += " = " + v.Str
			}
			fields[path] = true
		}
	}
	walk("", v)
	return fields
}

func sameFields(t *testing.T, what string, got, want map[string]bool) {
	t.Helper()
	for _, field := range slices.Sorted(maps.Keys(want)) {
		if !got[field] {
			t.Errorf("%s: no %s", what, field)
		}
	}
	for _, field := range slices.Sorted(maps.Keys(got)) {
		if !want[field] {
			t.Errorf("%s: live has no %s", what, field)
		}
	}
}
