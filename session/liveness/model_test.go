package liveness_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"switchboard/session"
	"switchboard/session/liveness"
	"switchboard/session/sessiontest"
)

// The model is a fleet in virtual time: processes with the machines that run, the fleet's
// memory, and between them a network that delays, holds back, drops and refuses. Everything
// that is not a machine is drawn from one seed.

const (
	step       = 20 * time.Millisecond
	modelLease = 12 * time.Second
)

// sessions are what the model's nodes run.
var sessions = []string{"s-1", "s-2"}

type modelLeases map[string]lease

type lease struct {
	incarnation string
	epoch       int
}

// world is the whole model.
type world struct {
	times  liveness.Times
	random *rand.Rand
	now    time.Duration
	due    map[time.Duration][]func()

	memory *sessiontest.Memory
	known  map[string]session.Heartbeat // newest written, by incarnation
	leases modelLeases
	redis  redisState
	held   []func() // what a frozen Redis carries out later

	nodes []*process
	cuts  map[link]cut
	names int
	fault string // the first two owners that both relayed
}

type redisState int

const (
	up redisState = iota
	frozen
	down
)

// link is one direction between two processes; -1 is Redis.
type link struct{ from, to int }

type cut int

const (
	open cut = iota
	drops
	holds // and delivers later
	refuses
)

// process is one node.
type process struct {
	w      *world
	id     int
	url    string
	alive  bool
	frozen bool
	inbox  []func() // what a frozen process reads when it wakes up
	rate   float64  // of its clock
	began  time.Duration

	m      *liveness.Machine
	owned  map[string]int // epochs by session
	ticked time.Duration
	beaten time.Duration
	looked time.Duration
	gaveUp int
}

func newWorld(seed uint64, nodes int) *world {
	w := &world{
		times: liveness.TimesOf(200*time.Millisecond, modelLease), random: rand.New(rand.NewPCG(seed, 1)),
		due: map[time.Duration][]func(){}, memory: sessiontest.NewMemory(), known: map[string]session.Heartbeat{},
		leases: modelLeases{}, cuts: map[link]cut{},
	}
	for i := range nodes {
		p := &process{w: w, id: i, url: fmt.Sprint("http://node-", i), rate: 0.995 + w.random.Float64()/100}
		w.nodes = append(w.nodes, p)
		p.start()
	}
	return w
}

func (p *process) start() {
	p.alive, p.frozen, p.inbox, p.began = true, false, nil, p.w.now-time.Duration(p.w.random.IntN(5000))*time.Millisecond
	p.ticked, p.beaten, p.looked = 0, 0, 0
	p.reincarnate()
}

func (p *process) reincarnate() {
	p.w.names++
	p.m, p.owned = liveness.New(p.w.times, fmt.Sprint(p.url, "#", p.w.names), p.url), map[string]int{}
}

// clock is the process's own monotonic time.
func (p *process) clock() time.Duration {
	return time.Second + time.Duration(float64(p.w.now-p.began)*p.rate)
}

func (p *process) relays(s string) bool {
	_, owns := p.owned[s]
	return owns && p.alive && !p.frozen && p.clock() < p.m.RelayUntil()
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	for end := w.now + d; w.now < end; {
		w.now += step
		for len(w.due[w.now]) > 0 {
			all := w.due[w.now]
			delete(w.due, w.now)
			for _, f := range all {
				f()
			}
		}
		for _, p := range w.nodes {
			p.tick()
		}
		w.check()
	}
}

// check is the invariant.
func (w *world) check() {
	for _, s := range sessions {
		var who []string
		for _, p := range w.nodes {
			if p.relays(s) {
				who = append(who, p.m.Incarnation())
			}
		}
		if len(who) > 1 && w.fault == "" {
			w.fault = fmt.Sprintf("at %v %s is relayed by %v", w.now, s, who)
		}
	}
}

func (w *world) after(d time.Duration, f func()) {
	at := w.now + max(d.Truncate(step), step)
	w.due[at] = append(w.due[at], f)
}

// send carries something over a link.
func (w *world) send(l link, f func()) {
	late := time.Duration(w.random.IntN(3)) * step
	switch w.cuts[l] {
	case drops, refuses:
		return
	case holds:
		late += time.Duration(w.random.IntN(8000)) * time.Millisecond
	}
	w.after(late, f)
}

// deliver has a process read something, now or when it wakes up.
func (p *process) deliver(f func()) {
	switch {
	case !p.alive:
	case p.frozen:
		p.inbox = append(p.inbox, f)
	default:
		f()
	}
}

// ask sends Redis a request from the process's present life, and delivers the answer.
func (p *process) ask(request func() (answer func())) {
	life := p.m
	p.w.send(link{p.id, -1}, func() {
		carryOut := func() {
			answer := request()
			p.w.send(link{-1, p.id}, func() {
				p.deliver(func() {
					if p.m == life {
						answer()
					}
				})
			})
		}
		switch p.w.redis {
		case up:
			carryOut()
		case frozen:
			p.w.held = append(p.w.held, carryOut)
		}
	})
}

func (p *process) tick() {
	if !p.alive || p.frozen {
		return
	}
	now := p.clock()
	if now-p.beaten >= p.w.times.Beat {
		p.beaten = now
		p.beat(now)
	}
	if now-p.looked >= 300*time.Millisecond && now < p.m.RelayUntil() {
		p.looked = now
		p.look()
	}
	p.work(p.m.Tick(now), now)
}

func (p *process) beat(began time.Duration) {
	b := p.m.Beat()
	p.ask(func() func() {
		c := p.w.write(b)
		return func() { p.m.Answered(b, began, p.clock(), c, true) }
	})
}

