package trial

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/loadgen/figures"
)

// partitionTrial cuts one of two nodes off in each of the ways there are. Clients still reach
// both, so that a node which relayed on, though it must not, would be seen.
type partitionTrial struct {
	programs
	Sessions int           `help:"Sessions with voice." default:"100"`
	Rounds   int           `help:"How often each of the ways is tried." default:"2"`
	For      time.Duration `help:"How long a partition lasts in which sessions stay; the others end when all have moved." default:"10s"`
}

func (t *partitionTrial) name() string { return "partition" }
func (t *partitionTrial) layout() layout {
	return layout{nodes: 2, simulator: standInVoice, lines: true, doors: true}
}

// Run is called by the command line.
func (t *partitionTrial) Run(ctx context.Context) error { return t.report(ctx, t) }

// partition is one way to cut a node off. Each field says which ways nothing passes: on the line to
// Redis and through a door, toFar is what a node sends and toNear what it is answered.
type partition struct {
	name    string
	redis   []way // between the node and Redis
	visits  []way // through its own door: the other asks
	travels []way // through the other's door: it asks itself
	moves   bool  // its sessions have to go on elsewhere: it hears of nobody, or nobody hears of it
}

var partitions = []partition{
	{"from all", []way{toFar, toNear}, []way{toFar, toNear}, []way{toFar, toNear}, true},
	{"from all, sending", []way{toFar}, []way{toNear}, []way{toFar}, true},
	{"from all, receiving", []way{toNear}, []way{toFar}, []way{toNear}, true},
	{"from Redis", []way{toFar, toNear}, nil, nil, false},
	{"from Redis, receiving", []way{toNear}, nil, nil, false},
	{"from the other node", nil, []way{toFar, toNear}, []way{toFar, toNear}, false},
	{"from the other node, sending", nil, []way{toNear}, []way{toFar}, false},
}

// cut puts the partition between a node and everybody else.
func (p *partition) cut(node, other *server) (heal func()) {
	node.line.block(p.redis...)
	node.door.block(p.visits...)
	other.door.block(p.travels...)
	return func() {
		node.line.unblock()
		node.door.unblock()
		other.door.unblock()
	}
}

// partitionSum is what all rounds came to.
type partitionSum struct {
	tried     int
	moved     []time.Duration
	unowned   []string // sessions that nobody ran, though a node could
	displaced []string // sessions that moved, though their node could go on
}

func (t *partitionTrial) try(ctx context.Context, f *fleet, o *outcome) error {
	c, err := f.gather(ctx, t.Sessions, voiceWish("partition"), busyTalk)
	if err != nil {
		return err
	}
	defer c.end()
	if err := c.warm(ctx); err != nil {
		return err
	}
	var s partitionSum
	epochs := newEpochWatch(f.redis.address, c)
	g, inner := errgroup.WithContext(ctx)
	watch, enough := context.WithCancel(inner)
	g.Go(func() error { epochs.watch(watch); return nil })
	g.Go(func() error {
		defer enough()
		for n := range t.Rounds * len(partitions) {
			if err := t.round(inner, f, c, &partitions[n%len(partitions)], &s); err != nil {
				return err
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if _, err := c.hush(ctx); err != nil {
		return err
	}
	return t.sum(ctx, f, c, o, &s, epochs)
}

// round cuts the node off that runs a session, and puts it right again.
func (t *partitionTrial) round(ctx context.Context, f *fleet, c *crowd, p *partition, s *partitionSum) error {
	where, err := f.whereabouts(ctx)
	if err != nil {
		return err
	}
	node, err := f.owner(ctx)
	if err != nil {
		return err
	}
	own := &crowd{}
	for _, cl := range c.clients {
		if where[cl.session.ID] == node.known() {
			own.clients = append(own.clients, cl)
		}
	}
	began := time.Now()
	heal := p.cut(node, f.other(node))
	s.tried++
	if p.moves {
		back := func(cl *client) bool { _, ok := cl.backSince(began); return ok && cl.here() }
		_, err = own.await(ctx, backLimit, back)
		s.note(p, own, began)
	} else {
		err = endpoint.Sleep(ctx, t.For)
	}
	heal()
	if err != nil {
		return err
	}
	if _, err := c.await(ctx, backLimit, (*client).here); err != nil {
		return err
	}
	now, err := f.whereabouts(ctx)
	if err != nil {
		return err
	}
	for _, cl := range own.clients {
		if id := cl.session.ID; !p.moves && now[id] != where[id] {
			s.displaced = append(s.displaced, fmt.Sprintf("%s went from %s to %s when that was cut off %s", id, where[id], now[id], p.name))
		}
	}
	s.unowned = append(s.unowned, f.strays(ctx, c)...)
	return endpoint.Sleep(ctx, 2*time.Second) // everybody hears of everybody again
}

// note takes down how long the sessions of a node that was cut off were away.
func (s *partitionSum) note(p *partition, own *crowd, began time.Time) {
	for _, cl := range own.clients {
		if back, ok := cl.backSince(began); ok {
			s.moved = append(s.moved, back.Sub(began))
		} else {
			s.unowned = append(s.unowned, fmt.Sprintf("%s was not back while its node was cut off %s", cl.session.ID, p.name))
		}
	}
}

// other is a node that is not this one.
func (f *fleet) other(n *server) *server {
	if f.nodes[0] == n {
		return f.nodes[1]
	}
	return f.nodes[0]
}

func (t *partitionTrial) sum(ctx context.Context, f *fleet, c *crowd, o *outcome, s *partitionSum, epochs *epochWatch) error {
	upstreams, err := f.observe(ctx, true)
	if err != nil {
		return err
	}
	h := historyOf(c, upstreams)
	k, err := f.keptOf(ctx, c, func(time.Time) time.Duration { return never })
	if err != nil {
		return err
	}
	median, worst := spreadOf(s.moved)
	o.figure("sessions, nodes, partitions", fmt.Sprintf("%d, 2, %d", t.Sessions, s.tried), "")
	o.least("sessions whose node heard of nobody, or was heard of by nobody", len(s.moved), 1)
	o.figure("until the next upstream, median", seconds(median), "")
	o.figure("worst", seconds(worst), "≤ "+seconds(freezeAim))
	o.none("sessions that nobody ran", s.unowned)
	o.none("sessions that moved though their node could go on", s.displaced)
	o.least("changes of owner", h.changes, 1)
	o.none("two owners at once", h.overlaps)
	o.none("epochs that went back", epochs.wrong)
	o.none("sessions that ended", texts(c.failures()))
	o.figure("completed items", figures.Count(k.items), "")
	o.none("items lost", k.lost)
	o.none("items kept twice or out of order", k.wrong)
	o.none("events heard twice", c.repeats())
	return nil
}
