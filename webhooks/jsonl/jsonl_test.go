package jsonl_test

import (
	"strings"
	"testing"

	"switchboard/webhooks/jsonl"
)

func TestEncodingsAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"\xef\xbb\xbf{}": "byte order mark", "\xff\xfe{\x00": "UTF-16", "\xfe\xff\x00{": "UTF-16", "{\x00}\x00": "UTF-16", "\x00{\x00}": "UTF-16",
		"\xff\xfe\x00\x00": "UTF-32", "\x1f\x8b\x08": "gzip", "PK\x03\x04": "ZIP", "\x28\xb5\x2f\xfd": "zstd", "{}": "", "": "", "{": "",
	} {
		if got := jsonl.New(strings.NewReader(text), 100).Encoding(); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for line, want := range map[string]string{
		"{\"a\":\"caf\xe9\"}": "byte 10 is 0xE9, as in Latin-1", "{oops": "not JSON", "[]": "not a JSON object", `{"a":1}`: "", " {}": "",
		strings.Repeat("[", 1<<20): "not JSON",
	} {
		if got := jsonl.Check([]byte(line)); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%.40q: %q, want %q", line, got, want)
		}
	}
}
