package hub_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// reader is a client that notes what it is sent but for what is meant for it alone.
type reader struct {
	conn *sessiontest.Conn
	left chan error
	got  []string
	last string // event_id of the last event it saw
}

// read takes at most n of the events that have arrived; all with n < 0.
func (r *reader) read(t testing.TB, n int) {
	synctest.Wait()
	for ; n != 0 && r.conn.Buffered(); n-- {
		e := want(t, r.conn)
		r.last = field(t, e, "event_id")
		if !strings.HasPrefix(r.last, "event_at_") {
			r.got = append(r.got, e)
		}
	}
}

// stage is a session with two clients: one that stays, and one that comes and goes.
type stage struct {
	t     testing.TB
	fx    *fixture
	c     *hub.Controller
	up    *sessiontest.Conn
	stays reader
	goes  reader
	n     int
	items int
	sent  []string  // markers of client events, in the order they were sent
	acks  bool      // the one that goes acknowledges what it has read
	whole time.Time // when the one that goes last had read all
}

func (s *stage) attach(r *reader) {
	ours, theirs := sessiontest.Pipe()
	r.conn, r.left = ours, make(chan error, 1)
	a := hub.Attachment{Policy: session.Voice(), LastEventID: r.last}
	go func() { r.left <- s.c.Attach(theirs, &a) }()
	r.read(s.t, 1) // its session.created: before that it is no client that could come back
}

func (s *stage) emit(rt *rapid.T) {
	s.n++
	id := fmt.Sprintf("e%d", s.n)
	switch rapid.IntRange(0, 4).Draw(rt, "event") {
	case 0:
		send(s.t, s.up, `{"type":"response.output_audio.delta","event_id":"`+id+`","item_id":"i","response_id":"r","delta":"`+strings.Repeat("A", rapid.IntRange(0, 40000).Draw(rt, "audio"))+`"}`)
	case 1:
		s.items++
		send(s.t, s.up, strings.Replace(item(fmt.Sprintf("item_%d", s.items), "user", "input_text", "words"), `"e_item_`+fmt.Sprint(s.items)+`"`, `"`+id+`"`, 1))
	case 2:
		send(s.t, s.up, `{"type":"response.created","event_id":"`+id+`","response":{"id":"r`+id+`","conversation_id":"c"}}`)
	case 3:
		send(s.t, s.up, `{"type":"response.done","event_id":"`+id+`","response":{"id":"r","status":"cancelled"}}`)
	default:
		send(s.t, s.up, `{"type":"anything","event_id":"`+id+`","n":1}`)
	}
	synctest.Wait()
}

// cut ends the connection of the one that goes, with events on the way that it never sees.
func (s *stage) cut(rt *rapid.T) {
	if s.goes.conn == nil {
		return
	}
	s.goes.read(s.t, rapid.IntRange(0, 5).Draw(rt, "seen"))
	s.goes.conn.Drop()
	<-s.goes.left
	s.goes.conn = nil
}

// pass lets both read some of what there is, and time go by: the history of what they have is
// released, unless one of them is gone.
func (s *stage) pass(rt *rapid.T) {
	s.stays.read(s.t, -1)
	if s.goes.conn != nil {
		s.goes.read(s.t, rapid.IntRange(-1, 5).Draw(rt, "seen"))
		if s.acks && s.goes.last != "" {
			send(s.t, s.goes.conn, `{"type":"switchboard.ack","last_event_id":"`+s.goes.last+`"}`)
		}
	}
	s.wait(rt, time.Duration(rapid.IntRange(0, 7).Draw(rt, "seconds"))*time.Second)
}

// wait has the one that goes read all before what it has not read is too old.
func (s *stage) wait(rt *rapid.T, d time.Duration) {
	if time.Since(s.whole)+d > 55*time.Second {
		s.resume(rt)
		s.goes.read(s.t, -1)
		s.whole = time.Now()
	}
	time.Sleep(d)
}

func (s *stage) resume(*rapid.T) {
	if s.goes.conn == nil {
		s.attach(&s.goes)
	}
}

// refused makes an event that only the one that goes is sent.
func (s *stage) refused(*rapid.T) {
	if s.goes.conn != nil {
		send(s.t, s.goes.conn, `{"type":"session.update"}`)
		synctest.Wait()
	}
}

func (s *stage) speak(*rapid.T) {
	s.n++
	e := fmt.Sprintf(`{"type":"response.cancel","event_id":"c%d"}`, s.n)
	send(s.t, s.stays.conn, e)
	s.sent = append(s.sent, e)
	synctest.Wait()
}

// lose makes the upstream go away and the next one take its place.
func (s *stage) lose(rt *rapid.T) {
	s.heard()
	s.wait(rt, 6*time.Second) // it lived long enough not to be given up
	s.up.Drop()
	s.up, _ = s.fx.next("sess", time.Hour, s.items)
	synctest.Wait()
}

// heard reads what the upstream was sent and holds it against what was sent.
func (s *stage) heard() {
	synctest.Wait()
	for s.up.Buffered() {
		e := want(s.t, s.up)
		if strings.Contains(e, `"type":"response.create"`) {
			continue // the gateway's own, after a loss
		}
		if len(s.sent) == 0 || e != s.sent[0] {
			s.t.Fatalf("upstream got %s, want the first of %v", e, s.sent)
		}
		s.sent = s.sent[1:]
	}
}

// Whatever happens to connections, and whether it acknowledges or not, a client that resumes has in the end what the one has
// that never left: every event once, in order, byte for byte; and the upstreams together
// got every client event once, in order.
func TestResumeProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			fx := start(t)
			defer fx.stop()
			c, up := fx.openFor(time.Hour)
			s := &stage{t: t, fx: fx, c: c, up: up, whole: time.Now()}
			s.attach(&s.stays)
			s.attach(&s.goes)
			s.acks = rapid.Bool().Draw(rt, "acks")
			acts := []func(*rapid.T){s.emit, s.emit, s.emit, s.emit, s.cut, s.cut, s.resume, s.resume, s.pass, s.pass, s.refused, s.speak, s.lose}
			for range rapid.IntRange(1, 60).Draw(rt, "steps") {
				acts[rapid.IntRange(0, len(acts)-1).Draw(rt, "act")](rt)
			}
			s.resume(rt)
			time.Sleep(time.Second) // until all is told that waited to be kept
			s.goes.read(t, -1)
			s.stays.read(t, -1)
			s.heard()
			if len(s.sent) > 0 {
				t.Fatalf("upstreams never got %v", s.sent)
			}
			if a, b := strings.Join(s.stays.got, "\n"), strings.Join(s.goes.got, "\n"); a != b {
				t.Fatalf("the one that stayed got\n%.2000s\nthe one that came and went\n%.2000s", a, b)
			}
		})
	})
}
