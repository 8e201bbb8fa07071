package load

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"switchboard/cmd/loadgen/endpoint"
)

// Command drives sessions against one target, or against several in turn.
type Command struct {
	endpoint.Access
	URL string `help:"Server to drive: http, https, ws or wss, with or without /v1." default:"http://127.0.0.1:8080"`
	PID int    `help:"Its process: adds CPU per event and memory per session of the process and all its descendants."`

	Compare    string `help:"A second server to measure in turn with the first; prints the ratios within each round."`
	ComparePID int    `help:"Its process." name:"compare-pid"`
	CompareKey string `help:"Its key, if it is another one."`
	StandIn    string `help:"Address of cmd/simulator behind the server, to learn when appends arrive there. Asked for through the server itself if not given." name:"stand-in"`

	Scenario  string        `help:"What the sessions do, one of the scenarios above." default:"paced" short:"s"`
	Sessions  int           `help:"How many at once; 0: as the scenario has it." short:"n"`
	Opening   int           `help:"How many are being opened at a time; 0: as the scenario has it."`
	Duration  time.Duration `help:"Length of one measured window; 0: as the scenario has it." short:"d"`
	Rounds    int           `help:"How often to measure." default:"1" short:"r"`
	Listeners int           `help:"Operators who listen in on the first server meanwhile, at most 64, with the same key; the second has none. Both may be one server."`
	JSON      bool          `help:"Print every window as JSON instead of a table."`
	Quiet     bool          `help:"Show no progress." short:"q"`
}

// Run is called by the command line.
func (c *Command) Run(ctx context.Context) error {
	sc, err := endpoint.ScenarioNamed(c.Scenario)
	if err != nil {
		return err
	}
	sc.Sessions = cmp.Or(c.Sessions, sc.Sessions)
	sc.Opening = cmp.Or(c.Opening, sc.Opening)
	sc.Window = cmp.Or(c.Duration, sc.Window)
	contenders, err := c.contenders()
	if err != nil {
		return err
	}
	show := NewProgress(os.Stderr)
	if c.Quiet {
		show.out = nil
	}
	rs, err := Compete(ctx, contenders, sc, c.Rounds, show)
	if err != nil {
		return err
	}
	if c.JSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		err = out.Encode(map[string]any{"windows": rs})
	} else {
		err = report(os.Stdout, rs)
	}
	if err == nil && slices.ContainsFunc(rs, func(w Window) bool { return w.Connected == 0 }) {
		err = errors.New("not one session could be opened")
	}
	return err
}

// contenders are servers that somebody else started, and that go on afterwards.
func (c *Command) contenders() ([]Contender, error) {
	var standIn endpoint.Target
	if c.StandIn != "" {
		var err error
		if standIn, err = endpoint.NewTarget("stand-in", c.StandIn, 0, c.Access); err != nil {
			return nil, err
		}
	}
	other := c.Access
	other.Key = cmp.Or(c.CompareKey, c.Key)
	var all []Contender
	for _, s := range []struct {
		name, url string
		pid       int
		access    endpoint.Access
	}{{"target", c.URL, c.PID, c.Access}, {"other", c.Compare, c.ComparePID, other}} {
		if s.url == "" {
			continue
		}
		t, err := endpoint.NewTarget(s.name, s.url, s.pid, s.access)
		if err != nil {
			return nil, fmt.Errorf("read flags: %w", err)
		}
		r := Running{Target: t, StandIn: t, Stop: func() error { return nil }}
		if c.StandIn != "" {
			r.StandIn = standIn
		}
		if s.name == "target" {
			r.Listeners = c.Listeners
		}
		all = append(all, Contender{s.name, func(context.Context) (Running, error) { return r, nil }})
	}
	return all, nil
}
