package hub

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every ask that is repeated is answered by something, and every event that answers has a name:
// else it would be lost with its upstream, or never be settled.
func TestVocabularyIsWhole(t *testing.T) {
	answered := map[ask]bool{}
	for m := range meanings {
		if realtimeWords.tells[m] == "" && m != meansNothing {
			t.Errorf("no event has meaning %d", m)
		}
		answered[m.answers()] = true
	}
	for a := asksToHear; a < asks; a++ {
		if realtimeWords.event[a] == "" {
			t.Errorf("no event asks for %d", a)
		}
		if !answered[a] && a != asksToHear {
			t.Errorf("nothing answers %s", realtimeWords.event[a])
		}
	}
}

// wire are the beginnings of names that OpenAI's Realtime API gives to events.
var wire = regexp.MustCompile(`"(conversation\.|input_audio_buffer\.|response\.[a-z_.]*(created|done|delta|create|cancel)"|session\.(created|updated|update)")`)

// TestNamesOfEventsAreOfTheDialect: what a session does depends on what an event means, and only
// the dialect knows what it is called. The log's drafts, and a log that another node wrote, are
// read by name as they were written.
func TestNamesOfEventsAreOfTheDialect(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") || f == "realtime.go" || f == "drafts.go" {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if name := wire.FindString(line); name != "" {
				t.Errorf("%s:%d: %s is a name of the wire", f, i+1, name)
			}
		}
	}
}
