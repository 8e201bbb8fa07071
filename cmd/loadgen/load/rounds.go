package load

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"switchboard/cmd/loadgen/endpoint"
)

// Contender is one target and how it comes to life. A fresh one is started for every
// window, so that no window inherits what the one before left in memory.
type Contender struct {
	Name  string
	Start func(ctx context.Context) (Running, error)
}

// Running is a contender that takes sessions.
type Running struct {
	Target    endpoint.Target
	StandIn   endpoint.Target // answers for the arrival of appends
	Listeners int             // operators who listen in meanwhile
	Stop      func() error
}

// Compete measures every contender in every round. Odd rounds go in reverse, so that
// what drifts while it lasts does not favour the one that is always first.
func Compete(ctx context.Context, contenders []Contender, sc endpoint.Scenario, rounds int, show *Progress) (Results, error) {
	var all Results
	for round := range rounds {
		order := slices.Clone(contenders)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		show.about = fmt.Sprintf("round %d/%d", round+1, rounds)
		for _, c := range order {
			w, err := c.measure(ctx, sc, show)
			if err != nil {
				return all, fmt.Errorf("measure %s of %s: %w", sc.Name, c.Name, err)
			}
			w.Round = round
			all = append(all, w)
		}
	}
	show.clear()
	return all, nil
}

func (c Contender) measure(ctx context.Context, sc endpoint.Scenario, show *Progress) (w Window, err error) {
	r, err := c.Start(ctx)
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, r.Stop()) }()
	return measure(ctx, r, sc, show)
}
