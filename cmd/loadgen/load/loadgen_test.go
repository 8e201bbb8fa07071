package load

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/simulator/standin"
)

// newStandIn serves the stand-in for as long as the test runs.
func newStandIn(t *testing.T, key string) endpoint.Target {
	api := standin.New(standin.Options{Keys: []string{"sk-test"}})
	server := httptest.NewServer(api)
	t.Cleanup(func() { server.Close(); api.Close() })
	target, err := endpoint.NewTarget("stand-in", server.URL, os.Getpid(), endpoint.Access{Key: key, Mode: endpoint.ModeOpenAI, Model: "gpt-realtime-2.1"})
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// small makes a scenario fit for a test; what it finds must not depend on how fast the machine is.
func small(t *testing.T, name string) endpoint.Scenario {
	sc, err := endpoint.ScenarioNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	sc.Sessions, sc.Warmup, sc.Window, sc.Settle = 4, 200*time.Millisecond, 400*time.Millisecond, 0
	return sc
}

func TestMeasure(t *testing.T) {
	for name, saw := range map[string]func(Window) bool{
		"paced": func(w Window) bool {
			return w.Up > 0 && w.Down > 0 && w.UpLate.Count > 0 && w.DownLate.Count > 0 && w.FirstAudio.Count > 0 && w.Pacing.Count > 0
		},
		"down": func(w Window) bool { return w.Down > 0 && w.FirstAudio.Count == 0 && w.Late.Count == 0 },
		"up":   func(w Window) bool { return w.Up > 0 && w.Late.Count == 0 && w.Pacing.Count == 0 },
		"idle": func(w Window) bool { return w.Up == 0 && w.CPUPerEvent == nil && w.SessionKiB != nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := newStandIn(t, "sk-test")
			w, err := measure(context.Background(), Running{Target: target, StandIn: target}, small(t, name), &Progress{})
			if err != nil {
				t.Fatal(err)
			}
			if w.Kept != 4 || len(w.Troubles) > 0 || w.SetUp.Count != 4 || !saw(w) {
				t.Errorf("saw %+v", w)
			}
		})
	}
}

func TestMeasureTalk(t *testing.T) {
	target := newStandIn(t, "sk-test")
	sc := small(t, "talk")
	sc.Window = 1500 * time.Millisecond
	w, err := measure(context.Background(), Running{Target: target, StandIn: target}, sc, &Progress{})
	if err != nil {
		t.Fatal(err)
	}
	if w.Kept != 4 || len(w.Troubles) > 0 || w.RoundTrip.Count == 0 || w.FirstAudio.Count == 0 {
		t.Errorf("saw %+v", w)
	}
}

func TestMeasureRefused(t *testing.T) {
	target := newStandIn(t, "sk-wrong")
	w, err := measure(context.Background(), Running{Target: target, StandIn: target}, small(t, "paced"), &Progress{})
	if err != nil {
		t.Fatal(err)
	}
	if w.Connected != 0 || w.Kept != 0 || len(w.Troubles) == 0 {
		t.Errorf("saw %+v", w)
	}
}

func TestMeasureStopped(t *testing.T) {
	target := newStandIn(t, "sk-test")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if w, err := measure(ctx, Running{Target: target, StandIn: target}, small(t, "paced"), &Progress{}); err == nil {
		t.Errorf("went on and saw %+v", w)
	}
}

// Every round has everybody, odd ones in reverse, and each contender is stopped.
func TestCompete(t *testing.T) {
	target := newStandIn(t, "sk-test")
	stopped := 0
	var contenders []Contender
	for _, name := range []string{"a", "b"} {
		named := target
		named.Name = name
		contenders = append(contenders, Contender{name, func(context.Context) (Running, error) {
			return Running{Target: named, StandIn: target, Stop: func() error { stopped++; return nil }}, nil
		}})
	}
	var shown bytes.Buffer
	rs, err := Compete(context.Background(), contenders, small(t, "idle"), 2, &Progress{out: &shown, lines: true})
	if err != nil {
		t.Fatal(err)
	}
	var order string
	for _, w := range rs {
		order += w.Target
	}
	if order != "abba" || rs[3].Round != 1 || stopped != 4 {
		t.Errorf("order %s, rounds %d, stopped %d", order, rs[3].Round+1, stopped)
	}
	if !bytes.Contains(shown.Bytes(), []byte("round 2/2, idle-4 on a: 4/4 sessions")) {
		t.Errorf("shown:\n%s", shown.String())
	}
}
