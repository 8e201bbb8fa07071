package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/tidwall/gjson"
	"golang.org/x/sync/errgroup"

	"switchboard/cmd/loadgen/endpoint"
)

// caller is one voice session: a goroutine listens, one speaks, one hangs up.
type caller struct {
	endpoint.Leg
	*Meter
	scenario endpoint.Scenario

	asked atomic.Int64 // when an answer was asked for that has not begun, Unix ns
	heard chan string  // to the speaker, the events that a turn waits for
}

func newCaller(l endpoint.Leg, m *Meter, sc endpoint.Scenario) *caller {
	return &caller{Leg: l, Meter: m, scenario: sc, heard: make(chan string, 4)}
}

// run is the session's life. It returns nil when ctx ended it, and otherwise why it
// broke off.
func (c *caller) run(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.listen(gctx) })
	g.Go(func() error { return c.speak(gctx) })
	g.Go(func() error {
		<-gctx.Done()
		c.End()
		return nil
	})
	err := g.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// listen reads until the connection ends.
func (c *caller) listen(ctx context.Context) error {
	for {
		message, err := c.Read()
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		c.down.Add(1)
		c.hear(ctx, message, time.Now())
	}
}

// hear accounts for one event.
func (c *caller) hear(ctx context.Context, message []byte, now time.Time) {
	switch kind := gjson.GetBytes(message, "type").Str; kind {
	case "response.output_audio.delta":
		if at := c.asked.Swap(0); at != 0 {
			c.firstAudio.Add(now.Sub(time.Unix(0, at)))
		}
		if c.Counting.Load() {
			if sent, ok := endpoint.StampOf(gjson.GetBytes(message, "event_id").Str); ok {
				c.DownLate.Add(now.Sub(sent))
			}
		}
	case "error":
		c.trouble("error event: " + endpoint.ReasonOf(message))
	case "input_audio_buffer.committed", "response.done":
		if c.scenario.Turns {
			select {
			case c.heard <- kind:
			case <-ctx.Done():
			}
		}
	}
}

// speak does what the scenario says of the client's side.
func (c *caller) speak(ctx context.Context) error {
	// Callers are not in step with each other.
	pace := endpoint.NewPace(time.Now().Add(rand.N(100 * time.Millisecond)))
	defer pace.Stop()
	if c.scenario.Deltas != "" && pace.Wait(ctx) {
		if err := c.ask(); err != nil {
			return err
		}
	}
	if c.scenario.Turns {
		return c.turns(ctx)
	}
	if c.scenario.Append > 0 {
		pace.Next(rand.N(max(c.scenario.AppendEvery, 1)))
		return c.appends(ctx, pace, -1)
	}
	return nil
}

// appends writes count appends at the scenario's pace; -1: until ctx ends.
func (c *caller) appends(ctx context.Context, p *endpoint.Pace, count int) error {
	frame := endpoint.NewAppendFrame(c.scenario.Append)
	for n := 0; n != count && p.Wait(ctx); n++ {
		now := time.Now()
		if c.scenario.AppendEvery != endpoint.FlatOut {
			c.observe(&c.pacing, now.Sub(p.Due))
		}
		if _, err := c.Write(frame.At(now)); err != nil {
			return fmt.Errorf("append: %w", err)
		}
		c.up.Add(1)
		p.Next(c.scenario.AppendEvery)
	}
	return nil
}

// ask asks for an answer.
func (c *caller) ask() error {
	c.asked.Store(time.Now().UnixNano())
	return c.say(`{"type":"response.create"}`)
}

func (c *caller) say(message string) error {
	if err := c.Text([]byte(message)); err != nil {
		return fmt.Errorf("say: %w", err)
	}
	c.up.Add(1)
	return nil
}

// turns holds a conversation as the protocol has it: a second of audio, commit, answer.
func (c *caller) turns(ctx context.Context) error {
	for ctx.Err() == nil {
		pace := endpoint.NewPace(time.Now())
		err := c.appends(ctx, pace, int(time.Second/c.scenario.Append))
		pace.Stop()
		if err != nil {
			return err
		}
		committed := time.Now()
		if err := c.say(`{"type":"input_audio_buffer.commit"}`); err != nil {
			return err
		}
		if c.until(ctx, "input_audio_buffer.committed") {
			c.observe(&c.roundTrip, time.Since(committed))
		}
		if err := c.ask(); err != nil {
			return err
		}
		c.until(ctx, "response.done")
	}
	return nil
}

// until waits for an event and tells whether it came before the end.
func (c *caller) until(ctx context.Context, kind string) bool {
	for {
		select {
		case heard := <-c.heard:
			if heard == kind {
				return true
			}
		case <-ctx.Done():
			return false
		}
	}
}
