package gateway

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"switchboard/gateway/problem"
	"switchboard/session"
	"switchboard/session/series"
)

// window is a span that the overview shows, and the steps it may be cut into.
type window struct {
	span        time.Duration
	step, least time.Duration // of a point, and the shortest
	stored      series.Step
}

var windows = map[string]window{
	"15m": {15 * time.Minute, time.Minute, time.Minute, series.Minute},
	"24h": {24 * time.Hour, 10 * time.Minute, time.Minute, series.Minute},
	"7d":  {7 * 24 * time.Hour, time.Hour, time.Hour, series.Hour},
}

// mostPoints is how many an answer has.
const mostPoints = 1440

type (
	overviewInput struct {
		Window string `query:"window" enum:"15m,24h,7d" default:"15m" doc:"How far back the points go"`
		Step   string `query:"step" maxLength:"16" doc:"Length of a point, as 1m, 10m or 1h; left out: 1m, 10m or 1h for the three windows" example:"5m"`
	}
	overviewOutput struct{ Body overview }
)

// overview is how the fleet is now, and what it did in a window.
type overview struct {
	At         time.Time           `json:"at" doc:"When this was put together"`
	Window     string              `json:"window" enum:"15m,24h,7d"`
	Step       int                 `json:"step_seconds"`
	Totals     Totals              `json:"totals"`
	Facets     []facet             `json:"facets" nullable:"false" doc:"Live sessions by status, state, key, model, node and label"`
	Points     []point             `json:"points" nullable:"false" doc:"Oldest first; the last one is under way"`
	Sum        point               `json:"sum" doc:"Of all points; live and clients are those of the last"`
	Broadcasts []session.Broadcast `json:"broadcasts" nullable:"false" doc:"Those that stand: sticky ones that nobody has withdrawn, and those of the last hour"`
	Attention  []Attention         `json:"attention" nullable:"false" doc:"What an operator should look at, the worst first"`
}

// point is what the fleet did in one interval.
type point struct {
	At         time.Time   `json:"at" doc:"When the interval began"`
	Nodes      int         `json:"nodes" doc:"Lives of nodes that measured something"`
	Live       int         `json:"live" doc:"Sessions at its end"`
	Clients    int         `json:"clients" doc:"Clients at its end"`
	Opened     int64       `json:"opened"`
	Ended      int64       `json:"ended" doc:"As somebody asked, or as their limits say"`
	Failed     int64       `json:"failed" doc:"Sessions that could not go on"`
	Turns      int64       `json:"turns" doc:"Responses that ended"`
	PerMinute  float64     `json:"turns_per_minute"`
	FirstAudio FirstAudio  `json:"first_audio"`
	Errors     pointErrors `json:"errors" doc:"Errors of the upstream's by class"`
	Tokens     int64       `json:"tokens" doc:"Of responses"`
	CostUSD    float64     `json:"cost_usd" doc:"As far as it is known"`
	Renewals   int64       `json:"renewals" doc:"Upstreams replaced while their sessions went on"`
	HandedOver int64       `json:"handed_over" doc:"Sessions that moved to another node"`
	Claimed    int64       `json:"claimed" doc:"Sessions taken over from nodes that were lost"`
}

// FirstAudio is how long responses took to be heard.
type FirstAudio struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms" doc:"Milliseconds that half of them did not exceed; 0 if there are none"`
	P95   float64 `json:"p95_ms"`
}

// pointErrors are errors by their class.
type pointErrors struct {
	Benign  int64 `json:"benign" doc:"Normal races"`
	Turn    int64 `json:"turn" doc:"A response failed"`
	Session int64 `json:"session" doc:"A session failed"`
	Account int64 `json:"account" doc:"The key or its quota"`
}

func (g *Gateway) overview(ctx context.Context, in *overviewInput) (*overviewOutput, error) {
	w, step, err := spanOf(in)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	out := &overviewOutput{Body: overview{At: now, Window: in.Window, Step: int(step.Seconds())}}
	o := &out.Body
	if o.Points, o.Sum, err = g.points(ctx, w, step, now); err != nil {
		return nil, storeError{err}
	}
	g.flush(ctx)
	if o.Totals, err = g.totals(ctx, ""); err != nil {
		return nil, err
	}
	if o.Facets, err = g.liveFacets(ctx); err != nil {
		return nil, err
	}
	if o.Broadcasts, err = g.standing(ctx, now); err != nil {
		return nil, err
	}
	nodes, err := g.options.Lives.Vitals(ctx)
	if err != nil {
		return nil, storeError{err}
	}
	o.Attention = attention(o.Totals, nodes, now)
	return out, nil
}

