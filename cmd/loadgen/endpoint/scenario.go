package endpoint

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Scenario is one kind of load. What is left at zero does not happen.
type Scenario struct {
	Name  string
	About string

	Sessions    int
	Opening     int           // how many are being opened at a time; more, and set-up measures the queue
	Append      time.Duration // audio in one append
	AppendEvery time.Duration // flatOut: as fast as the socket takes them
	Deltas      string        // the stand-in's word for the answer it streams
	Turns       bool          // whole turns, one way after the other

	Warmup time.Duration // under load, not counted
	Window time.Duration // counted
	Settle time.Duration // without load, before memory is read
}

// FlatOut is an interval of those who wait for nothing but the socket.
const FlatOut = time.Nanosecond

// Words in a session's instructions that make the stand-in stream, and throw input
// audio away; see docs/simulator.md.
const (
	WordStream = "simulator:stream" // 50 ms deltas, 20/s
	wordFlood  = "simulator:flood"  // 100 ms deltas, flat out
)

// Scenarios are those the project quotes its figures for. PCM16 at 24 kHz is 64 bytes
// of base64 a millisecond, so that 40 ms are 2.6 KB and 50 ms are 3.4 KB with what is around them.
var Scenarios = []Scenario{
	{
		Name: "paced", About: "live sessions, both ways at once: 25 appends/s of 40 ms, 20 deltas/s of 50 ms",
		Sessions: 200, Opening: 2, Append: 40 * time.Millisecond, AppendEvery: 40 * time.Millisecond, Deltas: WordStream,
		Warmup: time.Second, Window: 3 * time.Second,
	},
	{
		Name: "down", About: "deltas of 100 ms as fast as they go",
		Sessions: 32, Opening: 2, Deltas: wordFlood,
		Warmup: time.Second, Window: 3 * time.Second,
	},
	{
		Name: "up", About: "appends of 20 ms as fast as they go",
		Sessions: 32, Opening: 2, Append: 20 * time.Millisecond, AppendEvery: FlatOut,
		Warmup: time.Second, Window: 3 * time.Second,
	},
	{
		Name: "idle", About: "sessions that only exist: their memory",
		Sessions: 5000, Opening: 2, Settle: 5 * time.Second,
	},
	{
		Name: "talk", About: "turns of 1 s of audio and its answer; needs no stand-in, any Realtime API will do",
		Sessions: 10, Opening: 10, Append: 40 * time.Millisecond, AppendEvery: 40 * time.Millisecond, Turns: true,
		Warmup: time.Second, Window: 10 * time.Second,
	},
}

// ScenarioNamed finds a scenario; the error lists those that there are.
func ScenarioNamed(name string) (Scenario, error) {
	var names []string
	for _, sc := range Scenarios {
		if sc.Name == name {
			return sc, nil
		}
		names = append(names, sc.Name)
	}
	return Scenario{}, fmt.Errorf("no scenario %q; there are %s", name, strings.Join(names, ", "))
}

// Title is the scenario with its size, as tables call it: paced-200.
func (sc Scenario) Title() string { return fmt.Sprintf("%s-%d", sc.Name, sc.Sessions) }

// Flat tells whether the load has no pace, so that latency is the length of queues and
// says nothing about the target.
func (sc Scenario) Flat() bool { return sc.AppendEvery == FlatOut || sc.Deltas == wordFlood }

// config is the API session the scenario needs.
func (sc Scenario) config(model string) map[string]any {
	config := map[string]any{
		"type":  "realtime",
		"audio": map[string]any{"input": map[string]any{"turn_detection": nil}},
	}
	if model != "" {
		config["model"] = model
	}
	if !sc.Turns {
		config["instructions"] = cmp.Or(sc.Deltas, WordStream)
	}
	return config
}

// Quiet tells whether nothing is said at all.
func (sc Scenario) Quiet() bool { return sc.Append == 0 && sc.Deltas == "" }

// Short is the scenario made small.
func (sc Scenario) Short() Scenario {
	sc.Sessions = max(sc.Sessions/10, 4)
	sc.Warmup, sc.Window, sc.Settle = sc.Warmup/4, sc.Window/4, sc.Settle/5
	return sc
}
