package trial

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/loadgen/figures"
	"switchboard/cmd/loadgen/program"
)

// rollingTrial restarts all nodes in turn under load.
type rollingTrial struct {
	programs
	Sessions int `help:"Sessions with voice." default:"300"`
	Nodes    int `help:"Gateway processes, each restarted once." default:"3"`
}

func (t *rollingTrial) name() string   { return "rolling" }
func (t *rollingTrial) layout() layout { return layout{nodes: t.Nodes, simulator: standInVoice} }

// Run is called by the command line.
func (t *rollingTrial) Run(ctx context.Context) error { return t.report(ctx, t) }

func (t *rollingTrial) try(ctx context.Context, f *fleet, o *outcome) error {
	c, err := f.gather(ctx, t.Sessions, voiceWish("rolling"), usualTalk)
	if err != nil {
		return err
	}
	defer c.end()
	if err := c.warm(ctx); err != nil {
		return err
	}
	var stops []time.Duration
	var strays []string
	for _, n := range f.nodes {
		begin := time.Now()
		if err := n.end((*program.Child).Stop); err != nil {
			return err
		}
		stops = append(stops, time.Since(begin))
		if err := n.start(ctx); err != nil {
			return err
		}
		strays = append(strays, f.strays(ctx, c)...)
		if err := endpoint.Sleep(ctx, 2*time.Second); err != nil {
			return err
		}
	}
	restless, err := c.hush(ctx)
	if err != nil {
		return err
	}
	_, slowest := spreadOf(stops)
	o.figure("sessions, nodes", fmt.Sprintf("%d, %d", t.Sessions, t.Nodes), "")
	o.figure("longest stop of a node", seconds(slowest), "")
	o.none("sessions that failed", append(texts(c.failures()), strays...))
	o.figure("clients still waiting for an answer at the end", figures.Count(restless), "")
	c.gaps(o)
	return f.complete(ctx, c, o)
}

// gaps tells how long clients heard nothing.
func (c *crowd) gaps(o *outcome) {
	var away []time.Duration
	var silence time.Duration
	for _, cl := range c.clients {
		for _, l := range cl.losses() {
			if !l.back.IsZero() {
				away = append(away, l.back.Sub(l.at))
			}
		}
		cl.stream.mu.Lock()
		silence = max(silence, cl.silence)
		cl.stream.mu.Unlock()
	}
	median, worst := spreadOf(away)
	o.figure("connections that were lost", figures.Count(len(away)), "")
	o.figure("until the next one stood, median", milliseconds(median), "")
	o.figure("longest", milliseconds(worst), "< 1,000 ms")
	o.figure("longest silence within a response", milliseconds(silence), "< 1,000 ms")
}

// complete holds what clients heard against what the fleet kept: no event twice, none
// missing, every answer with all of its audio.
func (f *fleet) complete(ctx context.Context, c *crowd, o *outcome) error {
	var mu sync.Mutex
	var holes, short []string
	err := c.each(func(cl *client) error {
		hole, err := f.holeIn(ctx, cl)
		mu.Lock()
		defer mu.Unlock()
		if hole != "" {
			holes = append(holes, cl.session.ID+": "+hole)
		}
		short = append(short, cl.short(answerDeltas)...)
		return err
	})
	if err != nil {
		return err
	}
	k, err := f.keptOf(ctx, c, func(time.Time) time.Duration { return never })
	if err != nil {
		return err
	}
	answers := 0
	for _, cl := range c.clients {
		answers += cl.count("completed")
	}
	o.least("answers heard", answers, len(c.clients))
	o.none("without all of their audio", short)
	o.none("streams that differ from the log", holes)
	o.none("events heard twice", c.repeats())
	o.none("items lost", k.lost)
	o.none("items kept twice or out of order", k.wrong)
	o.zero("clients told that they were too far back", c.resets())
	o.figure("REST calls, tried again", figures.Count(f.tally.calls.Load())+", "+figures.Count(f.tally.again.Load()), "")
	return nil
}

// holeIn says where a client's stream departs from the session's log.
func (f *fleet) holeIn(ctx context.Context, cl *client) (string, error) {
	events := asLogged(cl.all())
	if len(events) == 0 {
		return "nothing was heard", nil
	}
	kept, err := f.log(ctx, cl.session.ID, events[len(events)-1].id)
	if err != nil {
		return "", err
	}
	kept = asLogged(kept)
	if len(kept) == 0 {
		return "nothing is in the log", nil
	}
	// The log may have forgotten the oldest, and began before the client came.
	if oldest := indexOf(events, kept[0].id); oldest > 0 {
		events = events[oldest:]
	}
	return differs(kept, events), nil
}

// asLogged is what both the log and every client have: without bytes to compare, without
// deltas, which the log drops when a later event repeats them, and without what only the log has.
func asLogged(all []heard) (events []heard) {
	for _, h := range all {
		if !strings.HasSuffix(h.kind, ".delta") && h.kind != "switchboard.session.client" {
			events = append(events, heard{id: h.id, kind: h.kind})
		}
	}
	return events
}
