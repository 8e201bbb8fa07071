package liveness

import (
	"time"

	"switchboard/session"
)

// Work is what a process has to do now. Each piece is started once.
type Work struct {
	GiveUp  bool                // end all sessions, and go on as another incarnation
	Restore bool                // have Redis know all leases again, and end sessions that are lost
	Ask     []session.Heartbeat // members to pass a heartbeat on, or to promise
	Probe   []session.Heartbeat // members whose address is to be asked which incarnation answers
	Declare []session.Heartbeat // members to declare dead
	Buried  []session.Heartbeat // members that are known to be dead since the last Tick
}

// Tick says what to do. It is called at least once per Beat, and after each event.
func (m *Machine) Tick(now time.Duration) (w Work) {
	w.Buried, m.buried = m.buried, nil
	if w.GiveUp = m.GivesUp(now); w.GiveUp || m.self.Joined == 0 {
		return w
	}
	w.Restore, m.restore = m.restore && m.inTouch(now), m.restore && !m.inTouch(now)
	for _, o := range m.others {
		if now-m.proof >= m.times.Ask && o.due(&o.asked, now, m.times.Beat) {
			w.Ask = append(w.Ask, o.Heartbeat)
		}
		if !m.inTouch(now) {
			continue
		}
		switch {
		case m.verdict(o, now):
			if o.claimed = o.Counter; o.due(&o.declared, now, m.times.Beat) {
				w.Declare = append(w.Declare, o.Heartbeat)
			}
		case m.deaf(o, now) >= m.times.Fence && o.due(&o.probed, now, 2*m.times.Beat):
			w.Probe = append(w.Probe, o.Heartbeat)
		}
	}
	return w
}

// due reports whether something was last done long enough ago, and notes that it is done now.
func (o *member) due(last *time.Duration, now, every time.Duration) bool {
	if *last != 0 && now-*last < every {
		return false
	}
	*last = now
	return true
}

// quiet is for how long this process has seen a heartbeat unchanged. After Redis was
// unavailable that is counted anew: the other needs time to return, too.
func (m *Machine) quiet(o *member, now time.Duration) time.Duration {
	return now - max(o.changed, m.steady)
}

// deaf is for how long this process has seen no sign that a member is answered. It is never shorter
// than quiet: heartbeats may still reach Redis when no answer comes back.
func (m *Machine) deaf(o *member, now time.Duration) time.Duration {
	return now - max(o.heard, m.steady)
}

// verdict reports whether a member is dead. That a node does not answer, or refuses, proves
// nothing while it may rely on a promise, or does not know of this process: without Redis it may
// then relay for most of a lease.
//
// A member that sends and is not answered gives up Stale after the newest answer that it may tell of.
// It may be answered once more just before that, and relay for Fence from there without telling.
func (m *Machine) verdict(o *member, now time.Duration) bool {
	quiet := m.quiet(o, now)
	p, promised := m.promises[o.Incarnation]
	knows := o.Seen >= m.self.Joined
	switch {
	case quiet >= m.times.Lease:
		return true
	case o.evidence == Replaced, o.Node.URL == m.self.Node.URL: // there this process answers
		return quiet >= m.times.Gone
	case promised && now < p.until:
		return false
	case o.evidence == Refused:
		return quiet >= m.times.Gone && knows || quiet >= m.times.Stale
	case o.evidence == Silent:
		return knows && (quiet >= m.times.Stale || m.deaf(o, now) >= m.times.Stale+m.times.Gone)
	}
	return false
}

// Suspect has a node probed at once: a request to it has failed.
func (m *Machine) Suspect(url string) {
	for _, o := range m.others {
		if o.Node.URL == url {
			o.probed = 0
		}
	}
}

// Probed takes what a probe of a member showed that was begun at a time.
func (m *Machine) Probed(incarnation string, began time.Duration, e Evidence) {
	if o := m.others[incarnation]; o != nil && (began >= o.changed || e == Silent && began >= o.heard) {
		o.evidence = e
	}
}

// Declared takes that a member was declared dead by this process.
func (m *Machine) Declared(b session.Heartbeat, now time.Duration) { m.bury(b, now) }

// Promise answers a member that has lost Redis, as this process has: for how long this process
// will not declare it dead. 0: it promises nothing, and the other had better stop.
func (m *Machine) Promise(now time.Duration, b session.Heartbeat) time.Duration {
	o := m.others[b.Incarnation]
	if o == nil || !m.Joined() || m.inTouch(now) {
		return 0
	}
	if o.claimed > 0 && o.claimed >= b.Acked {
		return 0 // the declaration may be under way, and still be carried out
	}
	m.promises[b.Incarnation] = promise{until: now + m.times.Lease, counter: b.Counter}
	return m.times.Lease
}

// Promised takes the promise of a member that was asked at a time.
func (m *Machine) Promised(incarnation string, began time.Duration, d time.Duration, sent session.Heartbeat) {
	if o := m.others[incarnation]; o != nil && d > 0 && sent.Incarnation == m.self.Incarnation && sent.Acked == m.self.Acked {
		o.promised = max(o.promised, began+d)
	}
}
