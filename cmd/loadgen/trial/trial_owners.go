package trial

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/loadgen/figures"
	"switchboard/cmd/loadgen/program"
)

// ownersTrial freezes and kills nodes and Redis, and cuts one off from the other, at random.
type ownersTrial struct {
	programs
	Sessions int           `help:"Sessions with voice." default:"20"`
	For      time.Duration `help:"How long to go on." default:"3m"`
	Nodes    int           `help:"Gateway processes." default:"3"`
}

func (t *ownersTrial) name() string { return "owners" }
func (t *ownersTrial) layout() layout {
	return layout{nodes: t.Nodes, simulator: standInVoice, lines: true}
}

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
	for _, what := range disturbances {
		o.figure(what.name, figures.Count(done[what.name]), "")
	}
	o.figure("upstreams", figures.Count(h.upstreams), "")
	o.least("changes of owner", h.changes, 1)
	o.none("two owners at once", h.overlaps)
	o.least("looks at epochs", epochs.looks, 1)
	o.none("epochs that went back", epochs.wrong)
	o.none("sessions that ended", texts(c.failures()))
	o.zero("clients without their session a minute later", left)
	return nil
}

// disturbance is something that happens to a program for a while and is put right again.
type disturbance struct {
	name  string
	redis bool // it happens to Redis, not to a node
	how   func(*server, context.Context, time.Duration) error
	most  float64 // spells that it lasts
}

var disturbances = []disturbance{
	{"nodes frozen", false, (*server).freeze, 2.5},
	{"nodes cut off from Redis", false, (*server).cutOff, 2.5},
	{"nodes killed", false, (*server).fall, 2.5},
	{"Redis frozen", true, (*server).freeze, 1.5},
	{"Redis killed", true, (*server).fall, 1.5},
}

// spell is about how long the others wait for a node that does not answer.
const spell = 4 * time.Second

// disturb does one thing after the other until stop ends. It begins with a node that is
// frozen, and one that is cut off, for longer than the others wait for them.
func (t *ownersTrial) disturb(stop, ctx context.Context, f *fleet, done map[string]int) (err error) {
	for n := 0; stop.Err() == nil; n++ {
		what, victim := disturbances[rand.IntN(len(disturbances))], f.nodes[rand.IntN(len(f.nodes))]
		lasts := spell/10 + rand.N(time.Duration(what.most*float64(spell)))
		if n < 2 {
			what, lasts = disturbances[n], spell+spell/2
			if victim, err = f.owner(ctx); err != nil {
				return err
			}
		}
		if what.redis {
			victim = f.redis
		}
		done[what.name]++
		if err := what.how(victim, ctx, lasts); err != nil {
			return fmt.Errorf("%s: %w", what.name, err)
		}
		if endpoint.Sleep(stop, rand.N(spell)) != nil {
			return nil
		}
	}
	return nil
}

// owner is a node that runs a session.
func (f *fleet) owner(ctx context.Context) (*server, error) {
	where, err := f.whereabouts(ctx)
	if err != nil {
		return nil, err
	}
	for _, url := range where {
		if n := f.node(url); n != nil {
			return n, nil
		}
	}
	return nil, fmt.Errorf("no node runs a session: %v", where)
}

// cutOff keeps a node from Redis for a while, and what they told each other under way.
func (s *server) cutOff(ctx context.Context, d time.Duration) error {
	s.line.block(toFar, toNear)
	defer s.line.unblock()
	return endpoint.Sleep(ctx, d)
}

// freeze stops a program for a while, as a hypervisor does, and has it go on.
func (s *server) freeze(ctx context.Context, d time.Duration) error {
	if err := s.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	err := endpoint.Sleep(ctx, d)
	if wake := s.signal(syscall.SIGCONT); err == nil {
		err = wake
	}
	return err
}

// fall kills a program and starts it again after a while.
func (s *server) fall(ctx context.Context, d time.Duration) error {
	if err := s.end((*program.Child).Kill); err != nil {
		return err
	}
	if err := endpoint.Sleep(ctx, d); err != nil {
		return err
	}
	return s.start(ctx)
}
