package realtime

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func check(b []byte) (Head, error) { return new(Scanner).Check(b) }

func TestCheckRefuses(t *testing.T) {
	for _, c := range []struct {
		in   string
		want error
	}{
		{`{"type":"a"}`, nil},
		{` { "type" : "a" , "x" : [1,-0.5e+3,true,false,null,{}] } `, nil},
		{`{"type":"a","type":"b"}`, errDuplicate},
		{`{"type":"a","\u0074ype":"b"}`, errDuplicate},
		{`{"item":{"role":"user","role":"system"}}`, errDuplicate},
		{`{"a":{"x":1},"b":{"x":1}}`, nil},
		{`[]`, errNotObject},
		{`"text"`, errNotObject},
		{``, errSyntax},
		{`{`, errSyntax},
		{`{"type":"a"}x`, errSyntax},
		{`{"type":"a"}{}`, errSyntax},
		{`{"type":"a",}`, errSyntax},
		{`{'type':"a"}`, errSyntax},
		{`{"n":01}`, errSyntax},
		{`{"n":1.}`, errSyntax},
		{`{"s":"\x"}`, errSyntax},
		{`{"s":"\u12g4"}`, errSyntax},
		{"{\"s\":\"a\nb\"}", errSyntax},
		{`{"a":` + strings.Repeat("[", 127) + strings.Repeat("]", 127) + `}`, nil},
		{`{"a":` + strings.Repeat("[", 128) + strings.Repeat("]", 128) + `}`, errDepth},
		{keys(1024), nil},
		{keys(1025), errKeys},
		{`{"a":` + keys(1024) + `,"b":` + keys(1024) + `}`, nil},
	} {
		if _, err := check([]byte(c.in)); !errors.Is(err, c.want) {
			t.Errorf("check(%.60q) = %v, want %v", c.in, err, c.want)
		}
	}
}

// keys is an object with so many.
func keys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":0`, i)
	}
	return "{" + b.String()[1:] + "}"
}

// What the upstream says is read however deep it nests, as far as anything else can read it.
func TestUpstreamMayNest(t *testing.T) {
	for depth, deep := range map[int]bool{60: false, 200: false, 9000: false, 20000: true} {
		event := `{"type":"session.updated","event_id":"e","session":` + strings.Repeat(`{"a":[`, depth/2) + strings.Repeat(`]}`, depth/2) + `}`
		if h, err := Peek([]byte(event)); deep != (err != nil) || !deep && string(h.EventID) != "e" {
			t.Errorf("%d levels: %s, %v", depth, h.EventID, err)
		}
	}
}

func TestHeadFields(t *testing.T) {
	in := []byte(`{"session":{"type":"realtime"},"event_id":"e1","delta":"AA\\","response_id":"r1","item_id":"i1","type":"x.y"}`)
	for name, scan := range map[string]func([]byte) (Head, error){"peek": Peek, "check": check} {
		h, err := scan(in)
		if err != nil {
			t.Fatal(name, err)
		}
		if string(h.Typ) != "x.y" || string(h.EventID) != "e1" || string(h.Delta) != `AA\\` || string(h.ResponseID) != "r1" || string(h.ItemID) != "i1" {
			t.Errorf("%s: %q %q %q %q %q", name, h.Typ, h.EventID, h.Delta, h.ResponseID, h.ItemID)
		}
	}
	if h, err := check([]byte(`{"type":"\u0061b"}`)); err != nil || string(h.Typ) != "ab" {
		t.Errorf("escaped type: %q %v", h.Typ, err)
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"type":"a","n":-1.5e3}`, `{"a":"\ud800\n"}`, `[{}]`, `{"a":{"a":[]}}`, "{\"a\":\"\x7f\u00e9\"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := check(b)
		if err == nil && !json.Valid(b) {
			t.Fatalf("accepted what is not JSON: %q", b)
		}
		if errors.Is(err, errSyntax) && json.Valid(b) {
			t.Fatalf("refused JSON: %q", b)
		}
		if err != nil {
			return
		}
		p, err := Peek(b)
		if err != nil || string(p.Typ) != string(h.Typ) || string(p.EventID) != string(h.EventID) {
			t.Fatalf("peek differs on %q: %v %q %q", b, err, p.Typ, h.Typ)
		}
	})
}

func audioEvent(bytes int) []byte {
	return []byte(`{"type":"input_audio_buffer.append","event_id":"event_1","audio":"` +
		base64.StdEncoding.EncodeToString(make([]byte, bytes)) + `"}`)
}

func BenchmarkCheck(b *testing.B) {
	e := audioEvent(1920)
	b.SetBytes(int64(len(e)))
	var s Scanner
	for b.Loop() {
		if _, err := s.Check(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPeek(b *testing.B) {
	e := audioEvent(4800)
	b.SetBytes(int64(len(e)))
	for b.Loop() {
		if _, err := Peek(e); err != nil {
			b.Fatal(err)
		}
	}
}