func spanOf(in *overviewInput) (window, time.Duration, error) {
	w := windows[in.Window]
	if in.Step == "" {
		return w, w.step, nil
	}
	step, err := time.ParseDuration(in.Step)
	switch {
	case err != nil:
		return w, 0, problem.Field("query.step", "want a duration as 1m, 10m or 1h")
	case step < w.least || step%w.least != 0 || step > w.span:
		return w, 0, problem.Field("query.step", fmt.Sprintf("want a multiple of %d min, at most %s, for this window", int(w.least.Minutes()), in.Window))
	}
	return w, step, nil
}

// points are those of a window that ends now, and their sum.
func (g *Gateway) points(ctx context.Context, w window, step time.Duration, now time.Time) ([]point, point, error) {
	from := now.Add(-w.span).Truncate(step).Add(step)
	intervals, err := g.options.Series.Samples(ctx, w.stored, from, now)
	if err != nil {
		return nil, point{}, err
	}
	points := make([]point, 0, min(mostPoints, int(w.span/step)))
	var whole series.Sample
	for begin := from; !begin.After(now) && len(points) < mostPoints; begin = begin.Add(step) {
		var sum, last series.Sample
		lives := map[string]bool{}
		for ; len(intervals) > 0 && intervals[0].Begin.Before(begin.Add(step)); intervals = intervals[1:] {
			all := series.Sample{}
			for life, s := range intervals[0].Nodes {
				all = all.Plus(s)
				lives[life] = true
			}
			sum = sum.Plus(all)
			if len(intervals[0].Nodes) > 0 {
				last = all
			}
		}
		whole = whole.Plus(sum)
		sum.Live, sum.Clients = last.Live, last.Clients
		points = append(points, pointOf(begin, sum, len(lives), min(step, now.Sub(begin))))
	}
	end := point{}
	if len(points) > 0 {
		end = points[len(points)-1]
	}
	whole.Live, whole.Clients = end.Live, end.Clients
	return points, pointOf(from, whole, end.Nodes, now.Sub(from)), nil
}

func pointOf(at time.Time, s series.Sample, nodes int, span time.Duration) point {
	p := point{
		At: at, Nodes: nodes, Live: s.Live, Clients: s.Clients, Opened: s.Opened, Ended: s.Ended, Failed: s.Failed, Turns: s.Turns,
		Errors: pointErrors{s.Errors[0], s.Errors[1], s.Errors[2], s.Errors[3]},
		Tokens: s.Tokens, CostUSD: s.CostUSD, Renewals: s.Renewals, HandedOver: s.HandedOver, Claimed: s.Claimed,
		FirstAudio: FirstAudio{s.FirstAudio.Total(), s.FirstAudio.Quantile(.5) * 1000, s.FirstAudio.Quantile(.95) * 1000},
	}
	if span > 0 {
		p.PerMinute = float64(s.Turns) / max(span.Minutes(), 1.0/60)
	}
	return p
}

// recently is for how long a broadcast that was sent once counts as standing.
const recently = time.Hour

// standing are the broadcasts that operators should know of.
func (g *Gateway) standing(ctx context.Context, now time.Time) ([]session.Broadcast, error) {
	list := []session.Broadcast{}
	if g.options.Broadcasts == nil {
		return list, nil
	}
	all, err := g.options.Broadcasts.BroadcastList(ctx, 200, "")
	if err != nil {
		return nil, broadcastError(err)
	}
	for _, b := range all {
		if b.WithdrawnAt.IsZero() && (b.Sticky || now.Sub(b.CreatedAt) < recently) {
			list = append(list, b)
		}
	}
	return list, nil
}

// totals sums up the sessions of a key, or with "" of all.
func (g *Gateway) totals(ctx context.Context, key string) (Totals, error) {
	t, err := g.options.Store.Totals(ctx, key)
	if err != nil {
		return Totals{}, storeError{err}
	}
	return totalsOf(t), nil
}

func totalsOf(t session.Totals) Totals {
	return Totals{Status: t.Status, Nodes: t.Nodes, Live: t.Live(), Unattended: t.Unattended, Clients: t.Clients}
}

// Attention is something that an operator should look at.
type Attention struct {
	Kind   string `json:"kind" enum:"node-silent,store-away,journal-dropped,audit-lost,account-errors,session-errors,unattended,node-draining,model-shutdown"`
	Level  string `json:"level" enum:"critical,warning,info"`
	Count  int64  `json:"count" doc:"Of sessions, errors, entries or days, by kind"`
	Object string `json:"object,omitempty" doc:"The node or model"`
	Text   string `json:"text"`
}

// modelWarning is from how many days before its end on a model is spoken of.
const modelWarning = 60

// silentAfter is how long a healthy node is silent at most.
const silentAfter = 10 * time.Second

