package gateway

import (
	"strings"
	"testing"
)

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
