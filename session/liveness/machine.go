package liveness

import (
	"maps"
	"math"
	"time"

	"switchboard/session"
)

// Machine is what one process knows of its fleet. Its owner serializes the calls; times are
// readings of the process's own monotonic clock.
type Machine struct {
	times Times
	self  session.Heartbeat

	over    bool          // this incarnation was declared dead
	proof   time.Duration // beginning of the newest successful heartbeat, whoever passed it on
	contact time.Duration // and of the newest one that this process sent to Redis itself
	steady  time.Duration // since when contact had no gap
	restore bool          // leases are to be checked: Redis has lost data, or the permit had lapsed

	others   map[string]*member       // the living ones, by incarnation
	dead     map[string]time.Duration // when their death was learned
	promises map[string]promise       // that this process gave
	buried   []session.Heartbeat      // whose death was learned since the last Tick
	alone    bool                     // there is no fleet
}

// member is another incarnation that counts as alive.
type member struct {
	session.Heartbeat
	changed  time.Duration // when this counter was first seen
	heard    time.Duration // when this Acked was first seen: it does not only send
	probed   time.Duration // when the newest probe began
	asked    time.Duration // when it was last asked for a promise
	declared time.Duration // when this process last tried to declare it dead
	evidence Evidence
	promised time.Duration // until when it will not declare this process
	claimed  int64         // counter that this process tried to declare dead
}

// promise is that this process will not declare an incarnation dead until then, unless that
// incarnation has acknowledged a later heartbeat: then it does not rely on the promise any more.
type promise struct {
	until   time.Duration
	counter int64
}

// Evidence is what a probe of a node's address showed.
type Evidence int

// What a probe can show.
const (
	Unknown  Evidence = iota
	Alive             // the incarnation answers
	Refused           // the address refuses connections
	Replaced          // another incarnation answers: the one before has ended
	Silent            // nothing answers in time
)

// New returns the machine of an incarnation that has not joined the fleet yet. The name must be
// unique for ever.
func New(t Times, incarnation, url string) *Machine {
	return &Machine{
		times: t, self: session.Heartbeat{Incarnation: incarnation, Node: session.Node{URL: url}},
		others: map[string]*member{}, dead: map[string]time.Duration{}, promises: map[string]promise{},
	}
}

// Incarnation is the name of this life of the process.
func (m *Machine) Incarnation() string { return m.self.Incarnation }

// Joined reports whether the fleet knows this incarnation, and has not declared it dead.
func (m *Machine) Joined() bool { return m.alone || m.self.Joined > 0 && !m.over }

// Age is since when no heartbeat has succeeded.
func (m *Machine) Age(now time.Duration) time.Duration { return now - m.proof }

// Beat returns the next heartbeat to write.
func (m *Machine) Beat() session.Heartbeat {
	m.self.Counter++
	return m.self
}

// Current is the newest heartbeat, to be passed on by a peer.
func (m *Machine) Current() session.Heartbeat { return m.self }

// Answered takes the answer to a heartbeat that was begun at a time; own says that this process
// sent it to Redis itself. Answers may arrive in any order.
func (m *Machine) Answered(sent session.Heartbeat, began, now time.Duration, c session.Census, own bool) {
	switch {
	case sent.Incarnation != m.self.Incarnation || m.over:
		return
	case c.Dead:
		m.over = true
		return
	case sent.Counter < m.self.Acked:
		return // a later one was answered before
	}
	if m.self.Joined > 0 && (now >= m.RelayUntil() || c.Previous < m.self.Acked || c.Joined != m.self.Joined) {
		m.restore = true
	}
	if own {
		if m.self.Joined == 0 || now-m.contact > m.times.Gone {
			m.steady = now
		}
		m.contact = max(m.contact, began)
	}
	m.self.Acked, m.self.Seen, m.self.Joined = sent.Counter, c.Generation, c.Joined
	m.proof = max(m.proof, began)
	m.learn(now, c.Members)
}

