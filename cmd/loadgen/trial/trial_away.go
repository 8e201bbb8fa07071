package trial

import (
	"context"
	"fmt"
	"time"

	"switchboard/cmd/loadgen/figures"
)

// awayTrial has Redis answer nobody for most of a lease, while all sessions talk on.
type awayTrial struct {
	programs
	Sessions int           `help:"Sessions with voice." default:"300"`
	For      time.Duration `help:"How long Redis is frozen." default:"50s"`
	Nodes    int           `help:"Gateway processes." default:"3"`
}

func (t *awayTrial) name() string   { return "away" }
func (t *awayTrial) layout() layout { return layout{nodes: t.Nodes, simulator: standInVoice} }

// Run is called by the command line.
func (t *awayTrial) Run(ctx context.Context) error { return t.report(ctx, t) }

func (t *awayTrial) try(ctx context.Context, f *fleet, o *outcome) error {
	c, err := f.gather(ctx, t.Sessions, voiceWish("away"), usualTalk)
	if err != nil {
		return err
	}
	defer c.end()
	if err := c.warm(ctx); err != nil {
		return err
	}
	before := c.answers()
	if err := f.redis.freeze(ctx, t.For); err != nil {
		return err
	}
	during := c.answers() - before
	if _, err := c.hush(ctx); err != nil {
		return err
	}
	upstreams, err := f.observe(ctx, true)
	if err != nil {
		return err
	}
	h := historyOf(c, upstreams)
	o.figure("sessions, nodes, time without Redis", fmt.Sprintf("%d, %d, %s", t.Sessions, t.Nodes, t.For), "")
	o.least("answers meanwhile", during, 1)
	o.none("sessions that ended", texts(c.failures()))
	o.zero("changes of owner", h.changes)
	o.none("two owners at once", h.overlaps)
	o.none("events heard twice", c.repeats())
	o.figure("upstreams", figures.Count(h.upstreams), "")
	return t.inspectItems(ctx, f, c, o)
}

// inspectItems compares what clients were told with what Redis has, now that it answers again.
func (t *awayTrial) inspectItems(ctx context.Context, f *fleet, c *crowd, o *outcome) error {
	k, err := f.keptOf(ctx, c, func(time.Time) time.Duration { return never })
	if err != nil {
		return err
	}
	o.figure("completed items", figures.Count(k.items), "")
	o.none("items lost", k.lost)
	o.none("items kept twice or out of order", k.wrong)
	return nil
}

// answers is how many answers all clients have heard to their end.
func (c *crowd) answers() (n int) {
	for _, cl := range c.clients {
		n += cl.count("completed")
	}
	return n
}
