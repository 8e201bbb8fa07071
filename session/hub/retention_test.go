package hub

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
)

// speak relays n deltas of about 3.4 KB, 20 a second, and returns the number of the last.
func speak(t *testing.T, c *Controller, from, n int) int {
	t.Helper()
	for i := range n {
		s := c.lock()
		err := s.fromUpstream(session.NewFrame(fmt.Appendf(nil,
			`{"type":"response.output_audio.delta","event_id":"e%d","response_id":"r","item_id":"i","delta":"%s"}`, from+i+1, strings.Repeat("A", 3400))), session.AtOnce)
		s.unlock()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return from + n
}

func acknowledge(t *testing.T, cl *client, event int) {
	t.Helper()
	no := cl.take(session.NewFrame(fmt.Appendf(nil, `{"type":"switchboard.ack","last_event_id":"e%d"}`, event)), session.AtOnce)
	if no != nil {
		t.Fatalf("refused: %+v", no)
	}
}

// look is what the session's timer does.
func look(c *Controller) {
	s := c.lock()
	defer s.unlock()
	s.checkTime(time.Now())
}

// missed is how many events a client that comes back after one is sent; negative: it is reset.
func missed(c *Controller, event int) int {
	n, ok := c.history.After(fmt.Sprintf("e%d", event))
	if !ok {
		return -1
	}
	return int(c.history.Seq - n)
}

// A client that acknowledges leaves nothing behind but what it has not acknowledged, and can
// resume from there.
func TestAcknowledgedHistoryIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, cl, up, down := relaying()
		down.unacked = 1 << 20 // the kernel is not asked
		last := speak(t, c, 0, 100)
		acknowledge(t, cl, 60)
		if held := c.history.Bytes; held < 40*3400 || held > 50*3600+32<<10 {
			t.Errorf("holds %d bytes of 40 events", held)
		}
		if n := missed(c, 60); n != 40 {
			t.Errorf("resumes with %d events", n)
		}
		acknowledge(t, cl, 50) // late
		acknowledge(t, cl, last)
		if c.history.Bytes != 0 || missed(c, last) != 0 {
			t.Errorf("holds %d bytes of nothing, and resumes with %d events", c.history.Bytes, missed(c, last))
		}
		acknowledge(t, cl, 60) // of what is released
		last = speak(t, c, last, 3)
		if n := missed(c, last-3); n != 3 {
			t.Errorf("resumes with %d events of 3", n)
		}
		if up.frames > 0 {
			t.Errorf("the upstream was sent %d frames", up.frames)
		}
	})
}

// What the kernel has not seen acknowledged is kept; the rest for some seconds.
func TestReceivedHistoryIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _, down := relaying()
		last := speak(t, c, 0, 400)
		if held, seconds := c.history.Bytes, 4; held > seconds*20*3600+2*32<<10 {
			t.Errorf("a client that receives all costs %d bytes", held)
		}
		if n := missed(c, last-60); n != 60 {
			t.Errorf("resumes after 3 s with %d events of 60", n)
		}
		down.unacked = 120 * 3600
		last = speak(t, c, last, 120) // none of them arrives
		if n := missed(c, last-120); n != 120 {
			t.Errorf("resumes with %d events of 120 on their way", n)
		}
		down.unacked = 0
		last = speak(t, c, last, 1)
		time.Sleep(2 * time.Second)
		look(c)
		if n := missed(c, last-120); n != 120 {
			t.Errorf("right after they arrived it resumes with %d events of 120", n)
		}
		time.Sleep(10 * time.Second)
		look(c)
		if held := c.history.Bytes; held > keptAnyway+32<<10 {
			t.Errorf("holds %d bytes when all is quiet", held)
		}
	})
}

// Audio that was let go of has not arrived: what was sent before it may not have, either.
func TestDroppedAudioIsNotReceived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, cl, _, down := relaying()
		last := speak(t, c, 0, 40)
		down.unacked = 10 * 3600
		cl.out.Lost = 200 * 3600
		last = speak(t, c, last, 200)
		if n := missed(c, last-210); n != 210 {
			t.Errorf("resumes with %d events of 210", n)
		}
	})
}

// The rest of an interrupted response goes at once but for its last second.
func TestInterruptedAudioIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _, _ := relaying()
		speak(t, c, 0, 80)
		s := c.lock()
		defer s.unlock()
		held := c.history.Bytes
		_ = s.fromUpstream(session.NewFrame([]byte(`{"type":"response.done","event_id":"e_done","response":{"id":"r","status":"cancelled"}}`)), session.AtOnce)
		if c.history.Bytes > held/2 {
			t.Errorf("holds %d bytes of %d", c.history.Bytes, held)
		}
	})
}

