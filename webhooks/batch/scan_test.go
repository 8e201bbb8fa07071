package batch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tidwall/gjson"
)

// scan reads one object in parts of n bytes and returns the values that were told of.
func scan(t *testing.T, text string, n int) (map[string]string, error) {
	t.Helper()
	values, ends := map[string]string{}, map[string]int{}
	f := newScanner(func(name string, part []byte, last bool) error {
		if len(part) > n {
			t.Errorf("%q came in a part of %d bytes", name, len(part))
		}
		values[name] += string(part)
		if last {
			ends[name]++
		}
		return nil
	}, "custom_id", "response.body", "response.status_code", "error")
	for rest := text; rest != ""; {
		k := min(n, len(rest))
		if err := f.feed([]byte(rest[:k])); err != nil {
			t.Fatal(err)
		}
		rest = rest[k:]
	}
	err := f.end()
	for name := range values {
		if err == nil && ends[name] != 1 {
			t.Errorf("%q ended %d times in %s", name, ends[name], text)
		}
	}
	return values, err
}

func TestMembersAreFollowedInParts(t *testing.T) {
	for text, want := range map[string]map[string]string{
		`{"custom_id":"a","response":{"status_code":200,"body":{"x":[1,{"body":"}"}]}},"error":null}`: {
			"custom_id": `"a"`, "response.status_code": "200", "response.body": `{"x":[1,{"body":"}"}]}`, "error": "null"},
		`{ "response" : { "body" : "a\"}\\" , "other":{"status_code":1}} , "custom_id":"\u0061,{" }`: {
			"response.body": `"a\"}\\" `, "custom_id": `"\u0061,{" `},
		`{"response":null,"error":{"custom_id":"no"},"custom\u005fid":"x","custom_id":"second"}`: {
			"error": `{"custom_id":"no"}`, "custom_id": `"x"`},
		`{"response":[{"body":1}],"body":2,"x":{"custom_id":1}}`: {},
		`{}`: {},
		`{"` + strings.Repeat("k", 1000) + `":1}`: {},
	} {
		for _, n := range []int{1, 2, 7, 1000} {
			got, err := scan(t, text, n)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s in parts of %d: %v (%v)", text, n, got, err)
			}
		}
	}
	for _, bad := range []string{``, `[]`, `"a"`, `{"custom_id":"a"`, `{"custom_id":"a`, `{} x`, `{x}`} {
		if _, err := scan(t, bad, 3); err == nil {
			t.Errorf("%q is an object", bad)
		}
	}
}

// What is followed of valid JSON is what gjson reads of it.
func FuzzFollowing(f *testing.F) {
	f.Add([]byte(`{"custom_id":"a","response":{"status_code":200,"body":{"x":[1,{"body":"}"}]}},"error":null}`), 3)
	f.Add([]byte(`{"error":[[]],"custom_id":"\\\"","response":{"body":",}"}}`), 1)
	f.Fuzz(func(t *testing.T, raw []byte, n int) {
		if !json.Valid(raw) || bytes.ContainsAny(raw, "\n\\") || n < 1 || !gjson.ParseBytes(raw).IsObject() {
			return
		}
		got, err := scan(t, string(raw), n)
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		for _, name := range []string{"custom_id", "error"} {
			if want := gjson.GetBytes(raw, name); strings.TrimSpace(got[name]) != strings.TrimSpace(want.Raw) {
				t.Errorf("%s of %s: %q, want %q", name, raw, got[name], want.Raw)
			}
		}
	})
}

func TestLinesComeInParts(t *testing.T) {
	long := strings.Repeat("x", 200<<10)
	text := "a\r\n\n  \n" + long + "\nlast"
	var lines []string
	var line strings.Builder
	err := eachPart(iotest.HalfReader(strings.NewReader(text)), func(n int, part []byte, end bool) error {
		if line.Write(part); end {
			lines = append(lines, fmt.Sprint(n, line.String()))
			line.Reset()
		}
		return nil
	})
	if err != nil || len(lines) != 3 || lines[0] != "1a" || lines[1] != "2"+long || lines[2] != "3last" {
		t.Errorf("%d lines, %v", len(lines), err)
	}
}
