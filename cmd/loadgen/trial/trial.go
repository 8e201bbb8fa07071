package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"switchboard/cmd/loadgen/figures"
)

// Command puts a fleet under load and takes it apart: each trial is a subcommand.
type Command struct {
	Kill      KillTrial      `cmd:"" help:"Kill nodes under load: every session is to be back on another one."`
	Freeze    freezeTrial    `cmd:"" help:"Freeze nodes under load: every session is to be back on another one."`
	Partition partitionTrial `cmd:"" help:"Cut a node off from Redis, from the other node or from both, both ways or one: a session moves only if it must."`
	Away      awayTrial      `cmd:"" help:"Freeze Redis under load for most of a lease: no session is to end or to move."`
	Rolling   rollingTrial   `cmd:"" help:"Restart all nodes in turn under load: nothing is to be lost."`
	Renewal   renewalTrial   `cmd:"" help:"Talk on for many lives of an upstream session."`
	Cut       cutTrial       `cmd:"" help:"Cut a client off at random moments: it is to have heard everything."`
	Owners    ownersTrial    `cmd:"" help:"Freeze and kill nodes and Redis, and cut nodes off from it, at random: no session is to have two owners."`
	Broadcast broadcastTrial `cmd:"" help:"One broadcast to many sessions: all are to acknowledge it."`
	Webhooks  webhooksTrial  `cmd:"" help:"Kill a node and Redis under webhook deliveries: none is to be lost."`
	Abuse     abuseTrial     `cmd:"" help:"Let a client token, an API key and a stranger do their worst: others are not to feel it."`
	Abuser    abuserCmd      `cmd:"" hidden:"" help:"The process of the abusers."`
	All       allTrials      `cmd:"" help:"All of them, in modest sizes."`
}

// trial is one of them.
type trial interface {
	name() string
	layout() layout
	try(ctx context.Context, f *fleet, o *outcome) error
}

// errBroken ends a trial that found what must not be.
var errBroken = errors.New("trial failed")

// outcome is what a trial found. A figure beside its aim is told and no more; what must
// not be, and was, fails the trial.
type outcome struct {
	title  string
	rows   figures.Table
	broken []string
}

func newOutcome(title string) *outcome {
	return &outcome{title: title, rows: figures.Table{Head: []string{"", "measured", "aim"}}}
}

// figure adds a row; aim is "" where there is none.
func (o *outcome) figure(name, measured, aim string) { o.rows.Add(name, measured, aim) }

// none adds a row of things that must not be, and tells of the first of them.
func (o *outcome) none(name string, found []string) {
	o.rows.Add(name, figures.Count(len(found)), "must be 0")
	const told = 5
	for i, what := range found {
		if i == told {
			o.broken = append(o.broken, fmt.Sprintf("%s: and %d more", name, len(found)-told))
			break
		}
		o.broken = append(o.broken, name+": "+what)
	}
}

// zero adds a row of things that must not be, of which there is nothing more to tell.
func (o *outcome) zero(name string, n int) {
	o.rows.Add(name, figures.Count(n), "must be 0")
	if n > 0 {
		o.broken = append(o.broken, fmt.Sprintf("%s: %d", name, n))
	}
}

// bound adds a row that is held to a limit.
func (o *outcome) bound(name, measured, limit string, met bool) {
	o.rows.Add(name, measured, limit)
	if !met {
		o.broken = append(o.broken, fmt.Sprintf("%s: %s, %s", name, measured, limit))
	}
}

// least adds a row of which there must be enough, or the trial has tried nothing.
func (o *outcome) least(name string, n, enough int) {
	o.bound(name, figures.Count(n), "at least "+figures.Count(enough), n >= enough)
}

func (o *outcome) err() error {
	var all error
	for _, what := range o.broken {
		all = errors.Join(all, fmt.Errorf("%w: %s: %s", errBroken, o.title, what))
	}
	return all
}

func (o *outcome) write(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "\n### %s\n\n", o.title); err != nil {
		return err
	}
	return o.rows.Markdown(w)
}

// conduct runs a trial on a fleet of its own.
func (p programs) conduct(ctx context.Context, t trial) (o *outcome, err error) {
	o = newOutcome(t.name())
	dir, err := os.MkdirTemp("", "loadgen-trial-")
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, p.keepLogs(dir, t), os.RemoveAll(dir)) }()
	f, err := startFleet(ctx, p, dir, t.layout())
	defer func() { err = errors.Join(err, f.stop()) }()
	if err != nil {
		return o, err
	}
	return o, t.try(ctx, f, o)
}

// keepLogs copies what the programs wrote to where it was asked for.
func (p programs) keepLogs(dir string, t trial) error {
	if p.Logs == "" {
		return nil
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return err
	}
	to := filepath.Join(p.Logs, filepath.Base(dir))
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(name)), text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// report runs a trial, prints what it found and fails if it must.
func (p programs) report(ctx context.Context, t trial) error {
	o, err := p.conduct(ctx, t)
	return errors.Join(err, o.write(os.Stdout), o.err())
}

// spread is the median and the worst of durations.
func spreadOf(all []time.Duration) (median, worst time.Duration) {
	if len(all) == 0 {
		return 0, 0
	}
	h := &figures.Histogram{}
	for _, d := range all {
		h.Add(d)
	}
	q := figures.QuantilesOf(h)
	return time.Duration(q.P50 * 1000), time.Duration(q.Max * 1000)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.0f ms", d.Seconds()*1000) }