// What a client that left has not acknowledged is kept for as long as it may come back.
func TestDepartedClientIsWaitedFor(t *testing.T) {
	for name, acks := range map[string]bool{"with acks": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, cl, _, _ := relaying()
				defer cl.out.Flusher.Wait()
				stays := &client{c: c, conn: &sink{}, policy: new(session.Open())}
				stays.out = c.outbox(stays.conn, c.node.ClientQueue, &c.node.stats.DroppedDown)
				c.clients = append(c.clients, stays)
				cl.allowed = newAllowance(*cl.policy, time.Now())
				last := speak(t, c, 0, 100)
				if acks {
					acknowledge(t, cl, last)
				}
				s := c.lock()
				s.drop(cl, nil)
				s.unlock()
				last = speak(t, c, last, 200)
				if n := missed(c, last-200); n != 200 {
					t.Errorf("10 s later it resumes with %d events of 200", n)
				}
				speak(t, c, last, 61*20)
				if held := c.history.Bytes; held > 6*20*3600+2*32<<10 {
					t.Errorf("holds %d bytes for one that will not come back", held)
				}
			})
		})
	}
}

// However many clients come and go, the session remembers a bounded number, and waits for all.
func TestManyDepart(t *testing.T) {
	c, _, _, _ := relaying()
	s := c.lock()
	defer s.unlock()
	c.clients = nil
	for range 100 {
		c.history.Add([]byte(`{"event_id":"e"}`), time.Now())
	}
	for n := range int64(100) {
		s.depart(100-n, "token")
	}
	if n := s.needed(time.Now(), 0); len(c.retention.departed) > maxDeparted || n != 1 {
		t.Errorf("%d are remembered, and need what follows event %d", len(c.retention.departed), n)
	}
}

// Whoever comes back is not waited for any more; it may have seen more than it acknowledged.
func TestReturned(t *testing.T) {
	c, _, _, _ := relaying()
	s := c.lock()
	defer s.unlock()
	s.depart(10, "ada")
	s.depart(20, "ada")
	s.depart(5, "eve")
	s.returns(30, "ada")
	s.returns(4, "eve")
	var left []int64
	for _, d := range c.retention.departed {
		left = append(left, d.n)
	}
	if fmt.Sprint(left) != "[10 5]" {
		t.Errorf("still waits for %v", left)
	}
}

func TestAckNamesWhatItLacks(t *testing.T) {
	_, cl, up, _ := relaying()
	for event, code := range map[string]string{
		`{"type":"switchboard.ack"}`:                          "missing_required_parameter",
		`{"type":"switchboard.ack","last_event_id":7}`:        "invalid_value",
		`{"type":"switchboard.ack","last_event_id":""}`:       "invalid_value",
		`{"type":"switchboard.ack","last_event_id":"no_one"}`: "",
	} {
		no := cl.take(session.NewFrame([]byte(event)), session.AtOnce)
		switch {
		case no == nil && code != "", no != nil && (no.Code != code || no.Param != "last_event_id"):
			t.Errorf("%s gives %+v", event, no)
		}
	}
	if up.frames > 0 {
		t.Errorf("the upstream was sent %d frames", up.frames)
	}
}

// Acknowledgements count against the limits of what a client sends only when they are too many.
func TestAcksCountForNothing(t *testing.T) {
	_, cl, _, _ := relaying()
	cl.policy.EventsPerSecond = 1
	cl.allowed = newAllowance(*cl.policy, time.Now())
	ack := []byte(`{"type":"switchboard.ack","last_event_id":"e1"}`)
	for i := range acksPerSecond * bucketBurst {
		if no := cl.admit(ack, nil); no != nil {
			t.Fatalf("acknowledgement %d: %+v", i, no)
		}
	}
	for i := range bucketBurst {
		if no := cl.admit(ack, nil); no != nil {
			t.Fatalf("event %d: %+v", i, no)
		}
	}
	if no := cl.admit(ack, nil); no == nil || no.Code != "rate_limit_exceeded" {
		t.Errorf("a flood of acknowledgements: %+v", no)
	}
}

// A session that ends with its client keeps no history, however much it is sent.
func TestNoHistoryForOneClientOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, cl, _, _ := relaying()
		c.spec.EndWithClient = true
		last := speak(t, c, 0, 100)
		acknowledge(t, cl, last)
		if c.history.Bytes != 0 {
			t.Errorf("holds %d bytes", c.history.Bytes)
		}
	})
}
