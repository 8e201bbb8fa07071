package trial

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/tidwall/gjson"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/loadgen/figures"
	"switchboard/cmd/loadgen/program"
)

// KillTrial kills nodes under load.
type KillTrial struct {
	programs
	Sessions int `help:"Sessions with voice." default:"300"`
	Rounds   int `help:"How many nodes are killed, one after the other." default:"10"`
	Nodes    int `help:"Gateway processes." default:"3"`

	frozen bool // they are stopped and not killed
}

// Within which time every session is to be on another node.
const (
	killAim   = 1500 * time.Millisecond
	freezeAim = 6 * time.Second
)

func (t *KillTrial) name() string   { return "kill" }
func (t *KillTrial) layout() layout { return layout{nodes: t.Nodes, simulator: standInVoice} }

// Run is called by the command line.
func (t *KillTrial) Run(ctx context.Context) error { return t.report(ctx, t) }

// standInVoice makes the stand-in speak at twice the pace of real time, so that answers
// of answerText take a second, and keep what ended for looking at.
var standInVoice = []string{"--speed", "2", "--keep-closed", "5000"}

// answerText is what all sessions answer: 40 letters of 60 ms, in deltas of 100 ms.
const (
	answerText   = "Forty letters of speech, counted by ear."
	answerDeltas = len(answerText) * 60 / 100
)

// voiceWish is sessions that answer with answerText whatever they hear.
func voiceWish(name string) wish { return wish{name: name, instructions: `say "` + answerText + `"`} }

// usualTalk is half a second of speech every three to five seconds.
var usualTalk = talk{burst: 5, least: 2500 * time.Millisecond, most: 4500 * time.Millisecond}

// killRound is what one kill came to.
type killRound struct {
	at       time.Time
	moved    int
	recovery []time.Duration
	lost     []string // sessions that did not come back
}

// backLimit bounds how long a session may be away before it counts as lost.
const backLimit = 30 * time.Second

func (t *KillTrial) try(ctx context.Context, f *fleet, o *outcome) error {
	c, err := f.gather(ctx, t.Sessions, voiceWish("kill"), usualTalk)
	if err != nil {
		return err
	}
	defer c.end()
	if err := c.warm(ctx); err != nil {
		return err
	}
	var rounds []killRound
	for range t.Rounds {
		r, err := t.round(ctx, f, c)
		if err != nil {
			return err
		}
		rounds = append(rounds, r)
	}
	restless, err := c.hush(ctx)
	if err != nil {
		return err
	}
	t.sum(o, rounds)
	o.figure("clients still waiting for an answer at the end", figures.Count(restless), "")
	return t.inspect(ctx, f, c, o, rounds)
}

// warm waits until every client has been answered once.
func (c *crowd) warm(ctx context.Context) error {
	left, err := c.await(ctx, backLimit, func(cl *client) bool { return cl.count("completed") > 0 })
	if err == nil && left > 0 {
		err = errors.Join(append(c.failures(), fmt.Errorf("%d of %d clients were not answered within %s", left, len(c.clients), backLimit))...)
	}
	return err
}

// round kills a node, waits until its sessions are back, and starts it again.
func (t *KillTrial) round(ctx context.Context, f *fleet, c *crowd) (r killRound, err error) {
	where, err := f.whereabouts(ctx)
	if err != nil {
		return r, err
	}
	victim := f.nodes[rand.IntN(len(f.nodes))]
	moved := slices.DeleteFunc(slices.Clone(c.clients), func(cl *client) bool { return where[cl.session.ID] != victim.known() })
	r.at, r.moved = time.Now(), len(moved)
	if err := t.strike(victim); err != nil {
		return r, err
	}
	gone := &crowd{clients: moved}
	if _, err := gone.await(ctx, backLimit, func(cl *client) bool { _, ok := cl.backSince(r.at); return ok && cl.here() }); err != nil {
		return r, err
	}
	for _, cl := range moved {
		if back, ok := cl.backSince(r.at); ok {
			r.recovery = append(r.recovery, back.Sub(r.at))
		} else {
			r.lost = append(r.lost, fmt.Sprintf("%s was not back %s after the kill", cl.session.ID, backLimit))
		}
	}
	if err := t.undo(ctx, victim); err != nil {
		return r, err
	}
	r.lost = append(r.lost, f.strays(ctx, c)...)
	return r, endpoint.Sleep(ctx, 2*time.Second)
}

func (t *KillTrial) aim() time.Duration {
	if t.frozen {
		return freezeAim
	}
	return killAim
}

func (t *KillTrial) strike(victim *server) error {
	if t.frozen {
		return victim.signal(syscall.SIGSTOP)
	}
	return victim.end((*program.Child).Kill)
}

func (t *KillTrial) undo(ctx context.Context, victim *server) error {
	if t.frozen {
		return victim.signal(syscall.SIGCONT)
	}
	return victim.start(ctx)
}

// strays asks for every session through random nodes, and tells of those that no living node runs.
func (f *fleet) strays(ctx context.Context, c *crowd) (found []string) {
	var mu sync.Mutex
	_ = c.each(func(cl *client) error {
		body, err := f.ask(ctx, http.MethodGet, sessionPath(cl.session.ID, ""), nil)
		status, at := gjson.GetBytes(body, "status").Str, gjson.GetBytes(body, "node").Str
		if err != nil || status == "ended" || f.node(at) == nil {
			mu.Lock()
			defer mu.Unlock()
			found = append(found, fmt.Sprintf("%s is %s on %q: %v", cl.session.ID, status, at, err))
		}
		return nil
	})
	return found
}

func (t *KillTrial) sum(o *outcome, rounds []killRound) {
	var recovery []time.Duration
	var lost []string
	moved := 0
	for _, r := range rounds {
		recovery, lost, moved = append(recovery, r.recovery...), append(lost, r.lost...), moved+r.moved
	}
	median, worst := spreadOf(recovery)
	o.figure("sessions, nodes, kills", fmt.Sprintf("%d, %d, %d", t.Sessions, t.Nodes, len(rounds)), "")
	o.figure("sessions that lost their node", figures.Count(moved), "")
	o.figure("from kill to next upstream, median", seconds(median), "")
	o.figure("worst", seconds(worst), "≤ "+seconds(t.aim()))
	o.none("sessions that no node took", lost)
}

// inspect compares what clients were told with what the fleet has.
func (t *KillTrial) inspect(ctx context.Context, f *fleet, c *crowd, o *outcome, rounds []killRound) error {
	o.none("sessions that ended", texts(c.failures()))
	o.figure("REST calls, tried again", figures.Count(f.tally.calls.Load())+", "+figures.Count(f.tally.again.Load()), "")
	k, err := f.keptOf(ctx, c, func(at time.Time) time.Duration {
		age := never
		for _, r := range rounds {
			if before := r.at.Sub(at); before >= 0 {
				age = min(age, before)
			}
		}
		return age
	})
	if err != nil {
		return err
	}
	o.figure("completed items", figures.Count(k.items), "")
	_, oldest := spreadOf(k.unwritten)
	o.figure("told just before a kill and lost with the node, oldest", figures.Count(len(k.unwritten))+", "+milliseconds(oldest), "")
	o.none("lost otherwise", k.lost)
	o.none("kept twice or out of order", k.wrong)
	o.none("events heard twice", c.repeats())
	o.figure("clients told that they were too far back", figures.Count(c.resets()), "")
	return nil
}
