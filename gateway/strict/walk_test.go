package strict_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"switchboard/gateway/strict"
)

// repeated is what strict.Repeated says, by way of encoding/json.
func repeated(d *json.Decoder) (path []string) {
	open, _ := d.Token()
	if _, nests := open.(json.Delim); !nests {
		return nil
	}
	seen := map[string]bool{}
	for i := 0; d.More(); i++ {
		step := fmt.Sprintf("[%d]", i)
		if open == json.Delim('{') {
			key, _ := d.Token()
			step = fmt.Sprint(".", key)
			if seen[step] {
				return []string{step}
			}
			seen[step] = true
		}
		if path := repeated(d); path != nil {
			return append(path, step)
		}
	}
	_, _ = d.Token()
	return nil
}

// The walk over a body finds what encoding/json would find.
func FuzzRepeated(f *testing.F) {
	for _, seed := range []string{
		`{"a":{"b":[1,-2.5e3,{"c":true,"c":null}]}}`, `{"a\"\\":"x\\\"","b":"}{][,:"," ":[[],{}]}`, `{"\u0061":1,"a":2}`, `[{"a":1},{"a":"\u2028"}]`,
		` { "a" : [ ] , "b" : { } } `, `{"a":1`, `null`, `"\ud800"`, `{"":{"":{"":1,"":2}}}`, `[1,2,"a\\",{"k":"\\\""}]`, "{\"\xff\":1,\"\xfe\":2}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		want := ""
		if json.Valid(raw) {
			d := json.NewDecoder(bytes.NewReader(raw))
			d.UseNumber()
			path := repeated(d)
			slices.Reverse(path)
			want = strings.TrimPrefix(strings.Join(path, ""), ".")
		}
		if got := strict.Repeated(raw); got != want && validUTF8(raw) {
			t.Errorf("%q: %q is there twice, want %q", raw, got, want)
		}
	})
}

// validUTF8 reports what callers have looked at before.
func validUTF8(raw []byte) bool { return bytes.Equal(bytes.ToValidUTF8(raw, nil), raw) }

// A large body is read in its turn, and one that is malformed harms nobody.
func TestLargeBodies(t *testing.T) {
	text := strings.Repeat(`x\"`, 20<<10)
	for raw, want := range map[string]string{
		`{"a":"` + text + `","b":{"c":"` + text + `","c":1}}`: "b.c",
		`{"a":"` + text + `","b":{"c":"` + text + `"}}`:       "",
		`{"a":"` + text:       "",
		`{"a":"` + text + `\`: "",
	} {
		if got := strict.Repeated([]byte(raw)); got != want {
			t.Errorf("%.20s…: %q is there twice, want %q", raw, got, want)
		}
	}
}

func BenchmarkRepeated(b *testing.B) {
	raw := []byte(`{"config":{"instructions":"` + strings.Repeat("x", 1<<20) + `"},"labels":{"a":"b"}}`)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		strict.Repeated(raw)
	}
}
