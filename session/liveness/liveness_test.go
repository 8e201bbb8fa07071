package liveness_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever happens to processes, the network and Redis, in whatever order: two nodes never relay
// a session at the same time, and once all is well again some node relays each.
func TestNeverTwoOwnersAndNeverNone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 4).Draw(t, "nodes"))
		w.run(2 * time.Second)
		for range rapid.IntRange(1, 12).Draw(t, "faults") {
			disturb(t, w)
			w.run(rapid.SampledFrom([]time.Duration{step, 200 * time.Millisecond, time.Second, 3 * time.Second, 9 * time.Second, modelLease}).Draw(t, "for"))
			if w.fault != "" {
				t.Fatal(w.fault)
			}
		}
		w.heal()
		w.run(3 * modelLease)
		if w.fault != "" {
			t.Fatal(w.fault)
		}
		if left := w.unowned(); len(left) > 0 {
			t.Fatalf("nobody relays %v; the leases are %v", left, w.leases)
		}
	})
}

// disturb draws something that happens.
func disturb(t *rapid.T, w *world) {
	p := w.nodes[rapid.IntRange(0, len(w.nodes)-1).Draw(t, "node")]
	kind := rapid.SampledFrom([]cut{open, drops, holds, refuses})
	switch what := rapid.SampledFrom([]string{"kill", "start", "freeze", "thaw", "isolate", "link", "Redis link", "freeze Redis", "kill Redis", "start Redis", "heal"}).Draw(t, "fault"); what {
	case "kill":
		p.kill()
	case "start":
		if !p.alive {
			p.start()
		}
	case "freeze":
		p.freeze()
	case "thaw":
		p.thaw()
	case "isolate":
		w.isolate(p.id, kind.Draw(t, "how"))
	case "link":
		w.cuts[link{p.id, rapid.IntRange(0, len(w.nodes)-1).Draw(t, "to")}] = kind.Draw(t, "how")
	case "Redis link":
		l := link{p.id, -1}
		if rapid.Bool().Draw(t, "answers") {
			l = link{-1, p.id}
		}
		w.cuts[l] = kind.Draw(t, "how")
	case "freeze Redis":
		w.setRedis(frozen)
	case "kill Redis":
		w.setRedis(down)
	case "start Redis":
		w.setRedis(up)
	case "heal":
		w.heal()
	}
}

// settled is a fleet in which node 0 relays all sessions and the others know it.
func settled(t *testing.T, nodes int) *world {
	t.Helper()
	w := newWorld(7, nodes)
	for _, p := range w.nodes[1:] {
		p.kill()
	}
	w.run(2 * time.Second)
	for _, p := range w.nodes[1:] {
		p.start()
	}
	w.run(2 * time.Second)
	for _, s := range sessions {
		if !w.nodes[0].relays(s) {
			t.Fatalf("node 0 does not relay %s", s)
		}
	}
	return w
}

// What is promised of each single fault, with the default times.
func TestFailoverInTime(t *testing.T) {
	for name, test := range map[string]struct {
		breaks func(w *world)
		limit  time.Duration
	}{
		"process killed":                   {func(w *world) { w.nodes[0].kill() }, 1300 * time.Millisecond}, // of which 300 ms until it is looked
		"process killed and started again": {func(w *world) { w.nodes[0].kill(); w.nodes[0].start() }, 1300 * time.Millisecond},
		"process frozen":                   {func(w *world) { w.nodes[0].freeze() }, 4500 * time.Millisecond},
		"cut off":                          {func(w *world) { w.isolate(0, drops) }, 4500 * time.Millisecond},
		"refused by a firewall":            {func(w *world) { w.isolate(0, refuses) }, 1300 * time.Millisecond},
		"cannot send": {func(w *world) {
			for to := -1; to < 3; to++ {
				w.cuts[link{0, to}] = drops
			}
		}, 4500 * time.Millisecond},
		"cannot receive": {func(w *world) {
			for from := -1; from < 3; from++ {
				w.cuts[link{from, 0}] = drops
			}
		}, 4500 * time.Millisecond}, // its heartbeats reach Redis: it gives up by itself
		"cannot receive, nor connect anew": {func(w *world) {
			for from := -1; from < 3; from++ {
				w.cuts[link{from, 0}] = drops
			}
			w.after(2*time.Second, func() { // every connection that there was has timed out
				for to := -1; to < 3; to++ {
					w.cuts[link{0, to}] = drops
				}
			})
		}, 4500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			w := settled(t, 3)
			before := w.nodes[0].m.Incarnation()
			test.breaks(w)
			began := w.now
			for moved := false; !moved; moved = w.leases["s-1"].incarnation != before && w.leases["s-2"].incarnation != before && len(w.unowned()) == 0 {
				w.run(step)
				if w.now-began > test.limit {
					t.Fatalf("not back after %v: nobody relays %v", test.limit, w.unowned())
				}
			}
			if w.fault != "" {
				t.Fatal(w.fault)
			}
		})
	}
}

// Faults that no session may feel: it is relayed all the time, on the node where it was.
func TestSessionsStay(t *testing.T) {
	long := modelLease * 3 / 4
	for name, breaks := range map[string]func(w *world){
		"Redis killed":   func(w *world) { w.setRedis(down) },
		"Redis frozen":   func(w *world) { w.setRedis(frozen) },
		"Redis link cut": func(w *world) { w.cuts[link{0, -1}], w.cuts[link{-1, 0}] = drops, drops },
		"peers cut off":  func(w *world) { w.cuts[link{0, 1}], w.cuts[link{2, 0}] = drops, refuses },
		"nothing":        func(*world) {},
	} {
		t.Run(name, func(t *testing.T) {
			for _, nodes := range []int{1, 3} {
				if nodes == 1 && name == "peers cut off" {
					continue
				}
				w := settled(t, nodes)
				breaks(w)
				for range long / step {
					w.run(step)
					for _, s := range sessions {
						if !w.nodes[0].relays(s) {
							t.Fatalf("%d nodes: not relayed at %v", nodes, w.now)
						}
					}
				}
				w.heal()
				w.run(modelLease)
				if w.nodes[0].gaveUp > 0 || len(w.unowned()) > 0 || w.fault != "" {
					t.Errorf("%d nodes: gave up %d times; %v %s", nodes, w.nodes[0].gaveUp, w.unowned(), w.fault)
				}
			}
		})
	}
}
