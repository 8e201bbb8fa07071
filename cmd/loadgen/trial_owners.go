package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// ownersTrial freezes and kills nodes and Redis at random.
type ownersTrial struct {
	programs
	Sessions int           `help:"Sessions with voice." default:"20"`
	For      time.Duration `help:"How long to go on." default:"3m"`
	Nodes    int           `help:"Gateway processes." default:"3"`
}

func (t *ownersTrial) name() string   { return "owners" }
func (t *ownersTrial) layout() layout { return layout{nodes: t.Nodes, simulator: standInVoice} }

// Run is called by the command line.
func (t *ownersTrial) Run(ctx context.Context) error { return t.report(ctx, t) }

func (t *ownersTrial) try(ctx context.Context, f *fleet, o *outcome) error {
	c, err := f.gather(ctx, t.Sessions, voiceWish("owners"), busyTalk)
	if err != nil {
		return err
	}
	defer c.end()
	if err := c.warm(ctx); err != nil {
		return err
	}
	epochs := newEpochWatch(f.redis.address, c)
	done := make(map[string]int)
	g, inner := errgroup.WithContext(ctx)
	stop, enough := context.WithTimeout(inner, t.For)
	defer enough()
	g.Go(func() error { epochs.watch(stop); return nil })
	g.Go(func() error { return t.disturb(stop, inner, f, done) })
	if err := g.Wait(); err != nil {
		return err
	}
	left, err := c.await(ctx, 2*backLimit, (*client).here)
	if err != nil {
		return err
	}
	upstreams, err := f.observe(ctx, true)
	if err != nil {
		return err
	}
	h := historyOf(c, upstreams)
	o.figure("sessions, nodes, time", fmt.Sprintf("%d, %d, %s", t.Sessions, t.Nodes, t.For), "")
	o.figure("freezes and kills of nodes, of Redis", fmt.Sprintf("%d and %d, %d and %d", done["freeze node"], done["kill node"], done["freeze Redis"], done["kill Redis"]), "")
	o.figure("upstreams", count(h.upstreams), "")
	o.least("changes of owner", h.changes, 1)
	o.none("two owners at once", h.overlaps)
	o.least("looks at epochs", epochs.looks, 1)
	o.none("epochs that went back", epochs.wrong)
	o.none("sessions that ended", texts(c.failures()))
	o.zero("clients without their session a minute later", left)
	return nil
}

// disturb does one thing after the other until stop ends, and puts each right again. It
// begins with a node that is frozen for longer than its leases last.
func (t *ownersTrial) disturb(stop, ctx context.Context, f *fleet, done map[string]int) error {
	if err := f.nodes[0].freeze(ctx, t.Lease+t.Lease/2); err != nil {
		return err
	}
	done["freeze node"]++
	for stop.Err() == nil {
		victim, what, most := f.nodes[rand.IntN(len(f.nodes))], "node", 5*t.Lease/2
		if rand.IntN(4) == 0 {
			victim, what, most = f.redis, "Redis", 3*t.Lease/2
		}
		pause := t.Lease/10 + rand.N(most)
		how, verb := (*server).freeze, "freeze "
		if rand.IntN(3) == 0 {
			how, verb = (*server).fall, "kill "
		}
		done[verb+what]++
		if err := how(victim, ctx, pause); err != nil {
			return err
		}
		if sleep(stop, rand.N(t.Lease)) != nil {
			return nil
		}
	}
	return nil
}

// freeze stops a program for a while, as a hypervisor does, and has it go on.
func (s *server) freeze(ctx context.Context, d time.Duration) error {
	if err := s.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	err := sleep(ctx, d)
	if wake := s.signal(syscall.SIGCONT); err == nil {
		err = wake
	}
	return err
}

// fall kills a program and starts it again after a while.
func (s *server) fall(ctx context.Context, d time.Duration) error {
	if err := s.end((*child).kill); err != nil {
		return err
	}
	if err := sleep(ctx, d); err != nil {
		return err
	}
	return s.start(ctx)
}
