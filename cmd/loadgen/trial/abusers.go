package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/loadgen/figures"
	"switchboard/cmd/loadgen/program"
)

// order is what the process of the abusers is told to do.
type order struct {
	Node, Session, Secret, Relay string
	For, Pause                   time.Duration
	Creates, Uploads             int
	Only                         string
}

// answered is how an abuser was answered: attack → status → count.
type answered struct {
	Who     string
	Answers map[string]map[string]int
}

// abuserCmd is the process of the abusers. It is started by the trial, so that the abusers'
// own work does not delay the sessions whose latency is measured.
type abuserCmd struct {
	Order   string `arg:"" help:"File with what to do."`
	Answers string `arg:"" help:"File for the answers."`
}

// Run is called by the command line.
func (c *abuserCmd) Run(ctx context.Context) error {
	if err := program.YieldCPU(); err != nil {
		return fmt.Errorf("lower own priority: %w", err)
	}
	text, err := os.ReadFile(c.Order)
	if err != nil {
		return err
	}
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return fmt.Errorf("read order: %w", err)
	}
	all, err := o.carryOut(ctx)
	if err != nil {
		return err
	}
	if text, err = json.Marshal(all); err != nil {
		return err
	}
	return os.WriteFile(c.Answers, text, 0o600)
}

// carryOut runs all abusers at once for the time of the order.
func (o order) carryOut(ctx context.Context) ([]answered, error) {
	relay, err := url.Parse(o.Relay)
	if err != nil {
		return nil, fmt.Errorf("read order: %w", err)
	}
	session := endpoint.Created{ID: o.Session, Secret: o.Secret, Relay: relay}
	worst, stop := context.WithTimeout(ctx, o.For)
	defer stop()
	var all []*abuser
	for _, one := range []struct {
		who, key string
		attack   func(*abuser)
	}{
		{"client token", "", func(a *abuser) { a.abuseToken(worst, session) }},
		{"API key", abuserKey, func(a *abuser) { a.abuseKey(worst, o.Creates, o.Uploads) }},
		{"stranger", "", func(a *abuser) { a.abuseWithout(worst, session.ID) }},
	} {
		node, err := endpoint.NewTarget("node", o.Node, 0, endpoint.Access{Key: one.key, Mode: endpoint.ModeSessions, Model: abusedModel})
		if err != nil {
			return nil, err
		}
		a := newAbuser(one.who, node, o.Pause, o.Only)
		all = append(all, a)
		one.attack(a)
	}
	var said []answered
	for _, a := range all {
		a.wait()
		said = append(said, answered{a.who, a.answers})
	}
	return said, ctx.Err()
}

// sendAbusers starts the process of the abusers; the returned func waits for its end.
func (f *fleet) sendAbusers(o order) (wait func() ([]answered, error), err error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	todo, answers := filepath.Join(f.dir, "abusers-order.json"), filepath.Join(f.dir, "abusers-answers.json")
	if err := os.WriteFile(todo, text, 0o600); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c, err := program.Launch(f.dir, "abusers", nil, self, "trial", "abuser", todo, answers)
	if err != nil {
		return nil, err
	}
	return func() (all []answered, err error) {
		select {
		case err = <-c.Done:
		case <-time.After(program.StopTimeout):
			err = c.Stop()
		}
		if err != nil {
			return nil, fmt.Errorf("abusers ended: %w: %s", err, c.Said())
		}
		if text, err = os.ReadFile(answers); err == nil {
			err = json.Unmarshal(text, &all)
		}
		return all, err
	}, nil
}

// tell adds a row for every attack, and returns the number of answers.
func (a answered) tell(o *outcome) (total int) {
	for _, attack := range slices.Sorted(maps.Keys(a.Answers)) {
		var said []string
		for _, status := range slices.Sorted(maps.Keys(a.Answers[attack])) {
			n := a.Answers[attack][status]
			total += n
			said = append(said, fmt.Sprintf("%s: %s", status, figures.Count(n)))
		}
		o.figure(a.Who+": "+attack, strings.Join(said, ", "), "")
	}
	return total
}
