package trial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"switchboard/cmd/loadgen/figures"
	"switchboard/cmd/loadgen/lab"
	"switchboard/cmd/loadgen/load"
	"switchboard/cmd/loadgen/program"
)

// Intake measures how fast a gateway takes webhooks.
type Intake struct {
	programs
	Rounds  int           `help:"Rounds." default:"9"`
	Window  time.Duration `help:"Length of each half of a round." default:"2s"`
	Clients int           `help:"Connections that deliver at once." default:"64"`
	Page    string        `help:"Page whose table is replaced; empty: only print." default:"docs/benchmarks.md"`

	disk intakeDisk // the one that is being measured
}

// intakeDisk is what Redis does to outlive its machine: not the intake's own cost, but one that most will pay.
type intakeDisk struct {
	name  string
	flags []string
	held  bool // the limits are for this one
}

var intakeDisks = []intakeDisk{
	{"in memory, as it comes", []string{"--appendonly", "no"}, true},
	{"with an append-only file that is synced every second", []string{"--appendfsync", "everysec"}, false},
}

// What the intake is held to: keeping may cost so much, and no more.
const (
	leastIntake   = 0.6
	goalIntake    = 0.85
	longestIntake = 2.0
)

func (c *Intake) name() string { return "intake" }

// layout is one node that receives and does nothing else.
func (c *Intake) layout() layout {
	return layout{
		nodes: 1, redis: c.disk.flags,
		env: append([]string{"SWITCHBOARD_WEBHOOK_WORKERS=0", "SWITCHBOARD_LOG_LEVEL=warn"}, intakeNode...),
	}
}

// Run is called by the command line.
func (c *Intake) Run(ctx context.Context) error {
	begin := time.Now()
	var tables bytes.Buffer
	var broken error
	for _, c.disk = range intakeDisks {
		o, err := c.conduct(ctx, c)
		if err != nil {
			return err
		}
		fmt.Fprintf(&tables, "\nRedis %s:\n\n", c.disk.name)
		if err := o.rows.Markdown(&tables); err != nil {
			return err
		}
		if c.disk.held {
			broken = o.err()
		}
	}
	text := fmt.Appendf(nil, "Measured %s in %s: %s.\n%s", begin.UTC().Format(time.DateOnly), time.Since(begin).Round(time.Second), lab.Machine(c.Gateway, ""), tables.Bytes())
	_, err := os.Stdout.Write(text)
	if c.Page != "" {
		err = errors.Join(err, lab.ReplacePart(c.Page, "intake", text))
	}
	return errors.Join(err, broken)
}

// intakeHalf is one half of a round: deliveries of one kind.
type intakeHalf struct {
	name   string
	body   []byte
	status int // what answers them
}

// intakeWindow is one half of a round as measured.
type intakeWindow struct {
	figures.Quantiles
	gateway, redis, load float64 // CPU µs for each delivery
}

// The two differ in their last step only: a payload that is no JSON object is refused when all else is done.
func intakeHalves() []intakeHalf {
	pad := strings.Repeat("x", 520)
	return []intakeHalf{
		{"verified", []byte(`[{"object":"event","id":"evt_1","type":"batch.completed","created_at":1767233035,"data":{"id":"batch_1","pad":"` + pad + `"}}]`), http.StatusBadRequest},
		{"kept", []byte(`{"object":"event","id":"evt_1","type":"batch.completed","created_at":1767233035,"data":{"id":"batch_1","padded":"` + pad + `"}}`), http.StatusOK},
	}
}

func (c *Intake) try(ctx context.Context, f *fleet, o *outcome) error {
	post := newCourier(f.nodes[0].url(), c.Clients)
	defer post.hangUp()
	halves := intakeHalves()
	found := make(map[string][]intakeWindow)
	for round := -1; round < c.Rounds; round++ { // the first is to warm up
		for _, h := range halves {
			w, err := c.window(ctx, f, post, h, fmt.Sprintf("wh_%s_%d", h.name, round))
			if err != nil {
				return err
			}
			if round >= 0 {
				found[h.name] = append(found[h.name], w)
			}
		}
		slices.Reverse(halves)
	}
	c.tell(o, found["verified"], found["kept"])
	return nil
}

