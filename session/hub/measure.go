package hub

import (
	"time"

	"switchboard/session"
	"switchboard/session/conversation"
	"switchboard/session/realtime"
	"switchboard/session/series"
)

// measures are a node's durations. Observing one neither locks nor allocates, so that the
// event path may.
type measures struct {
	FirstAudio series.Histogram // from the end of what the user said, or a request, to the first audio of the response
	Command    series.Histogram // until the upstream had acknowledged or refused a command
	Relay      series.Histogram // from an upstream's event to the clients' sockets, of a sample of events
	Gap        series.Histogram // in which a session had no upstream when another took the place of one
}

// Durations are what a node has measured since its start.
type Durations struct{ FirstAudio, Command, Relay, Gap series.Counts }

func (m *measures) read() Durations {
	return Durations{m.FirstAudio.Read(), m.Command.Read(), m.Relay.Read(), m.Gap.Read()}
}

// relaySample is of how many events of an upstream the delay of one is measured: reading the
// clock costs about as much as finding the type of an event.
const relaySample = 32

// stopwatch measures the delay of some of the events of one leg; only its reader uses it.
type stopwatch struct {
	events int
	since  time.Time // when the one that is measured was read; zero: none is
}

// read notes that an event has been read.
func (w *stopwatch) read() {
	if w.events++; w.events%relaySample == 0 && w.since.IsZero() {
		w.since = time.Now()
	}
}

// written counts the event that is measured, now that it has been written.
func (w *stopwatch) written(h *series.Histogram) {
	if !w.since.IsZero() {
		h.Observe(time.Since(w.since))
		w.since = time.Time{}
	}
}

// hearFirst counts how long the active response took to be heard, once.
func (c *held) hearFirst(e event, s *conversation.Spoken) {
	if string(e.ResponseID) == c.turn.active || c.turn.active == realtime.Unnamed {
		c.traceHeard()
		took := time.Since(c.turn.awaited)
		if e.means == meansAudio {
			c.node.stats.FirstAudio.Observe(took)
			c.latency.Add(took)
		}
		s.LatencyMS = max(1, took.Milliseconds())
		c.turn.awaited = time.Time{}
	}
}

// countError counts an error of the upstream.
func (c *held) countError(class session.Class) {
	c.node.stats.Errors[class].Add(1)
	if class > session.Benign {
		c.errors++
	}
}

// condition is what operators should know of the session.
func (c *held) condition() session.Condition {
	if c.status == session.StatusEnded {
		return session.Condition{}
	}
	return session.Condition{Lost: c.up.gone(), Failing: c.up.wish.failed, Pending: c.conv.Pending()}
}

// gap is how long a session whose leg another replaces now has been without one.
func (l *leg) gap() time.Duration {
	if l.lostAt.IsZero() {
		return 0 // it was in use until now
	}
	return time.Since(l.lostAt)
}
