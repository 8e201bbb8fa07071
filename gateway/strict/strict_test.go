package strict_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"switchboard/gateway/strict"
)

func TestRepeatedNames(t *testing.T) {
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
		if got := strict.Repeated([]byte(body)); got != want {
			t.Errorf("%.40s: %.40q, want %.40q", body, got, want)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	type inner struct {
		B json.RawMessage `json:"b,omitempty"`
	}
	type outer struct {
		A    int               `json:"a"`
		In   *inner            `json:"in"`
		List []inner           `json:"list"`
		Map  map[string]string `json:"map"`
		None int
	}
	for body, want := range map[string]string{
		`{"a":1,"in":{"b":{"free":[]}},"list":[{"b":1}],"map":{"x":"y"}}`: "",
		`{"A":1}`:               "A",
		`{"":1}`:                "",
		`{"None":1}`:            "None",
		`{"in":{"c":1}}`:        "in.c",
		`{"list":[{},{"B":1}]}`: "list[1].B",
		`[{"x":1}]`:             "",
	} {
		if got := strict.Unknown([]byte(body), reflect.TypeFor[*outer]()); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

func TestMembersAreReadInOrderAndOnce(t *testing.T) {
	for body, want := range map[string]string{
		`{"a":[1],"b":{}}`: "a b", `{}`: "", `[]`: "must be a JSON object", `{"a":1,"a":2}`: "a: is given twice", `{"no":1}`: "no: unexpected property",
	} {
		d := json.NewDecoder(strings.NewReader(body))
		var names []string
		err := strict.Members(d, func(name string) error {
			if name == "no" {
				return &strict.Error{Field: name, Detail: strict.Unexpected}
			}
			names = append(names, name)
			var skip json.RawMessage
			return d.Decode(&skip)
		})
		got := strings.Join(names, " ")
		if wrong, ok := errors.AsType[*strict.Error](err); ok {
			got = wrong.Error()
		}
		if got != want {
			t.Errorf("%s: %q (%v), want %q", body, got, err, want)
		}
	}
	if err := strict.Members(json.NewDecoder(strings.NewReader(`{"a":`)), func(string) error { return nil }); err == nil {
		t.Error("a body that is cut off was read")
	}
}

func TestNullIsTakenWhereTheSchemaHasIt(t *testing.T) {
	type inner struct {
		A int `json:"a"`
	}
	type outer struct {
		Text   string            `json:"text,omitempty"`
		Number *int              `json:"number"`
		Option *int              `json:"option,omitempty"`
		In     *inner            `json:"in,omitempty"`
		List   []inner           `json:"list,omitempty"`
		Full   []string          `json:"full,omitempty" nullable:"false"`
		Map    map[string]string `json:"map,omitempty"`
		Free   json.RawMessage   `json:"free,omitempty"`
	}
	for body, want := range map[string]string{
		`{"text":"x","number":null,"list":null,"free":null}`: "none",
		`{"free":{"a":[null],"b":{"c":null}}}`:               "none",
		`{"unknown":null}`:                                   "none",
		`{"text":`:                                           "none",
		``:                                                   "none",
		` null `:                                             "",
		`{"text":null}`:                                      "text",
		`{"option":null}`:                                    "option",
		`{"in":null}`:                                        "in",
		`{"in":{"a":null}}`:                                  "in.a",
		`{"list":[{"a":1},{"a":null}]}`:                      "list[1].a",
		`{"list":[null]}`:                                    "list[0]",
		`{"full":null}`:                                      "full",
		`{"map":{"x":null}}`:                                 "map.x",
	} {
		got := "none"
		if wrong := strict.NullOf([]byte(body), reflect.TypeFor[outer]()); wrong != nil {
			got = wrong.Field
		}
		if got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}
