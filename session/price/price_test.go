package price_test

import (
	"math"
	"strings"
	"testing"

	"switchboard/session/price"
)

func TestFindKnowsSnapshotsAndNothingElse(t *testing.T) {
	table := price.Default()
	for model, want := range map[string]string{
		"gpt-realtime-2.1":                 "gpt-realtime-2.1",
		"gpt-realtime-2.1-2026-07-06":      "gpt-realtime-2.1",
		"gpt-realtime-2.1-mini":            "gpt-realtime-2.1-mini",
		"gpt-realtime-2.1-mini-2026-07-06": "gpt-realtime-2.1-mini",
		"gpt-realtime-2.1-maxi":            "",
		"gpt-realtime-2.12":                "",
		"gpt-realtime":                     "",
		"my-gpt-realtime-2.1":              "",
		"":                                 "",
	} {
		if m, ok := table.Find(model); m.Name != want || ok != (want != "") {
			t.Errorf("%q has the price of %q", model, m.Name)
		}
	}
}

func TestCostIsByModalityAndCache(t *testing.T) {
	m, _ := price.Default().Find("gpt-realtime-2.1")
	use := price.Use{
		Text:  price.Count{Input: 1000, Cached: 400, Output: 100},
		Audio: price.Count{Input: 2000, Cached: 1500, Output: 300},
		Image: price.Count{Input: 50, Cached: 60}, // more than there were
	}
	want := (600*4 + 400*.4 + 100*24 + 500*32 + 1500*.4 + 300*64 + 50*.5) / 1e6
	if got, known := m.Cost(use); !known || math.Abs(got-want) > 1e-12 {
		t.Errorf("it costs %v, %v, want %v", got, known, want)
	}
	if _, known := (price.Model{Text: m.Text}).Cost(use); known {
		t.Error("audio without a price costs something known")
	}
	whisper, _ := price.Default().Find("gpt-realtime-whisper")
	if got, _ := whisper.Cost(price.Use{Seconds: 90}); math.Abs(got-.017*1.5) > 1e-12 {
		t.Errorf("90 s cost %v", got)
	}
	if got, _ := whisper.Cost(price.Use{Audio: price.Count{Input: 900}}); math.Abs(got-.017*1.5) > 1e-12 {
		t.Errorf("90 s that are told in tokens cost %v", got)
	}
	if _, known := m.Cost(price.Use{Seconds: 1}); known {
		t.Error("time has a price where tokens are paid for")
	}
}

func TestOverride(t *testing.T) {
	table, err := price.Default().Override([]byte(`{"whisper-1":null,"mine":{"text":{"input":2,"output":3},"batch":{"input":1,"cached":0.5,"output":2}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := table.Find("whisper-1"); ok {
		t.Error("a price that was taken out is there")
	}
	if m, _ := table.Find("mine-2026-01-02"); m.Text == nil || *m.Text != (price.Rates{Input: 2, Cached: 2, Output: 3}) {
		t.Errorf("mine costs %+v", m.Text)
	}
	if b := table.Batch(); len(b) != 1 || b[0].Name != "mine" || b[0].Batch.Cached != .5 {
		t.Errorf("in batches: %+v", b)
	}
	if _, ok := table.Find("gpt-transcribe"); !ok {
		t.Error("the other defaults are gone")
	}
	for raw, want := range map[string]string{
		`{"m":{"text":{"input":-1}}}`:        "negative",
		`{"m":{"minute":-1}}`:                "m.minute",
		`{"m":{"texd":{"input":1}}}`:         "texd",
		`{"m":{"text":{"input":1,"out":2}}}`: "out",
		`{"m":{"text":{"output":1}}}`:        "no input",
		`{"m":{}}`:                           "no price",
		`{"":{"minute":1}}`:                  "no price",
		`{"m":{"minute":1}} x`:               "",
		`[]`:                                 "",
		`{"m":{"text":{"input":"1"}}}`:       "",
	} {
		if _, err := price.Default().Override([]byte(raw)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error about %q", raw, err, want)
		}
	}
}
