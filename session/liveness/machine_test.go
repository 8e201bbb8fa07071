package liveness_test

import (
	"testing"
	"time"

	"switchboard/session"
	"switchboard/session/liveness"
)

var times = liveness.TimesOf(200*time.Millisecond, time.Minute)

// fleet answers the heartbeats of machine "a", beside which there is "b".
type fleet struct {
	t       *testing.T
	m       *liveness.Machine
	now     time.Duration
	members []session.Member
}

func newFleet(t *testing.T) *fleet {
	b := session.Member{Heartbeat: session.Heartbeat{Incarnation: "b", Node: session.Node{URL: "http://b"}, Counter: 1, Acked: 1, Joined: 1, Seen: 2}}
	return &fleet{t, liveness.New(times, "a", "http://a"), time.Second, []session.Member{b}}
}

func (f *fleet) beat() {
	b := f.m.Beat()
	f.m.Answered(b, f.now, f.now, session.Census{Joined: 2, Previous: b.Counter - 1, Generation: 2, Members: f.members}, true)
}

// pass lets time pass, with heartbeats, until what is wanted is done.
func (f *fleet) pass(d time.Duration, want func(liveness.Work) bool) {
	f.t.Helper()
	for end := f.now + d; f.now < end; f.now += times.Beat {
		f.beat()
		if want(f.m.Tick(f.now)) {
			return
		}
	}
	f.t.Fatal("what was to be done was not done")
}

func declares(w liveness.Work) bool { return len(w.Declare) > 0 }

// A declaration that was sent may be carried out later, by a Redis that was frozen meanwhile.
func TestNoPromiseAgainstOnesOwnDeclaration(t *testing.T) {
	f := newFleet(t)
	f.beat()
	f.m.Probed("b", f.now, liveness.Refused)
	f.pass(2*time.Second, declares)
	f.now += 2 * times.Fence // Redis is unavailable
	asks := f.members[0].Heartbeat
	asks.Counter = 9
	if d := f.m.Promise(f.now, asks); d != 0 {
		t.Errorf("promised %v", d)
	}
	asks.Acked = 2 // Redis has a later heartbeat than the one that was to be declared
	if d := f.m.Promise(f.now, asks); d == 0 {
		t.Error("promised nothing")
	}
}

// A promise holds until its owner is known not to rely on it: a later heartbeat of it that is
// seen is not enough, because its answer may be lost.
func TestPromiseHoldsUntilAcknowledged(t *testing.T) {
	f := newFleet(t)
	f.beat()
	f.now += 2 * times.Fence
	asks := f.members[0].Heartbeat
	if d := f.m.Promise(f.now, asks); d == 0 {
		t.Fatal("promised nothing")
	}
	f.members[0].Counter = 5
	f.beat()
	f.m.Probed("b", f.now, liveness.Refused)
	for range 40 {
		f.now += times.Beat
		f.beat()
		if declares(f.m.Tick(f.now)) {
			t.Fatal("declared dead in spite of the promise")
		}
	}
	f.members[0].Counter, f.members[0].Acked = 6, 5
	f.beat()
	f.m.Probed("b", f.now, liveness.Refused)
	f.pass(2*time.Second, declares)
}

// A process that was frozen knows by its clock that it may not relay.
func TestFrozenProcess(t *testing.T) {
	f := newFleet(t)
	f.beat()
	if f.now >= f.m.RelayUntil() {
		t.Fatal("does not relay after a heartbeat")
	}
	f.now += times.Fence
	if f.now < f.m.RelayUntil() {
		t.Error("relays with an old heartbeat")
	}
	f.beat()
	if w := f.m.Tick(f.now); !w.Restore || w.GiveUp || f.now >= f.m.RelayUntil() {
		t.Errorf("after its next heartbeat: %+v", w)
	}
	b := f.m.Beat()
	f.m.Answered(b, f.now, f.now, session.Census{Dead: true}, true)
	if w := f.m.Tick(f.now); !w.GiveUp || f.m.RelayUntil() > 0 || !f.m.Dead("a", f.now) {
		t.Errorf("after it was declared dead: %+v", w)
	}
}

// A node that shares its address with another by mistake does not declare it dead.
func TestTwoNodesWithOneAddress(t *testing.T) {
	f := newFleet(t)
	f.members[0].Node.URL = "http://a"
	for range 50 {
		f.now += times.Beat
		f.members[0].Counter++
		f.beat()
		if declares(f.m.Tick(f.now)) {
			t.Fatal("declared dead while it is alive")
		}
	}
	f.pass(2*time.Second, declares) // once it is silent
}

// A Redis that lost what it knew is told the leases again.
func TestLostDataIsRestored(t *testing.T) {
	f := newFleet(t)
	f.beat()
	if f.m.Tick(f.now).Restore {
		t.Error("nothing was lost yet")
	}
	f.beat()
	b := f.m.Beat()
	f.m.Answered(b, f.now, f.now, session.Census{Joined: 3, Generation: 3}, true)
	if !f.m.Tick(f.now).Restore || f.m.Tick(f.now).Restore {
		t.Error("leases are not restored once")
	}
}
