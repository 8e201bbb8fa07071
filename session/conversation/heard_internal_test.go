package conversation

import (
	"testing"
	"unicode/utf8"

	"switchboard/session"
)

func TestHeardWords(t *testing.T) {
	const all = 1000
	for _, c := range []struct {
		text string
		ms   int64
		want string
	}{
		{"one two three four", 500, "one two"},
		{"one two three four", 0, ""},
		{"one two three four", -1, ""},
		{"one two three four", -1 << 62, ""},
		{"one two three four", all, "one two three four"},
		{"one two three four", 1 << 62, "one two three four"},
		{"one two", 430, "one"},
		{"Donaudampfschifffahrt", 500, "Donaudampf"},
		{"Donaudampfschifffahrt ahoi", 400, "Donaudampf"},
		{"one\ntwo", 700, "one"},
		{"今天天气很好", 500, "今天天"},
		{"今天天气很好我们去用 OpenAI", 500, "今天天气很好"},
		{"用 OpenAI 写报告今天天气很好", 700, "用 OpenAI 写报告今天"},
		{"今天 OpenAI", 600, "今天"},
		{"สวัสดีครับ ผม", 500, "สวัสดี"},
		{"안녕하세요 저는", 800, "안녕하세요"},
		{"👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 700, "👩‍👩‍👧‍👦"},
		{"👩‍👩‍👧‍👦", 500, ""},
		{"🇩🇪🇫🇷🇮🇹", 650, "🇩🇪"},
		{"👍🏽👍🏽", 700, "👍🏽"},
		{"e\u0301e\u0301e\u0301", 500, "e\u0301"},
		{"नमस्ते", 500, "नम"},
		{"\xff\xfe\xfd", 500, "\xff"},
	} {
		if got := heard(c.text, c.ms, all); got != c.want {
			t.Errorf("heard(%q, %d) = %q, want %q", c.text, c.ms, got, c.want)
		}
	}
}

func FuzzHeard(f *testing.F) {
	f.Add("one two", int64(-5), int64(2000))
	f.Add("今天 OpenAI 👩‍👩‍👧", int64(1<<62), int64(3))
	f.Add("", int64(1), int64(0))
	f.Fuzz(func(t *testing.T, text string, ms, total int64) {
		got := heard(text, ms, total)
		if len(got) > len(text) || text[:len(got)] != got {
			t.Fatalf("heard(%q) = %q", text, got)
		}
		if utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Fatalf("heard(%q) = %q cuts a rune", text, got)
		}
		it := Entry{Item: session.Item{Text: text, AudioMS: total}}
		it.cutAt(ms)
		once := it.Text
		it.cutAt(ms)
		if it.Text != once || *it.HeardMS < 0 {
			t.Fatalf("cut twice %q, once %q, heard %d", it.Text, once, *it.HeardMS)
		}
	})
}

func TestHeardIsCutAtAWord(t *testing.T) {
	for _, c := range []struct {
		text      string
		ms, total int64
		want      string
	}{
		{"one two three four", 500, 1000, "one two"},
		{"one two three four", 1000, 1000, "one two three four"},
		{"one two three four", 0, 1000, ""},
		{"one two", 10, 0, "one two"},
	} {
		if got := heard(c.text, c.ms, c.total); got != c.want {
			t.Errorf("heard(%q, %d of %d) = %q, want %q", c.text, c.ms, c.total, got, c.want)
		}
	}
}
