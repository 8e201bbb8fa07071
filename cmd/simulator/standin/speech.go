package standin

import (
	"math"
	"strings"
	"unicode"
)

// speechRate is the rate everything is synthesized at.
const speechRate = 24000

// msPerLetter makes about 16 letters a second, the pace of somebody who talks quickly.
const msPerLetter = 60

// speaker turns text into audio that has the energy, pauses and spectrum of speech: a
// buzz at the voice's pitch through three resonators that move with the vowels, hiss for
// the consonants that hiss, silence where words and sentences end. Same text and voice,
// same samples.
type speaker struct {
	letters []rune
	perLet  int // samples per letter
	at      int // sample of the whole text that comes next
	pitch   float64
	phase   float64
	seed    uint32
	bands   [3]resonator
}

// resonator is a two-pole band-pass.
type resonator struct{ a1, a2, gain, y1, y2 float64 }

func (r *resonator) tune(hz, width float64) {
	radius := math.Exp(-math.Pi * width / speechRate)
	r.a1, r.a2 = 2*radius*math.Cos(2*math.Pi*hz/speechRate), -radius*radius
	r.gain = (1 - radius) * math.Sqrt(1+radius*radius-2*radius*math.Cos(4*math.Pi*hz/speechRate))
}

func (r *resonator) next(x float64) float64 {
	y := r.gain*x + r.a1*r.y1 + r.a2*r.y2
	r.y2, r.y1 = r.y1, y
	return y
}

// vowels holds the first three formants in Hz, rounded from tables of adult speech.
var vowels = map[rune][3]float64{
	'a': {750, 1200, 2500}, 'e': {500, 1850, 2500}, 'i': {300, 2250, 2950}, 'o': {500, 900, 2450}, 'u': {320, 800, 2250}, 'y': {350, 2000, 2700},
}

// pitches of the voices in Hz; others get the first.
var pitches = map[voiceID]float64{
	"alloy": 165, "ash": 115, "ballad": 125, "coral": 195, "echo": 110, "sage": 185, "shimmer": 205, "verse": 130, "marin": 190, "cedar": 105,
}

func newSpeaker(words string, voice voiceID, speed float64) *speaker {
	pitch, ok := pitches[voice]
	if !ok {
		pitch = pitches["alloy"]
	}
	return &speaker{letters: []rune(strings.ToLower(words)), perLet: int(msPerLetter * speechRate / 1000 / speed), pitch: pitch, seed: 1}
}

// samples is the length of the whole text.
func (sp *speaker) samples() int { return len(sp.letters) * sp.perLet }

// letterAt is how many letters have begun by sample n.
func (sp *speaker) letterAt(n int) int { return min(len(sp.letters), (n+sp.perLet-1)/sp.perLet) }

// read fills buf and returns how many samples it got; 0 at the end.
func (sp *speaker) read(buf []int16) int {
	n := min(len(buf), sp.samples()-sp.at)
	for done := 0; done < n; {
		letter, offset := sp.at/sp.perLet, sp.at%sp.perLet
		if offset == 0 {
			sp.shape(sp.letters[letter])
		}
		count := min(sp.perLet-offset, n-done)
		sp.sing(buf[done:done+count], sp.letters[letter], offset)
		done += count
		sp.at += count
	}
	return n
}

// shape sets the resonators for a letter. Consonants keep the vowel before them, closer to neutral.
func (sp *speaker) shape(letter rune) {
	f, ok := vowels[letter]
	if !ok {
		f = [3]float64{480, 1500, 2500}
	}
	for i, width := range [3]float64{80, 110, 160} {
		sp.bands[i].tune(f[i], width)
	}
}

const (
	vowelGain     = 0.9
	consonantGain = 0.35
	hissGain      = 0.12
	peak          = 11000 // of 32767, about -10 dBFS, as live speech
)

func (sp *speaker) sing(buf []int16, letter rune, offset int) {
	voiced, hiss := sound(letter)
	progress := float64(sp.at) / float64(max(sp.samples(), 1))
	hz := sp.pitch * (1.12 - 0.2*progress) // a sentence falls
	edge := float64(sp.perLet) / 6
	for i := range buf {
		at := float64(offset + i)
		swell := math.Min(1, math.Min(at+1, float64(sp.perLet)-at)/edge)
		sp.phase += hz / speechRate
		if sp.phase >= 1 {
			sp.phase--
		}
		buzz := (1 - 2*sp.phase) * voiced * (0.7 + 0.3*swell)
		sp.seed = sp.seed*1664525 + 1013904223
		rush := (float64(sp.seed>>8)/(1<<23) - 1) * hiss * swell
		out := rush
		for b := range sp.bands {
			out += sp.bands[b].next(buzz) * 2.2
		}
		buf[i] = int16(peak * math.Max(-2.5, math.Min(2.5, out)))
	}
}

// sound says how loud a letter's buzz and hiss are.
func sound(letter rune) (voiced, hiss float64) {
	if _, ok := vowels[letter]; ok {
		return vowelGain, 0
	}
	switch {
	case strings.ContainsRune("sfhxcz", letter):
		return 0.05, hissGain
	case strings.ContainsRune("tkpq", letter):
		return 0.05, hissGain / 2
	case unicode.IsLetter(letter), unicode.IsDigit(letter):
		return consonantGain, 0
	}
	return 0, 0 // a pause
}
