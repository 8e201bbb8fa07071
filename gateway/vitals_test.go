package gateway_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/gateway"
	"switchboard/session/hub"
	"switchboard/session/series"
	"switchboard/session/sessiontest"
)

// measuring runs a test on a node without sessions that measures itself, in a time of its own.
func measuring(t *testing.T, test func(t *testing.T, m *sessiontest.Memory, h *hub.Hub, stop func())) {
	synctest.Test(t, func(t *testing.T) {
		m := sessiontest.NewMemory()
		h := hub.New(hub.Options{Node: "http://node", Store: m, Directory: m, Fleet: m})
		keys, err := gateway.ParseKeys(strings.NewReader(keyList))
		if err != nil {
			t.Fatal(err)
		}
		g, err := gateway.New(gateway.Options{Node: "http://node", Version: "v1", Hub: h, Store: m, Grants: m, Keys: keys, Series: m, Lives: m})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { g.Measure(ctx) })
		stop := func() { cancel(); running.Wait() }
		defer stop()
		test(t, m, h, stop)
	})
}

func vitals(t *testing.T, m *sessiontest.Memory) []series.Vitals {
	t.Helper()
	list, err := m.Vitals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestNodeSaysHowItIs(t *testing.T) {
	measuring(t, func(t *testing.T, m *sessiontest.Memory, _ *hub.Hub, stop func()) {
		began := time.Now()
		time.Sleep(2*time.Hour + time.Second)
		list := vitals(t, m)
		if len(list) != 1 || list[0].Version != "v1" || list[0].Memory <= 0 || list[0].Goroutines <= 0 || list[0].Cores < 1 || list[0].Silence > 2*time.Second {
			t.Fatalf("vitals %+v", list)
		}
		for _, step := range []series.Step{series.Minute, series.Hour} {
			intervals, err := m.Samples(t.Context(), step, began, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range intervals {
				if len(i.Nodes) != 1 {
					t.Fatalf("the interval of %v at %v has %d samples", time.Duration(step), i.Begin, len(i.Nodes))
				}
			}
		}
		m.Fail(errors.New("away"))
		time.Sleep(time.Minute)
		m.Fail(nil)
		time.Sleep(3 * time.Second)
		if list := vitals(t, m); list[0].Silence > 2*time.Second {
			t.Errorf("silent for %v once the store is back", list[0].Silence)
		}
		stop()
		if list := vitals(t, m); len(list) != 0 {
			t.Errorf("after the end: %+v", list)
		}
	})
}

func TestOrderToDrainIsFollowed(t *testing.T) {
	measuring(t, func(t *testing.T, m *sessiontest.Memory, h *hub.Hub, _ func()) {
		time.Sleep(3 * time.Second)
		life := vitals(t, m)[0].Life()
		for _, by := range []string{"desk", "", "desk"} {
			if err := m.Drain(t.Context(), life, by); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			if v := vitals(t, m)[0]; h.Draining() != (by != "") || v.Draining != (by != "") || v.DrainBy != by {
				t.Errorf("ordered by %q: %+v", by, v)
			}
		}
	})
}
