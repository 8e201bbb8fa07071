package gateway

import (
	"strings"
	"testing"
)

func TestRepeatedKey(t *testing.T) {
	deep := strings.Repeat(`{"a":[`, 2000)
	for body, want := range map[string]string{
		``:                                "",
		`{"a":1,"a":2`:                    "",
		`[]`:                              "",
		`{"a":{"a":{"a":[]}},"b":[{},7]}`: "",
		`{"a":1,"A":2}`:                   "",
		`{"a":1,"b":{"a":1},"a":2}`:       "a",
		`{"a":{"b":[0,{"c":1,"c":1}]}}`:   "a.b[1].c",
		`[[],[{"":1,"":1}]]`:              "[1][0].",
		deep + `{"b":1,"b":2}` + strings.Repeat(`]}`, 2000): strings.TrimPrefix(strings.Repeat(".a[0]", 2000)+".b", "."),
	} {
		if got := repeatedKey([]byte(body)); got != want {
			t.Errorf("%.40s: %.40q, want %.40q", body, got, want)
		}
	}
}

func TestParsePoliciesIsStrict(t *testing.T) {
	for file, want := range map[string]string{
		`{"Quiet":{"events":[],"outputs":true}}`: "",
		`{"quiet":{"Events":[]}}`:                "quiet.Events: unknown parameter",
		`{"quiet":{"events":["a"],"x":1}}`:       "quiet.x: unknown parameter",
		`{"quiet":[]}`:                           "body: has the wrong type",
		`{"quiet":{},"quiet":{}}`:                "quiet: is given twice",
	} {
		_, err := ParsePolicies(strings.NewReader(file))
		said := ""
		if err != nil {
			said = err.Error()
		}
		if said != want {
			t.Errorf("%s: %q, want %q", file, said, want)
		}
	}
}