// learn takes what the fleet knows of the others. Nobody's promise counts beyond an answer: from
// here on the heartbeat alone does.
func (m *Machine) learn(now time.Duration, members []session.Member) {
	listed := make(map[string]bool, len(members))
	newest := make(map[string]int64, len(members)) // joined, by URL
	for _, c := range members {
		newest[c.Node.URL] = max(newest[c.Node.URL], c.Joined)
		name := c.Incarnation
		switch {
		case name == m.self.Incarnation:
		case c.Dead:
			m.bury(c.Heartbeat, now)
		default:
			listed[name] = true
			m.hear(now, c.Heartbeat)
		}
	}
	for name, o := range m.others {
		o.promised = 0
		if !listed[name] {
			delete(m.others, name)
		}
		if o.Joined < newest[o.Node.URL] { // its process gave it up, or is gone
			o.evidence = Replaced
		}
	}
}

func (m *Machine) hear(now time.Duration, b session.Heartbeat) {
	o := m.others[b.Incarnation]
	if o == nil {
		o = &member{Heartbeat: b, changed: now, heard: now}
		m.others[b.Incarnation] = o
	}
	switch {
	case b.Joined != o.Joined, b.Counter > o.Counter && b.Acked > o.Acked:
		o.Heartbeat, o.changed, o.heard, o.evidence = b, now, now, Unknown
	case b.Counter > o.Counter: // that it sends does not belie that it is silent
		o.Heartbeat, o.changed = b, now
		if o.evidence != Silent {
			o.evidence = Unknown
		}
	}
	if p, given := m.promises[b.Incarnation]; given && (b.Acked > p.counter || now >= p.until) {
		delete(m.promises, b.Incarnation)
	}
}

// deadKept is for how long a death is remembered: longer than the fleet tells of it.
const deadKept = 15 * time.Minute

// bury notes a death.
func (m *Machine) bury(b session.Heartbeat, now time.Duration) {
	delete(m.others, b.Incarnation)
	delete(m.promises, b.Incarnation)
	if _, known := m.dead[b.Incarnation]; known {
		return
	}
	maps.DeleteFunc(m.dead, func(_ string, at time.Duration) bool { return now-at > deadKept })
	m.dead[b.Incarnation] = now
	m.buried = append(m.buried, b)
}

// Alone lets the process relay for ever: it is in no fleet.
func (m *Machine) Alone() { m.alone = true }

// RelayUntil is until when this process may relay, unless it is told otherwise before.
func (m *Machine) RelayUntil() time.Duration {
	switch {
	case m.alone:
		return math.MaxInt64
	case !m.Joined():
		return 0
	}
	last := m.contact + m.times.last()
	promised := last
	for _, o := range m.others {
		promised = min(promised, o.promised)
	}
	return min(last, max(promised, m.proof+m.times.Fence))
}

// GivesUp reports whether this incarnation has to end its sessions for good: others have them,
// or are about to. The process goes on as another incarnation.
func (m *Machine) GivesUp(now time.Duration) bool {
	switch {
	case m.over:
		return true
	case m.self.Joined == 0 || now < m.RelayUntil():
		return false
	}
	return now >= m.proof+m.times.Stale || now >= m.contact+m.times.last()
}

// Dead reports whether nothing that an incarnation holds is its own any more: it was declared
// dead, or this process has watched the fleet for a whole lease without it.
func (m *Machine) Dead(incarnation string, now time.Duration) bool {
	if _, dead := m.dead[incarnation]; dead {
		return true
	}
	if incarnation == m.self.Incarnation {
		return m.over
	}
	return m.others[incarnation] == nil && m.inTouch(now) && now-m.steady >= m.times.Lease
}

// inTouch reports whether what this process knows of the fleet is of now.
func (m *Machine) inTouch(now time.Duration) bool {
	return m.Joined() && now < m.contact+m.times.Fence
}
