package gateway

import (
	"context"
	"maps"
	"slices"
	"time"

	"switchboard/session"
)

// Setting is one setting of a node, as its operator gave it.
type Setting struct {
	Name    string `json:"name" example:"--keep"`
	Env     string `json:"env" doc:"Environment variable"`
	Group   string `json:"group"`
	Help    string `json:"help"`
	Value   string `json:"value" doc:"Of a secret only whether it is set: set or empty"`
	Default string `json:"default"`
	Changed bool   `json:"changed" doc:"It is not the default"`
	Secret  bool   `json:"secret,omitempty"`
}

// PriceView is what a model costs, in US dollars.
type PriceView struct {
	Model  string     `json:"model"`
	Text   *RatesView `json:"text,omitempty" doc:"Per million tokens"`
	Audio  *RatesView `json:"audio,omitempty"`
	Image  *RatesView `json:"image,omitempty"`
	Batch  *RatesView `json:"batch,omitempty" doc:"Of all tokens in batches"`
	Minute float64    `json:"minute,omitempty" doc:"Per minute of transcribed audio"`
}

// RatesView are US dollars per million tokens.
type RatesView struct {
	Input  float64 `json:"input"`
	Cached float64 `json:"cached"`
	Output float64 `json:"output"`
}

type settingsOutput struct {
	Body struct {
		Node      string           `json:"node" doc:"URL of the node that answers; another may be configured otherwise"`
		Version   string           `json:"version"`
		StartedAt time.Time        `json:"started_at"`
		Settings  []Setting        `json:"settings" nullable:"false" doc:"Read-only: they come from flags and the environment of the node"`
		Policies  []session.Policy `json:"policies" nullable:"false" doc:"What client tokens may be given by name"`
		Prices    []PriceView      `json:"prices" nullable:"false"`
	}
}

func (g *Gateway) settings(context.Context, *struct{}) (*settingsOutput, error) {
	out := &settingsOutput{}
	b := &out.Body
	b.Node, b.Version, b.StartedAt = g.options.Node, g.options.Version, g.started
	b.Settings = append([]Setting{}, g.options.Settings...)
	b.Prices = append([]PriceView{}, g.options.Prices...)
	b.Policies = []session.Policy{}
	for _, name := range slices.Sorted(maps.Keys(g.options.Policies)) {
		b.Policies = append(b.Policies, g.options.Policies[name])
	}
	return out, nil
}
