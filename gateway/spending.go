package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"switchboard/gateway/openapi"
	"switchboard/gateway/problem"
	"switchboard/gateway/role"
	"switchboard/session"
	"switchboard/session/access"
)

// Spending reads what sessions have used; a [session.Meter] is one.
type Spending interface {
	Spending(ctx context.Context, day time.Time, key, label string) (map[string]access.Sums, error)
}

// costUSD is a cost as the API shows it: a number, or "unknown".
type costUSD session.Cost

// MarshalJSON implements json.Marshaler.
func (c costUSD) MarshalJSON() ([]byte, error) { return json.Marshal(session.Cost(c).Shown()) }

// Schema implements huma.SchemaProvider.
func (costUSD) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{
		{Type: huma.TypeNumber, Description: "US dollars"},
		{Type: huma.TypeString, Enum: []any{"unknown"}},
	}}
}

// dayUsage is what sessions have used in a day, by API key or by the value of a label.
type dayUsage struct {
	Day   string     `json:"day" format:"date" doc:"UTC"`
	By    string     `json:"by" example:"key"`
	Rows  []usageRow `json:"rows" nullable:"false" doc:"The dearest first"`
	Total usageRow   `json:"total"`
}

// usageRow sums up sessions.
type usageRow struct {
	Name     string  `json:"name,omitempty" doc:"Of the key, or the label's value; (other) are those beyond the first 1,000 of a day"`
	Sessions int64   `json:"sessions" doc:"Sessions that began to be counted on that day"`
	Tokens   int64   `json:"tokens" doc:"Of responses and transcriptions; a second of transcription that is paid for by the time counts as 10"`
	Seconds  float64 `json:"seconds" doc:"In which sessions ran"`
	CostUSD  float64 `json:"cost_usd" doc:"What is known of the cost"`
	Unpriced int64   `json:"unpriced_sessions" doc:"Sessions whose cost is unknown, or not known in whole"`
}

type (
	usageInput struct {
		By  string `query:"by" default:"key" doc:"key, or label:<name> with a name of --cost-labels" example:"label:team"`
		Day string `query:"day" format:"date" doc:"UTC, of the last 35 days; left out: today" example:"2026-11-30"`
	}
	usageOutput struct{ Body dayUsage }
)

// usageRoutes are there if somebody counts what is used.
func (g *Gateway) usageRoutes() []openapi.Route {
	if g.options.Spending == nil {
		return nil
	}
	return []openapi.Route{
		{Method: "GET", Path: usagePath, ID: "get-usage", Tag: tagSessions, Role: role.App,
			Summary: "See what a day's sessions used and cost",
			Text:    "Of responses and transcriptions, counted within seconds. An operator key sees all API keys, an app key itself.",
			Do:      openapi.JSON(g.usage)},
	}
}

func (g *Gateway) usage(ctx context.Context, in *usageInput) (*usageOutput, error) {
	day := time.Now().UTC()
	if in.Day != "" {
		var err error
		if day, err = time.Parse(time.DateOnly, in.Day); err != nil {
			return nil, problem.Field("query.day", "want a day as 2026-11-30")
		}
	}
	label, byLabel := strings.CutPrefix(in.By, "label:")
	switch {
	case in.By == "key":
		label = ""
	case !byLabel:
		return nil, problem.Field("query.by", "want key or label:<name>")
	case !slices.Contains(g.options.CostLabels, label):
		return nil, problem.Field("query.by", "usage is not summed by this label: --cost-labels names those by which it is")
	}
	sums, err := g.options.Spending.Spending(ctx, day, callerOf(ctx).scope(), label)
	if err != nil {
		return nil, storeError{err}
	}
	out := &usageOutput{Body: dayUsage{Day: day.Format(time.DateOnly), By: in.By, Rows: []usageRow{}}}
	var total access.Sums
	for name, s := range sums {
		total = total.Add(s)
		out.Body.Rows = append(out.Body.Rows, rowOf(name, s))
	}
	slices.SortFunc(out.Body.Rows, func(a, b usageRow) int {
		return cmp.Or(cmp.Compare(b.CostUSD, a.CostUSD), cmp.Compare(b.Tokens, a.Tokens), cmp.Compare(a.Name, b.Name))
	})
	out.Body.Total = rowOf("", total)
	return out, nil
}

func rowOf(name string, s access.Sums) usageRow {
	return usageRow{Name: name, Sessions: s.Sessions, Tokens: s.Tokens, Seconds: s.Seconds, CostUSD: s.CostUSD, Unpriced: s.Unpriced}
}
