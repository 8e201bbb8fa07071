package standin

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// session is one realtime WebSocket from upgrade to end.
//
// One goroutine reads and handles events; each response that is being generated has one;
// one writes while there is something to write; a timer wakes the session for pings,
// expiry and idle time-outs. An idle session has the reader only. They take turns by mu,
// which is never held while something waits for the socket.
type session struct {
	srv      *Server
	id       string
	key      string // shortened, for inspection
	openedAt time.Time
	ws       *websocket.Conn
	conn     net.Conn      // under ws
	deflate  bool          // permessage-deflate was negotiated, so ws has to write
	lost     chan struct{} // closed when the socket is, at the latest
	gone     sync.Once     // closes lost
	faults   *faultState

	mu         sync.Mutex
	config     config
	lastUpdate json.RawMessage
	conv       conversation
	input      inputBuffer
	active     *response            // of the default conversation
	responses  map[string]*response // all that are being generated
	count      int                  // of responses ever
	spoken     bool                 // assistant audio was produced
	memory     usageMemory
	out        outbox
	ending     *ending // set once; nothing is sent behind it
	closed     bool
	closeNote  string
	received   received
	alarm      *time.Timer
	pingAt     time.Time
	expiresAt  time.Time
	idleAt     time.Time // zero: no idle time-out is due
	idleFromMS int
}

// ending says how the session's socket is to be closed once everything is written.
type ending struct {
	code   int
	reason string
	reset  bool // a TCP reset instead of a close frame
	drop   bool // the socket is closed without a close frame
}

// received counts what came in.
type received struct {
	Events     int   `json:"events"`
	Bytes      int64 `json:"bytes"`
	Appends    int   `json:"appends"`
	AudioBytes int64 `json:"audio_bytes"`
	AudioMS    int64 `json:"audio_ms"`

	LoudSamples int64 `json:"loud_samples"` // in the items that input audio has become

	// Unix nanoseconds of the first and the last event, and of the last session.update
	// that was accepted; 0: there was none.
	FirstNS  int64 `json:"first_ns"`
	LastNS   int64 `json:"last_ns"`
	UpdateNS int64 `json:"update_ns"`
}

// pingEvery is the live API's keepalive interval.
const pingEvery = 20260 * time.Millisecond

// start sends session.created and begins the session's clocks.
func (s *session) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.pingAt, s.expiresAt = now.Add(pingEvery), now.Add(s.srv.opts.SessionLife)
	if life := s.faults.SessionLifeMS; life > 0 {
		s.expiresAt = now.Add(time.Duration(life) * time.Millisecond)
	}
	s.config.ExpiresAt = s.expiresAt.Unix()
	s.emit("session.created", sessionEvent{s.config.view()})
	s.arm()
}

type sessionEvent struct {
	Session any `json:"session"`
}

// run reads until the socket ends, then ends everything that belongs to the session.
func (s *session) run(ctx context.Context, refused *refusal) {
	if refused != nil {
		s.refuse(refused)
	} else {
		s.start()
	}
	err := s.read(ctx)
	s.mu.Lock()
	s.closed = true
	s.alarm.Stop()
	s.noteClose(err)
	note := s.closeNote
	for _, r := range s.responses {
		r.halt()
	}
	s.mu.Unlock()
	s.gone.Do(func() { close(s.lost) })
	// The peer has closed or is gone; its error would say so again.
	_ = s.ws.CloseNow()
	s.srv.opts.Logger.Debug("session ended", "session", s.id, "close", note)
}

func (s *session) noteClose(err error) {
	if s.closeNote != "" {
		return
	}
	var closed websocket.CloseError
	if errors.As(err, &closed) {
		s.closeNote = "client closed: " + closed.Error()
		return
	}
	s.closeNote = "connection lost"
}

// drop closes the socket at once. It may be called by anybody.
func (s *session) drop(note string) {
	s.mu.Lock()
	if s.closeNote == "" {
		s.closeNote = note
	}
	s.mu.Unlock()
	s.gone.Do(func() { close(s.lost) })
	_ = s.conn.Close()
}

// end closes the socket once what was sent before is written. The caller holds mu.
func (s *session) end(how ending) {
	if s.ending != nil || s.closed {
		return
	}
	s.ending = &how
	s.closeNote = "closed by the stand-in: " + how.String()
	for _, r := range s.responses {
		r.halt()
	}
	// A peer that does not read shall not keep the session. Fails on closed sockets only.
	_ = s.conn.SetWriteDeadline(time.Now().Add(endingPatience))
	s.kick()
}

// endingPatience is how long the last words to a peer may take.
const endingPatience = 5 * time.Second

// arm sets the alarm to the next thing that is due. The caller holds mu.
func (s *session) arm() {
	next := s.pingAt
	for _, at := range []time.Time{s.expiresAt, s.idleAt, s.faults.at} {
		if !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	s.alarm.Reset(time.Until(next))
}

// wake does what is due.
func (s *session) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ending != nil || s.expiresAt.IsZero() {
		return
	}
	now := time.Now()
	if !now.Before(s.expiresAt) {
		s.expire()
		return
	}
	if !now.Before(s.pingAt) {
		s.out.ping()
		s.kick()
		s.pingAt = now.Add(pingEvery)
	}
	if !s.idleAt.IsZero() && !now.Before(s.idleAt) {
		s.idleAt = time.Time{}
		s.idleTimeout()
	}
	if at := s.faults.at; !at.IsZero() && !now.Before(at) {
		s.faults.at = time.Time{}
		s.strike()
	}
	s.arm()
}

func (s *session) expire() {
	e := invalid("session_expired", "", "Your session hit the maximum duration of 60 minutes.")
	s.fail(e, "")
	s.end(ending{code: int(websocket.StatusGoingAway), reason: e.message})
}