var levels = []string{"critical", "warning", "info"}

func attention(t Totals, nodes []series.Vitals, now time.Time) []Attention {
	list := []Attention{}
	var account, failed int64
	models := map[string]time.Time{}
	for _, v := range nodes {
		list = append(list, nodeAttention(v)...)
		account, failed = account+v.UpstreamErrors[3], failed+v.UpstreamErrors[2]
		for _, m := range v.Models {
			models[m.Name] = m.Ends
		}
	}
	add := func(level, kind, object string, n int64, text string) {
		if n > 0 {
			list = append(list, Attention{kind, level, n, object, text})
		}
	}
	add("critical", "account-errors", "", account, fmt.Sprintf("OpenAI refused the gateway's key or quota %d times in 5 minutes", account))
	add("warning", "session-errors", "", failed, fmt.Sprintf("OpenAI ended or refused %d sessions in 5 minutes", failed))
	add("info", "unattended", "", int64(t.Unattended), fmt.Sprintf("%d live sessions have no client attached", t.Unattended))
	for _, name := range slices.Sorted(maps.Keys(models)) {
		days := int64(models[name].Sub(now).Hours() / 24)
		switch {
		case days < 0:
			list = append(list, Attention{"model-shutdown", "critical", days, name, fmt.Sprintf("OpenAI has shut down %s on %s", name, models[name].Format(time.DateOnly))})
		case days < modelWarning:
			list = append(list, Attention{"model-shutdown", "warning", days, name, fmt.Sprintf("OpenAI shuts down %s in %d days", name, days)})
		}
	}
	slices.SortStableFunc(list, func(a, b Attention) int { return slices.Index(levels, a.Level) - slices.Index(levels, b.Level) })
	return list
}

func nodeAttention(v series.Vitals) (list []Attention) {
	add := func(level, kind string, n int64, text string) {
		list = append(list, Attention{kind, level, n, v.Node, text})
	}
	if v.Silence > silentAfter {
		add("critical", "node-silent", int64(v.Silence.Seconds()), fmt.Sprintf("%s has said nothing for %d s", v.Node, int(v.Silence.Seconds())))
		return list
	}
	if v.StoreAway > 0 {
		add("critical", "store-away", int64(v.StoreAway.Seconds()), fmt.Sprintf("Redis has refused the writes of %s for %d s", v.Node, int(v.StoreAway.Seconds())))
	}
	if v.JournalDropped > 0 {
		add("warning", "journal-dropped", v.JournalDropped, fmt.Sprintf("%s has dropped %d events of session logs while Redis was down", v.Node, v.JournalDropped))
	}
	if v.AuditLost > 0 {
		add("critical", "audit-lost", v.AuditLost, fmt.Sprintf("%s has lost %d entries of the audit log", v.Node, v.AuditLost))
	}
	if v.Draining {
		add("info", "node-draining", int64(v.Sessions), fmt.Sprintf("%s is draining: %d sessions are left", v.Node, v.Sessions))
	}
	return list
}

// facet is how many sessions have each value of something.
type facet struct {
	Name   string       `json:"name" doc:"status, state, key, model, node or label:<name>"`
	Values []facetValue `json:"values" nullable:"false" doc:"The most frequent first, at most 20"`
	More   int          `json:"more,omitempty" doc:"Values that are left out"`
}

// facetValue is how many sessions have one value.
type facetValue struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// Bounds of facets in an answer.
const (
	mostFacets      = 50
	mostFacetValues = 20
)

// facetViews shows facets by name, those of labels last.
func facetViews(f session.Facets) []facet {
	list := []facet{}
	for name, counts := range f {
		v := facet{Name: name, Values: make([]facetValue, 0, len(counts))}
		for value, n := range counts {
			v.Values = append(v.Values, facetValue{value, n})
		}
		slices.SortFunc(v.Values, func(a, b facetValue) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Value, b.Value)) })
		v.More = max(0, len(v.Values)-mostFacetValues)
		v.Values = v.Values[:len(v.Values)-v.More]
		list = append(list, v)
	}
	label := func(f facet) int {
		if strings.HasPrefix(f.Name, "label:") {
			return 1
		}
		return 0
	}
	slices.SortFunc(list, func(a, b facet) int { return cmp.Or(label(a)-label(b), strings.Compare(a.Name, b.Name)) })
	return list[:min(len(list), mostFacets)]
}

// liveFacets counts the live sessions by all that they can be counted by.
func (g *Gateway) liveFacets(ctx context.Context) ([]facet, error) {
	page, err := g.options.Store.Records(ctx, session.Query{Status: session.StatusLive, Facets: true, Limit: 1})
	if err != nil {
		return nil, storeError{err}
	}
	return facetViews(page.Facets), nil
}
