package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// contender is one target and how it comes to life. A fresh one is started for every
// window, so that no window inherits what the one before left in memory.
type contender struct {
	name  string
	start func(ctx context.Context) (running, error)
}

// running is a contender that takes sessions.
type running struct {
	target  Target
	standIn Target // answers for the arrival of appends
	stop    func() error
}

// compete measures every contender in every round. Odd rounds go in reverse, so that
// what drifts while it lasts does not favour the one that is always first.
func compete(ctx context.Context, contenders []contender, sc Scenario, rounds int, show *progress) (results, error) {
	var all results
	for round := range rounds {
		order := slices.Clone(contenders)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		show.about = fmt.Sprintf("round %d/%d", round+1, rounds)
		for _, c := range order {
			w, err := c.measure(ctx, sc, show)
			if err != nil {
				return all, fmt.Errorf("measure %s of %s: %w", sc.Name, c.name, err)
			}
			w.Round = round
			all = append(all, w)
		}
	}
	show.clear()
	return all, nil
}

func (c contender) measure(ctx context.Context, sc Scenario, show *progress) (w Window, err error) {
	r, err := c.start(ctx)
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	return measure(ctx, r.target, r.standIn, sc, show)
}
