package hub

import (
	"net"
	"testing"
	"testing/synctest"

	"switchboard/session"
)

// scripted is a sink whose upstream sends the same event whenever it is asked to.
type scripted struct {
	sink
	event session.Frame
	send  chan struct{} // closed: no more
	take  func() (leave func())
}

func (s *scripted) TakeTurns(take func() (leave func())) { s.take = take }

func (s *scripted) Each(do func(session.Frame, error) error) error {
	for range s.send {
		leave := s.take()
		err := do(s.event, nil)
		leave()
		if err != nil {
			return err
		}
	}
	return net.ErrClosed
}

// TestAnswersPassTheGate: what an upstream sends while its answer to a broadcast is awaited has its
// turn at the gate, and a session that ends is not held up there. Other sessions know no gate.
func TestAnswersPassTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reading := func() (c *Controller, down *sink, send chan struct{}) {
			c, _, _, down = relaying()
			send = make(chan struct{})
			l := c.up.leg
			l.conn = &scripted{event: deltaFrame(), send: send}
			go c.readUpstream(l)
			return c, down, send
		}
		over := func(c *Controller, send chan struct{}) {
			c.end(ErrEnded)
			close(send)
		}
		concerned, toConcerned, send := reading()
		ending, toEnding, sendEnding := reading()
		other, toOther, sendOther := reading()
		g := make(gate, 1)
		g <- struct{}{} // someone is in it
		concerned.gate.Store(&g)
		ending.gate.Store(&g)
		send <- struct{}{}
		sendEnding <- struct{}{}
		sendOther <- struct{}{}
		synctest.Wait()
		if toConcerned.frames != 0 || toEnding.frames != 0 || toOther.frames != 1 {
			t.Errorf("passed %d and %d events by the gate, %d without one", toConcerned.frames, toEnding.frames, toOther.frames)
		}
		over(ending, sendEnding)
		synctest.Wait()
		g.leave()
		synctest.Wait()
		if toConcerned.frames != 1 || len(g) != 0 {
			t.Errorf("passed %d events, %d are in the gate", toConcerned.frames, len(g))
		}
		over(concerned, send)
		over(other, sendOther)
	})
}
