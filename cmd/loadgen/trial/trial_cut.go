package trial

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/loadgen/figures"
)

// cutTrial cuts clients off and compares what they put together with what was sent. Every second
// client acknowledges what it has received.
type cutTrial struct {
	programs
	Sessions int           `help:"Sessions, each with a client that is cut and one that is not." default:"4"`
	Cuts     int           `help:"How often each client is cut." default:"200"`
	Every    time.Duration `help:"Longest time between two cuts." default:"1200ms"`
	Nodes    int           `help:"Gateway processes." default:"2"`
}

func (t *cutTrial) name() string   { return "cut" }
func (t *cutTrial) layout() layout { return layout{nodes: t.Nodes, simulator: standInVoice} }

// Run is called by the command line.
func (t *cutTrial) Run(ctx context.Context) error { return t.report(ctx, t) }

// busyTalk leaves little time in which nothing happens.
var busyTalk = talk{burst: 4, least: 1500 * time.Millisecond, most: 2500 * time.Millisecond}

func (t *cutTrial) try(ctx context.Context, f *fleet, o *outcome) error {
	sessions, err := f.openAll(ctx, t.Sessions, voiceWish("cut"))
	if err != nil {
		return err
	}
	witnesses := newCrowd(ctx)
	defer witnesses.end()
	for _, s := range sessions {
		witnesses.join(newClient(f.entry, s, nil))
	}
	if _, err := witnesses.await(ctx, backLimit, (*client).here); err != nil {
		return err
	}
	c := newCrowd(ctx)
	defer c.end()
	for i, s := range sessions {
		cl := newClient(f.entry, s, &microphone{talk: busyTalk})
		cl.acks = i%2 == 0
		c.join(cl)
	}
	if err := c.warm(ctx); err != nil {
		return err
	}
	cuts, err := t.cut(ctx, c)
	if err != nil {
		return err
	}
	if _, err := c.hush(ctx); err != nil {
		return err
	}
	t.sum(o, c, witnesses, cuts)
	return nil
}

// cut severs every client again and again, each time at a random moment after it came back.
func (t *cutTrial) cut(ctx context.Context, c *crowd) (cuts int, err error) {
	for range t.Cuts {
		for _, cl := range c.clients {
			if cl.sever(rand.IntN(2) == 0) {
				cuts++
			}
			if err := endpoint.Sleep(ctx, rand.N(t.Every/time.Duration(len(c.clients)))); err != nil {
				return cuts, err
			}
		}
		if left, err := c.await(ctx, backLimit, (*client).here); err != nil || left > 0 {
			return cuts, errors.Join(append(c.failures(), err, fmt.Errorf("%d clients did not come back", left))...)
		}
	}
	return cuts, nil
}

func (t *cutTrial) sum(o *outcome, c, witnesses *crowd, cuts int) {
	var wrong []string
	events, answers := 0, 0
	for i, cl := range c.clients {
		whole, part := witnesses.clients[i].all(), cl.all()
		events, answers = events+len(part), answers+cl.count("completed")
		if how := differs(whole, part); how != "" {
			wrong = append(wrong, cl.session.ID+": "+how)
		}
	}
	o.figure("sessions, nodes", fmt.Sprintf("%d, %d", t.Sessions, t.Nodes), "")
	o.least("cuts", cuts, t.Cuts*t.Sessions*9/10)
	o.least("answers heard", answers, t.Sessions)
	o.figure("events heard by clients that were cut", figures.Count(events), "")
	o.none("streams that differ from what was sent", wrong)
	o.none("events heard twice", c.repeats())
	o.zero("clients told that they were too far back", c.resets())
	o.none("sessions that ended", append(texts(c.failures()), texts(witnesses.failures())...))
	o.zero("cuts of clients that were not cut", witnesses.lossCount())
	c.gaps(o)
}

func (c *crowd) lossCount() (n int) {
	for _, cl := range c.clients {
		n += len(cl.losses())
	}
	return n
}
