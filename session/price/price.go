// Package price holds what models cost. [Default] are the prices of OpenAI's own models on
// [Date]; [Table.Override] puts those of a deployment in their place, and [Table.Find] looks
// one up. It knows nothing of sessions or batches.
package price

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Date is when the default prices were read, on the pages of the models at
// developers.openai.com/api/docs/models.
const Date = "2026-11-29"

// Rates are US dollars per million tokens.
type Rates struct {
	Input  float64 `json:"input"`
	Cached float64 `json:"cached"` // of input; as Input where it is not given
	Output float64 `json:"output"`
}

// Model is what one model costs. A kind of tokens without rates has no price.
type Model struct {
	Name   string  `json:"-"`
	Text   *Rates  `json:"text,omitempty"`
	Audio  *Rates  `json:"audio,omitempty"`
	Image  *Rates  `json:"image,omitempty"`
	Minute float64 `json:"minute,omitempty"` // US dollars per minute of transcribed audio
	Batch  *Rates  `json:"batch,omitempty"`  // of all tokens in batches
}

// Table is prices by the model's name. The zero value has none. It does not change.
type Table struct{ models map[string]Model }

// Default returns the prices of [Date].
func Default() Table {
	realtime := func(text, audio, image Rates) Model { return Model{Text: &text, Audio: &audio, Image: &image} }
	transcription := func(in, out float64) Model {
		r := Rates{in, in, out}
		return Model{Text: &r, Audio: &r}
	}
	t := Table{map[string]Model{
		"gpt-realtime-2.1":       realtime(Rates{4, .4, 24}, Rates{32, .4, 64}, Rates{5, .5, 0}),
		"gpt-realtime-2.1-mini":  realtime(Rates{.6, .06, 2.4}, Rates{10, .3, 20}, Rates{.8, .08, 0}),
		"gpt-realtime-2":         realtime(Rates{4, .4, 24}, Rates{32, .4, 64}, Rates{5, .5, 0}),
		"gpt-realtime-1.5":       realtime(Rates{4, .4, 16}, Rates{32, .4, 64}, Rates{5, .5, 0}),
		"gpt-transcribe":         {Minute: .0045},
		"gpt-realtime-whisper":   {Minute: .017},
		"gpt-live-transcribe":    {Minute: .017},
		"gpt-4o-transcribe":      transcription(2.5, 10),
		"gpt-4o-mini-transcribe": transcription(1.25, 5),
		"whisper-1":              {Minute: .006},
	}}
	return t.named()
}

func (t Table) named() Table {
	for name, m := range t.models {
		m.Name = name
		t.models[name] = m
	}
	return t
}

// Override returns t with the prices of a JSON object, {"<model>": {"text": {"input": …}}},
// in place of its own. A model that is null there has no price.
func (t Table) Override(raw []byte) (Table, error) {
	var given map[string]*Model
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&given); err != nil {
		return t, fmt.Errorf("read prices: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return t, errors.New("read prices: there is more behind the object")
	}
	merged := Table{maps.Clone(t.models)}
	if merged.models == nil {
		merged.models = map[string]Model{}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		m := given[name]
		if m == nil {
			delete(merged.models, name)
			continue
		}
		if name == "" || *m == (Model{}) {
			return t, fmt.Errorf("read prices: %q has no price: give text, audio, image, minute or batch", name)
		}
		if m.Minute < 0 {
			return t, fmt.Errorf("read prices: %s.minute is negative", name)
		}
		merged.models[name] = *m
	}
	return merged.named(), nil
}

// UnmarshalJSON reads rates, each of which must not be negative; input must be there.
func (r *Rates) UnmarshalJSON(raw []byte) error {
	var given struct{ Input, Cached, Output *float64 }
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&given); err != nil {
		return err
	}
	if given.Input == nil {
		return errors.New("rates have no input: want {\"input\", \"cached\", \"output\"} in US dollars per million tokens")
	}
	*r = Rates{Input: *given.Input, Cached: *given.Input}
	if given.Cached != nil {
		r.Cached = *given.Cached
	}
	if given.Output != nil {
		r.Output = *given.Output
	}
	if min(r.Input, r.Cached, r.Output) < 0 {
		return errors.New("a rate is negative")
	}
	return nil
}

// Find returns the price of a model, or of the model of which it is a dated snapshot
// (<name>-2026-11-29).
func (t Table) Find(model string) (Model, bool) {
	if m, ok := t.models[model]; ok {
		return m, true
	}
	for name, m := range t.models {
		if Covers(name, model) {
			return m, true
		}
	}
	return Model{}, false
}

var snapshot = regexp.MustCompile(`^-20[0-9]{2}-[0-9]{2}-[0-9]{2}$`)

// Covers reports whether the price of name is that of model, too: it is the same or a dated
// snapshot of it. gpt-4o says nothing of gpt-4o-mini.
func Covers(name, model string) bool {
	rest, ok := strings.CutPrefix(model, name)
	return ok && name != "" && (rest == "" || snapshot.MatchString(rest))
}

// Models lists all models by name.
func (t Table) Models() (list []Model) {
	for _, name := range slices.Sorted(maps.Keys(t.models)) {
		list = append(list, t.models[name])
	}
	return list
}

// Batch lists the models that have a price in batches.
func (t Table) Batch() (list []Model) {
	for _, name := range slices.Sorted(maps.Keys(t.models)) {
		if m := t.models[name]; m.Batch != nil {
			list = append(list, m)
		}
	}
	return list
}

// Count is tokens of one kind; Cached are those of Input that were.
type Count struct{ Input, Cached, Output int64 }

// Use is what one response or transcription took.
type Use struct {
	Text, Audio, Image Count
	Seconds            float64 // of transcribed audio
}

// tokensPerSecond is how many tokens the audio of a user takes: one per 100 ms.
const tokensPerSecond = 10

// Cost is what a use costs, in US dollars; false if the model has no price for a part of it.
func (m Model) Cost(u Use) (usd float64, known bool) {
	if m.Minute > 0 {
		seconds := u.Seconds
		if seconds == 0 { // told in tokens
			seconds = float64(u.Audio.Input) / tokensPerSecond
		}
		return seconds / 60 * m.Minute, true
	}
	known = u.Seconds == 0
	for _, part := range []struct {
		rates *Rates
		count Count
	}{{m.Text, u.Text}, {m.Audio, u.Audio}, {m.Image, u.Image}} {
		switch {
		case part.count == Count{}:
		case part.rates == nil:
			known = false
		default:
			usd += part.rates.Cost(part.count)
		}
	}
	return usd, known
}

// Cost is what tokens of one kind cost, in US dollars.
func (r Rates) Cost(c Count) float64 {
	cached := min(c.Cached, c.Input)
	return (float64(c.Input-cached)*r.Input + float64(cached)*r.Cached + float64(c.Output)*r.Output) / 1e6
}
