package batch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

const goodLine = `{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"gpt-5","input":"hi"}}`

// Whatever bytes come: an accepted file is JSON lines with distinct IDs, all for one endpoint; a refused one names lines
// that exist.
func FuzzInputFiles(f *testing.F) {
	for _, seed := range []string{goodLine, goodLine + "\n" + goodLine, "", "\n\n", "{}", goodLine + "\r\n", "{\"custom_id\":\"\\u0061\"}",
		strings.Replace(goodLine, "hi", "\xff", 1), strings.Replace(goodLine, `"a"`, `"b"`, 1) + "\n\n" + goodLine} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := newChecker("")
		var out bytes.Buffer
		err := c.copy(&out, bytes.NewReader(raw))
		if invalid, ok := errors.AsType[*InputError](err); ok {
			for _, e := range invalid.Lines {
				if e.Line < 1 || e.Line > bytes.Count(raw, []byte("\n"))+1 || e.Message == "" {
					t.Fatalf("error %+v in %q", e, raw)
				}
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for line := range bytes.Lines(out.Bytes()) {
			var request struct {
				ID     string          `json:"custom_id"`
				Method string          `json:"method"`
				URL    string          `json:"url"`
				Body   json.RawMessage `json:"body"`
			}
			if err := json.Unmarshal(line, &request); err != nil {
				t.Fatalf("accepted %q: %v", line, err)
			}
			seen[request.ID] = true
		}
		if len(seen) == 0 || c.endpoint == "" {
			t.Fatalf("accepted %q", raw)
		}
	})
}

func TestLimitsOfAnInputFile(t *testing.T) {
	numbered := func(n int) string { return strings.Replace(goodLine, `"a"`, fmt.Sprintf(`"%d"`, n), 1) + "\n" }
	var many strings.Builder
	for n := range maxLines + 1 {
		many.WriteString(numbered(n))
	}
	long := strings.Replace(goodLine, "hi", strings.Repeat("x", maxLine), 1)
	embed := func(inputs string) string {
		return `{"custom_id":"e` + fmt.Sprint(len(inputs)) + `","method":"POST","url":"/v1/embeddings","body":{"model":"m","input":` + inputs + `}}` + "\n"
	}
	for name, test := range map[string]struct {
		file io.Reader
		line int
		says string
	}{
		"too many lines":      {strings.NewReader(many.String()), maxLines + 1, "at most 50000"},
		"a line too long":     {strings.NewReader(numbered(1) + long), 2, "longer than 16 MiB"},
		"too deep":            {strings.NewReader(strings.Replace(goodLine, `"hi"`, strings.Repeat("[", maxLine/2), 1)), 1, "is not JSON"},
		"too many embeddings": {strings.NewReader(embed(`["x"` + strings.Repeat(`,"x"`, maxEmbeddings) + `]`)), 1, "embedding inputs"},
	} {
		err := newChecker("").copy(io.Discard, test.file)
		invalid, ok := errors.AsType[*InputError](err)
		if !ok || !strings.Contains(invalid.Error(), test.says) || test.line != 0 && invalid.Lines[0].Line != test.line {
			t.Errorf("%s: %v", name, err)
		}
	}
	large := io.LimitReader(endless{[]byte(strings.Repeat(" ", 4095) + "\n")}, maxBytes+2)
	if err := newChecker("").copy(io.Discard, large); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if err := newChecker("").copy(io.Discard, strings.NewReader(embed("[1,2,3]")+embed(`"x"`))); err != nil {
		t.Errorf("tokens are one input: %v", err)
	}
}

// endless repeats a line.
type endless struct{ line []byte }

func (e endless) Read(p []byte) (int, error) { return copy(p, e.line), nil }

func TestPrices(t *testing.T) {
	s := &Batches{}
	for _, text := range []string{"gpt-4o=2.5:10", "gpt-4o-mini=0.075:0.3"} {
		var p Price
		if err := p.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		s.o.Prices = append(s.o.Prices, p)
	}
	u := &TokenUsage{InputTokens: 1_000_000, OutputTokens: 2_000_000}
	for model, want := range map[string]float64{"gpt-4o-2024-08-06": 22.5, "gpt-4o-mini-2024-07-18": 0.675, "gpt-4o-mini": 0.675} {
		if got := s.cost(model, u); got == nil || *got != want {
			t.Errorf("%s: %v", model, got)
		}
	}
	for _, model := range []string{"gpt-5", "gpt-4o-audio", "gpt-4o-nano-2024-07-18"} {
		if s.cost(model, u) != nil {
			t.Errorf("%s has the price of another model", model)
		}
	}
	for _, bad := range []string{"", "x", "x=1", "x=1:y", "=1:2", "x=-1:2"} {
		if (&Price{}).UnmarshalText([]byte(bad)) == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}
