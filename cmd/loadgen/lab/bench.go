package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/loadgen/figures"
	"switchboard/cmd/loadgen/load"
)

// Command measures the gateway beside nginx and no proxy at all.
type Command struct {
	Gateway   string   `help:"Gateway program." default:"bin/switchboard" type:"path"`
	Base      string   `help:"Another gateway program to measure beside it, as the one before a change." type:"path"`
	Simulator string   `help:"Program of the stand-in." default:"bin/simulator" type:"path"`
	Nginx     string   `help:"nginx." default:"nginx"`
	Redis     string   `help:"Redis server." default:"redis-server"`
	Targets   []string `help:"Who takes part." default:"direct,nginx,gateway" enum:"direct,nginx,gateway"`
	Scenarios []string `help:"What is measured." default:"vad,resumable,down,up,idle" enum:"vad,ptt,resumable,many500,many2000,many4000,many10000,paced,down,up,idle"`
	Full      bool     `help:"The long scenarios, too: push-to-talk, and 500 to 10,000 sessions (two hours)."`

	Mode       string   `help:"How the gateway is asked for sessions." enum:"openai,sessions" default:"openai"`
	GatewayEnv []string `help:"More environment for the gateway; may be repeated." sep:"none" placeholder:"KEY=VALUE"`
	Rounds     int      `help:"Rounds of each scenario; 0: 7 paced, 5 flat out, 3 idle."`
	Short      bool     `help:"A tenth of the sessions and short windows: tells whether everything works, not how fast it is. Writes no page and fails on errors only."`
	Page       string   `help:"Page whose table is replaced; empty: only print." default:"docs/benchmarks.md"`
}

// roundsOf is enough rounds for the median of the noisiest figure that a scenario is
// held to: 7 for a p99, 5 for CPU, 3 for memory, which repeats to 2 %. Long windows need fewer.
var roundsOf = map[string]int{"paced": 7, "vad": 5, "ptt": 3, "down": 5, "up": 5}

// fewestRounds is enough of the others.
const fewestRounds = 3

// errMissed ends a bench whose figures are over the budget.
var errMissed = errors.New("budget missed")

// Run is called by the command line.
func (c *Command) Run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "loadgen-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// nginx drops its rights when root starts it, and must still reach its files.
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	begin := time.Now()
	l := &lab{dir: dir, simulator: c.Simulator, nginx: c.Nginx, redis: c.Redis, env: c.GatewayEnv, mode: c.Mode}
	all, err := c.measure(ctx, l)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	p := page{begin: begin, took: time.Since(begin), gateway: c.Gateway, nginx: c.Nginx, results: all}
	if err := p.write(&text); err != nil {
		return err
	}
	if _, err := os.Stdout.Write(text.Bytes()); err != nil {
		return err
	}
	if c.Page != "" && !c.Short {
		if err := ReplacePart(c.Page, "bench", text.Bytes()); err != nil {
			return err
		}
	}
	return c.verdict(all)
}

// measure runs the scenarios one after the other.
func (c *Command) measure(ctx context.Context, l *lab) (map[string]load.Results, error) {
	show := load.NewProgress(os.Stderr)
	all := make(map[string]load.Results)
	for _, name := range c.scenarios() {
		sc, err := endpoint.ScenarioNamed(name)
		if err != nil {
			return nil, err
		}
		rounds := c.Rounds
		if rounds == 0 {
			rounds = max(roundsOf[name], fewestRounds)
		}
		if c.Short {
			sc = sc.Short()
		}
		rs, err := load.Compete(ctx, c.contenders(l, sc), sc, rounds, show)
		if err != nil {
			return nil, err
		}
		all[name] = rs
	}
	return all, nil
}

// scenarios are those that were asked for, with all long ones if so.
func (c *Command) scenarios() []string {
	names := slices.Clone(c.Scenarios)
	for _, sc := range endpoint.Scenarios {
		if c.Full && sc.Long {
			names = append(names, sc.Name)
		}
	}
	return names
}

// contenders lists who takes part in a scenario.
func (c *Command) contenders(l *lab, sc endpoint.Scenario) []load.Contender {
	if sc.Resumable {
		sessions := *l
		sessions.mode = endpoint.ModeSessions
		l = &sessions
	}
	var all []load.Contender
	add := func(name string, start func(*bench, context.Context) (endpoint.Target, error)) {
		all = append(all, l.contender(name, start))
	}
	// Without a proxy there is no proxy's memory.
	if slices.Contains(c.Targets, nameDirect) && !sc.Quiet() {
		add(nameDirect, (*bench).direct)
	}
	if slices.Contains(c.Targets, nameNginx) {
		add(nameNginx, (*bench).startNginx)
	}
	if slices.Contains(c.Targets, nameGateway) {
		add(nameGateway, gateway(c.Gateway))
	}
	if c.Base != "" {
		add(nameBase, gateway(c.Base))
	}
	return all
}

// verdict is an error if the gateway took part and is over its budget.
func (c *Command) verdict(all map[string]load.Results) error {
	if !slices.Contains(c.Targets, nameGateway) {
		return nil
	}
	var missed error
	for _, b := range budget {
		rs, measured := all[b.scenario]
		if !measured || c.Short && b.limit > 0 {
			continue
		}
		calm, _ := rs.Calm(nameDirect)
		if x := b.of(calm, nameGateway); !b.met(x) {
			missed = errors.Join(missed, fmt.Errorf("%w: %s is %s, may be %s", errMissed, b.name, figures.Figure(x), figures.Figure(&b.limit)))
		}
	}
	return missed
}
