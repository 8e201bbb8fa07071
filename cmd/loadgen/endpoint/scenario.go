package endpoint

import (
	"cmp"
	"fmt"
	"strconv"
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
	VAD         bool          // the server finds out who speaks; without, clients commit (push-to-talk)
	Resumable   bool          // the gateway is asked for sessions that outlive their client
	Long        bool          // part of long benches only

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

// pacedAbout is what every session of the paced scenarios does.
const pacedAbout = "live sessions, both ways at once: 25 appends/s of 40 ms, 20 deltas/s of 50 ms"

// Scenarios are those the project quotes its figures for. PCM16 at 24 kHz is 64 bytes
// of base64 a millisecond, so that 40 ms are 2.6 KB and 50 ms are 3.4 KB with what is around them.
var Scenarios = []Scenario{
	paced("vad", pacedAbout+", with server VAD", long, Scenario{VAD: true}),
	paced("ptt", pacedAbout+", push-to-talk", long, Scenario{Long: true}),
	paced("resumable", pacedAbout+", with server VAD, as sessions that clients can resume", long, Scenario{VAD: true, Resumable: true}),
	many(500, 2.5), many(2000, 10), many(4000, 20), many(10000, 10),
	paced("paced", pacedAbout+", push-to-talk, for a moment", 3*time.Second, Scenario{}),
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

// long is a window that garbage collection and growing buffers cannot hide from.
const long = 30 * time.Second

// paced is 200 live sessions that talk both ways.
func paced(name, about string, window time.Duration, sc Scenario) Scenario {
	sc.Name, sc.About, sc.Window = name, about, window
	sc.Sessions, sc.Opening, sc.Deltas = 200, 2, WordStream
	sc.Append, sc.AppendEvery = 40*time.Millisecond, 40*time.Millisecond
	sc.Warmup = time.Second
	return sc
}

// many is that many sessions, each so many times slower. Their beginning counts, too.
func many(sessions int, slower float64) Scenario {
	sc := paced(fmt.Sprintf("many%d", sessions), "live sessions with server VAD, each at 1/"+strconv.FormatFloat(slower, 'g', -1, 64)+" of the pace", long, Scenario{VAD: true, Long: true})
	sc.Sessions, sc.Warmup = sessions, 0
	sc.AppendEvery = time.Duration(slower * float64(sc.AppendEvery))
	sc.Deltas = fmt.Sprintf("%s/%s", WordStream, time.Duration(slower*float64(50*time.Millisecond)))
	return sc
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
	var detection map[string]any
	if sc.VAD {
		detection = map[string]any{"type": "server_vad"}
	}
	config := map[string]any{
		"type":  "realtime",
		"audio": map[string]any{"input": map[string]any{"turn_detection": detection}},
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
