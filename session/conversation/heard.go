package conversation

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// Spoken follows what was said of an item while it is being made.
type Spoken struct {
	Response  string
	bytes     int64 // of audio
	perSecond int   // bytes of audio a second
	Text      bytes.Buffer
	LatencyMS int64 // how long it was waited for, if it is the first of a response
}

// ms is the length of audio that came so far.
func (s *Spoken) ms() int64 {
	if s.perSecond <= 0 {
		return 0
	}
	return s.bytes * 1000 / int64(s.perSecond)
}

// Into writes what is known of the speech to the item.
func (s *Spoken) Into(it *Entry) {
	if s.Response != "" {
		it.ResponseID = s.Response
	}
	it.LatencyMS = max(it.LatencyMS, s.LatencyMS)
	it.AudioMS = max(it.AudioMS, s.ms())
	if s.Text.Len() > 0 && it.words() == "" {
		it.said(s.Text.String())
	}
}

// Hear counts a piece of audio, in base64.
func (s *Spoken) Hear(delta []byte) {
	s.bytes += int64(len(delta)/4*3 - bytes.Count(delta[max(0, len(delta)-2):], []byte("=")))
}

// words are all that was said, also what the user did not hear.
func (it *Entry) words() string {
	if it.HeardMS != nil && it.Spoken != "" { // a version before this one did not keep it
		return it.Spoken
	}
	return it.Text
}

// said takes all words of an item. Where the user heard only some of its audio, Text keeps
// those that belong to it.
func (it *Entry) said(text string) {
	if it.HeardMS == nil {
		it.Text = text
		return
	}
	it.Spoken = text
	it.Text = heard(text, *it.HeardMS, it.AudioMS)
}

// longestAudio is how many milliseconds of one item anybody may claim to have heard: more
// than an upstream lives.
const longestAudio = 24 * 60 * 60 * 1000

// cutAt notes that the user heard only the first ms of an item. The cut is always made in
// all that was said, so that to make it again changes nothing, and nothing is longer than
// what a cut before has left.
func (it *Entry) cutAt(ms int64) {
	text := it.words()
	if it.HeardMS != nil {
		ms = min(ms, *it.HeardMS)
	}
	ms = min(max(ms, 0), longestAudio)
	if it.AudioMS > 0 {
		ms = min(ms, it.AudioMS)
	}
	it.HeardMS = &ms
	it.said(text)
}

// heard cuts a transcript at the share of its audio that was played, at the end of a word
// or, in scripts that put no spaces between words and within a first word that was not
// heard whole, of a character. The protocol does not align text and audio, so this is an
// estimate.
func heard(text string, ms, total int64) string {
	switch {
	case ms <= 0:
		return ""
	case total <= 0 || ms >= total:
		return text
	}
	cut := characterAt(text, int(float64(len(text))*(float64(ms)/float64(total))))
	for at := cut; at > 0; at = characterAt(text, at-1) {
		if wordEnds(text, at) {
			return trimSpace(text[:at])
		}
	}
	return trimSpace(text[:cut])
}

func trimSpace(s string) string {
	for s != "" {
		r, n := utf8.DecodeLastRuneInString(s)
		if !unicode.IsSpace(r) {
			break
		}
		s = s[:len(s)-n]
	}
	return s
}

// wordEnds reports whether a word may end between the characters before and behind at.
func wordEnds(text string, at int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:at])
	behind, _ := utf8.DecodeRuneInString(text[at:])
	return at == len(text) || unicode.IsSpace(before) || unicode.IsSpace(behind) || standsAlone(before) || standsAlone(behind)
}

// unspaced are the scripts that put no spaces between words.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Yi,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Javanese, unicode.Balinese,
}

// standsAlone reports whether a character is no part of a word that spaces end: one of an
// unspaced script, its punctuation, or a picture.
func standsAlone(r rune) bool {
	switch {
	case r < 0x0e00:
		return false
	case r >= 0x3000 && r <= 0x30ff, r >= 0xff00 && r <= 0xffef: // punctuation and full width
		return true
	}
	return unicode.IsOneOf(unspaced, r) || unicode.Is(unicode.So, r) || paints(r)
}

// paints reports whether a rune ends a picture that others began.
func paints(r rune) bool {
	return r == 0xfe0f || r == 0x20e3 || // as a picture; on a key
		r >= 0x1f3fb && r <= 0x1f3ff || // skin tones
		r >= 0xe0020 && r <= 0xe007f // tags of regional flags
}

// characterAt is where the character that byte i is part of begins, as readers see
// characters: with its accents, and an emoji of several runes as one.
func characterAt(text string, i int) int {
	if i >= len(text) {
		return len(text)
	}
	for i > 0 && !utf8.RuneStart(text[i]) {
		i--
	}
	for i > 0 {
		r, _ := utf8.DecodeRuneInString(text[i:])
		before, n := utf8.DecodeLastRuneInString(text[:i])
		if !extends(r) && before != joiner && !(isFlag(r) && flagsBefore(text[:i])%2 == 1) && !(before == '\r' && r == '\n') {
			break
		}
		i -= n
	}
	return i
}

// joiner makes one picture of two.
const joiner = '\u200d'

// extends reports whether a rune belongs to the character before it.
func extends(r rune) bool {
	return unicode.In(r, unicode.M) || r == joiner || paints(r) ||
		r >= 0x1160 && r <= 0x11ff || // vowels and finals of Hangul
		r == 0x0e33 || r == 0x0eb3 // vowels of Thai and Lao
}

func isFlag(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }

// flagsBefore counts the regional indicators at the end of text: two make a flag.
func flagsBefore(text string) (n int) {
	for text != "" {
		r, size := utf8.DecodeLastRuneInString(text)
		if !isFlag(r) {
			break
		}
		n, text = n+1, text[:len(text)-size]
	}
	return n
}