// write is a heartbeat that reaches Redis.
func (w *world) write(b session.Heartbeat) session.Census {
	c, err := w.memory.Beat(context.Background(), b)
	if err != nil {
		panic(err)
	}
	b.Joined = c.Joined
	w.known[b.Incarnation] = b
	return c
}

func (p *process) work(w liveness.Work, now time.Duration) {
	if w.GiveUp {
		p.gaveUp++
		p.reincarnate()
		return
	}
	for _, o := range w.Ask {
		p.askPeer(o, now)
	}
	for _, o := range w.Probe {
		p.probe(o, now)
	}
	for _, o := range w.Declare {
		by := p.m.Incarnation()
		p.ask(func() func() {
			done, err := p.w.memory.Declare(context.Background(), by, o)
			if err != nil {
				panic(err)
			}
			return func() {
				if done {
					p.m.Declared(o, p.clock())
				}
			}
		})
	}
}

func (w *world) at(url string) *process {
	i := slices.IndexFunc(w.nodes, func(p *process) bool { return p.url == url })
	return w.nodes[i]
}

// probe asks the address of a member which incarnation it is.
func (p *process) probe(o session.Heartbeat, began time.Duration) {
	life, other, answered := p.m, p.w.at(o.Node.URL), false
	tell := func(e liveness.Evidence) {
		p.deliver(func() {
			if p.m == life && !answered {
				answered = true
				p.m.Probed(o.Incarnation, began, e)
			}
		})
	}
	p.w.after(time.Second, func() { tell(liveness.Silent) })
	if p.refused(other, o) {
		p.w.after(step, func() { tell(liveness.Refused) })
		return
	}
	p.w.send(link{p.id, other.id}, func() {
		other.deliver(func() {
			e := liveness.Alive
			if other.m.Incarnation() != o.Incarnation {
				e = liveness.Replaced
			}
			p.w.send(link{other.id, p.id}, func() { tell(e) })
		})
	})
}

// refused reports whether a connection to another process is refused: it does not run, or a
// firewall refuses. The latter only where the other knows of this process: see the decision.
func (p *process) refused(other *process, o session.Heartbeat) bool {
	if !other.alive {
		return true
	}
	mine := p.w.known[p.m.Incarnation()]
	return p.w.cuts[link{p.id, other.id}] == refuses && p.w.known[o.Incarnation].Seen >= mine.Joined
}

// askPeer has another process pass a heartbeat on, or promise.
func (p *process) askPeer(o session.Heartbeat, began time.Duration) {
	life, other, b := p.m, p.w.at(o.Node.URL), p.m.Current()
	back := func(f func()) {
		p.w.send(link{other.id, p.id}, func() {
			p.deliver(func() {
				if p.m == life {
					f()
				}
			})
		})
	}
	p.w.send(link{p.id, other.id}, func() {
		other.deliver(func() {
			if other.m.Incarnation() != o.Incarnation {
				return
			}
			if d := other.m.Promise(other.clock(), b); d > 0 {
				back(func() { p.m.Promised(o.Incarnation, began, d, b) })
				return
			}
			other.ask(func() func() {
				c := p.w.write(b)
				return func() { back(func() { p.m.Answered(b, began, p.clock(), c, false) }) }
			})
		})
	})
}

// look reads all leases and takes those that nobody holds, or whose holder is dead.
func (p *process) look() {
	p.ask(func() func() {
		seen := modelLeases{}
		for _, s := range sessions {
			seen[s] = p.w.leases[s]
		}
		return func() {
			for _, s := range sessions {
				l := seen[s]
				_, runs := p.owned[s]
				mine := l.incarnation == p.m.Incarnation() && !runs // the answer to its claim was lost
				if l.incarnation == "" || mine || p.m.Dead(l.incarnation, p.clock()) {
					p.claim(s, l)
				}
			}
		}
	})
}

func (p *process) claim(s string, from lease) {
	me := p.m.Incarnation()
	p.ask(func() func() {
		if p.w.leases[s] != from {
			return func() {}
		}
		l := lease{me, from.epoch + 1}
		p.w.leases[s] = l
		return func() { p.owned[s] = l.epoch }
	})
}

// Faults.

func (p *process) kill()   { p.alive, p.frozen, p.inbox = false, false, nil }
func (p *process) freeze() { p.frozen = p.alive }

func (p *process) thaw() {
	p.frozen = false
	inbox := p.inbox
	p.inbox = nil
	for _, f := range inbox {
		p.deliver(f)
	}
}

func (w *world) setRedis(s redisState) {
	w.redis = s
	if s == up {
		for _, f := range w.held {
			f()
		}
	}
	w.held = nil
}

// isolate cuts a process off from all others, and from Redis.
func (w *world) isolate(id int, c cut) {
	for to := -1; to < len(w.nodes); to++ {
		w.cuts[link{id, to}], w.cuts[link{to, id}] = c, c
	}
}

// heal puts everything right but processes that do not run; at least one does.
func (w *world) heal() {
	clear(w.cuts)
	w.setRedis(up)
	for _, p := range w.nodes {
		p.thaw()
	}
	if !slices.ContainsFunc(w.nodes, func(p *process) bool { return p.alive }) {
		w.nodes[0].start()
	}
}

// unowned are the sessions that nobody relays.
func (w *world) unowned() (left []string) {
	for _, s := range sessions {
		if !slices.ContainsFunc(w.nodes, func(p *process) bool { return p.relays(s) }) {
			left = append(left, s)
		}
	}
	return left
}