// window measures one half of a round, and what it cost the programs.
func (c *Intake) window(ctx context.Context, f *fleet, post *courier, h intakeHalf, prefix string) (w intakeWindow, err error) {
	before, err := f.cpu()
	own, err2 := program.OwnCPU()
	if err = errors.Join(err, err2); err != nil {
		return w, err
	}
	if w.Quantiles, err = c.measure(ctx, post, h, prefix); err != nil {
		return w, err
	}
	after, err := f.cpu()
	all, err2 := program.OwnCPU()
	each := func(used time.Duration) float64 { return figures.Micros(used) / float64(w.Count) }
	w.gateway, w.redis = each(after.nodes-before.nodes), each(after.redis-before.redis)
	w.load = each(all-own-(after.standIn-before.standIn)) - w.gateway - w.redis
	return w, errors.Join(err, err2)
}

// measure delivers for one window, every client as fast as it is answered.
func (c *Intake) measure(ctx context.Context, post *courier, h intakeHalf, prefix string) (figures.Quantiles, error) {
	var took figures.Histogram
	end := time.Now().Add(c.Window)
	g, ctx := errgroup.WithContext(ctx)
	for client := range c.Clients {
		g.Go(func() error {
			for i := 0; ; i++ {
				begin := time.Now()
				if begin.After(end) {
					return nil
				}
				r, err := post.deliver(ctx, fmt.Sprintf("%s_%d_%d", prefix, client, i), h.body)
				if err != nil {
					return fmt.Errorf("deliver: %w", err)
				}
				if r.status != h.status || r.duplicate {
					return fmt.Errorf("a delivery that is to be %s was answered %d", h.name, r.status)
				}
				took.Add(time.Since(begin))
			}
		})
	}
	err := g.Wait()
	return figures.QuantilesOf(&took), err
}

// tell holds the medians against what is asked for.
func (c *Intake) tell(o *outcome, verified, kept []intakeWindow) {
	o.rows.Head = []string{"", "only verified", "kept", "kept : verified", "limit", "goal"}
	row := func(name string, read func(intakeWindow) float64, limit, goal string, met func(float64) bool) {
		var a, b, ratios []float64
		for i := range kept {
			a, b = append(a, read(verified[i])), append(b, read(kept[i]))
			ratios = append(ratios, b[i]/a[i])
		}
		ratio := load.Median(ratios)
		o.rows.Add(name, figures.Figure(load.Median(a)), figures.Figure(load.Median(b)), figures.Figure(ratio), limit, goal)
		if ratio == nil || !met(*ratio) {
			o.broken = append(o.broken, fmt.Sprintf("%s: %s, %s", name, figures.Figure(ratio), limit))
		}
	}
	told := func(float64) bool { return true }
	row("deliveries/s", func(w intakeWindow) float64 { return float64(w.Count) / c.Window.Seconds() },
		fmt.Sprintf("≥ %.2f", leastIntake), fmt.Sprintf("≥ %.2f", goalIntake), func(x float64) bool { return x >= leastIntake })
	row("p50 µs", func(w intakeWindow) float64 { return w.P50 }, "", "", told)
	row("p99 µs", func(w intakeWindow) float64 { return w.P99 }, fmt.Sprintf("≤ %.1f", longestIntake), "", func(x float64) bool { return x <= longestIntake })
	row("CPU µs, gateway", func(w intakeWindow) float64 { return w.gateway }, "", "", told)
	row("CPU µs, gateway, Redis and load", func(w intakeWindow) float64 { return w.gateway + w.redis + w.load }, "", "", told)
}
