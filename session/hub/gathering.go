package hub

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"switchboard/session"
	"switchboard/session/broadcast"
)

// gathering collects what became of one entry in some sessions of this node.
type gathering struct {
	hub     *Hub
	entry   broadcast.Entry
	asked   map[session.ID]bool    // sessions that have not answered; run's, once it runs
	results chan broadcast.Outcome // room for all
	gate    gate
}

// gate lets so many sessions at a time take note of what their upstreams answer to a broadcast.
// Thousands answer at once, and each answer takes 50 µs of a core: if all were ready to run, the
// audio of all other sessions would wait behind them.
type gate chan struct{}

// enter waits for a turn; false: over came first, and there is none to leave.
func (g gate) enter(over <-chan struct{}) bool {
	select {
	case g <- struct{}{}:
		return true
	case <-over:
		return false
	}
}

func (g gate) leave() { <-g }

func newGathering(h *Hub, e broadcast.Entry, most int) *gathering {
	return &gathering{hub: h, entry: e, asked: make(map[session.ID]bool, most), results: make(chan broadcast.Outcome, most), gate: make(gate, runtime.GOMAXPROCS(0))}
}

// ask lets a session consider the entry and reports whether it was concerned.
func (g *gathering) ask(c *Controller) bool {
	concerned := c.overlayNow(g)
	if concerned {
		g.asked[c.id] = true
	}
	return concerned
}

// askAtOnce is how many sessions are told before others may run: half a millisecond.
const askAtOnce = 32

// askAll lets sessions consider the entry, and returns when all have been told. Their answers wait
// for that.
func (g *gathering) askAll(all []*Controller) {
	askers := cap(g.gate)
	for range askers {
		g.gate <- struct{}{}
		defer g.gate.leave()
	}
	var wg sync.WaitGroup
	asked := make([][]session.ID, askers)
	for n := range askers {
		wg.Go(func() {
			for i := n; i < len(all); i += askers {
				all[i].contain(func() {
					if all[i].overlayNow(g) {
						asked[n] = append(asked[n], all[i].id)
					}
				})
				if i/askers%askAtOnce == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
	for _, ids := range asked {
		for _, id := range ids {
			g.asked[id] = true
		}
	}
}

// settle takes the outcome of one session; called under its lock, it never waits.
func (g *gathering) settle(id session.ID, err error) {
	o := broadcast.Outcome{Session: id, Status: broadcast.Applied, At: time.Now()}
	switch {
	case errors.Is(err, ErrUpstreamLost), errors.Is(err, ErrBusy), errors.Is(err, ErrLeaseLost):
		o.Status = broadcast.Deferred
	case errors.Is(err, ErrEnded):
		o.Status = broadcast.Ended
	case err != nil:
		o.Status, o.Reason = broadcast.Refused, err.Error()
	}
	g.results <- o
}

// Outcomes are reported as they come, but not one by one.
const (
	reportEvery    = 50 * time.Millisecond
	reportAtMost   = 1000
	reportAgain    = time.Second      // after one that failed
	reportPatience = 45 * time.Second // for a store that is away: longer than a Redis that restarts
)

// run reports until every session has answered or has had its time to, and all of it is
// in the store.
func (g *gathering) run(ctx context.Context) {
	r := broadcast.Report{
		ID: session.NewID(""), Broadcast: g.entry.Broadcast.ID, Withdrawn: g.entry.Withdrawn,
		Node: g.hub.node.Node, Matched: len(g.asked),
	}
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	late, tooLate := time.After(g.hub.node.AckTimeout), time.After(reportPatience)
	next := time.Time{} // no report before this
	for due := true; ; {
		full := len(r.Outcomes) >= reportAtMost || len(g.asked) == 0
		if says(&r) && (due || full) && !time.Now().Before(next) {
			err := g.send(ctx, r)
			switch {
			case err == nil:
				r.Matched, r.Outcomes = 0, nil
			case g.hub.stops():
				g.giveUp(r, err)
				return
			default:
				next = time.Now().Add(reportAgain)
			}
		}
		if len(g.asked) == 0 && !says(&r) {
			return
		}
		due = false
		select {
		case o := <-g.results:
			delete(g.asked, o.Session)
			r.Outcomes = append(r.Outcomes, o)
		case <-tick.C:
			due = true
		case <-late:
			r.Outcomes = append(r.Outcomes, g.silent()...)
		case <-tooLate:
			g.giveUp(r, session.ErrTimeout)
			return
		}
	}
}

// says reports whether there is anything in a report.
func says(r *broadcast.Report) bool { return r.Matched > 0 || len(r.Outcomes) > 0 }

// silent is the outcomes of the sessions that have not answered.
func (g *gathering) silent() (all []broadcast.Outcome) {
	for id := range g.asked {
		all = append(all, broadcast.Outcome{Session: id, Status: broadcast.Silent, At: time.Now()})
	}
	clear(g.asked)
	return all
}

func (g *gathering) send(ctx context.Context, r broadcast.Report) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return g.hub.node.Broadcasts.Report(ctx, r)
}

func (g *gathering) giveUp(r broadcast.Report, err error) {
	g.hub.node.Logger.Warn("outcomes of a broadcast not reported", "broadcast", r.Broadcast, "matched", r.Matched, "outcomes", len(r.Outcomes), "err", err)
}
