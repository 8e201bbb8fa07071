package standin

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Faults are what the stand-in does wrong on purpose. The zero value does nothing wrong.
// Times are milliseconds. An action (close, reset, stall, garbage, unknown or big event)
// strikes once per connection: when AfterEvents server events were sent or AfterMS have
// passed, whichever is first, or right behind session.created if neither is set.
type Faults struct {
	Connections int `json:"connections,omitempty" help:"Only the next N connections get the faults; 0 means all."`

	HandshakeStatus int `json:"handshake_status,omitempty" help:"Answer the handshake with this HTTP status and an OpenAI error."`
	AcceptDelayMS   int `json:"accept_delay_ms,omitempty" help:"Wait this long before the handshake is answered."`

	Reject      string `json:"reject,omitempty" help:"Send an error with this code instead of session.created, then close."`
	RejectClose int    `json:"reject_close,omitempty" help:"Close code for --fault-reject (default 4000); alone, close with it at once, without an error event."`

	RESTStatus int `json:"rest_status,omitempty" help:"Answer REST requests with this HTTP status and an OpenAI error."`
	RESTEvery  int `json:"rest_every,omitempty" help:"Only every N-th REST request gets --fault-rest-status."`

	AfterEvents int `json:"after_events,omitempty" help:"Strike after this many server events."`
	AfterMS     int `json:"after_ms,omitempty" help:"Strike this long after session.created."`

	CloseCode    int    `json:"close_code,omitempty" help:"Strike: close with this code."`
	CloseReason  string `json:"close_reason,omitempty" help:"Reason to go with --fault-close-code."`
	Reset        bool   `json:"reset,omitempty" help:"Strike: reset the TCP connection."`
	Vanish       bool   `json:"vanish,omitempty" help:"Strike: end the TCP connection without a close frame."`
	StallRead    bool   `json:"stall_read,omitempty" help:"Strike: stop reading until the faults are cleared; pings are not answered."`
	StallWrite   bool   `json:"stall_write,omitempty" help:"Strike: stop writing until the faults are cleared."`
	Garbage      bool   `json:"garbage,omitempty" help:"Strike: send a text frame that is not JSON."`
	UnknownEvent bool   `json:"unknown_event,omitempty" help:"Strike: send an event of a type that nobody knows."`
	BigEvent     int    `json:"big_event,omitempty" help:"Strike: send a rate_limits.updated of about this many bytes."`

	DuplicateEvery int    `json:"duplicate_every,omitempty" help:"Send every N-th event twice."`
	DelayMS        int    `json:"delay_ms,omitempty" help:"Hold back what is written by this long."`
	SessionLifeMS  int    `json:"session_life_ms,omitempty" help:"Expire sessions after this long."`
	FailResponse   string `json:"fail_response,omitempty" help:"Responses fail with this code in status_details, such as rate_limit_exceeded."`

	FailTranscription string `json:"fail_transcription,omitempty" help:"Transcriptions of input audio fail with this code, such as audio_unintelligible."`
}

func (f *Faults) strikes() bool {
	return f.CloseCode != 0 || f.Reset || f.Vanish || f.StallRead || f.StallWrite || f.Garbage || f.UnknownEvent || f.BigEvent > 0
}

// faultState is one connection's faults. The session's mu guards all but the atomics.
type faultState struct {
	Faults
	at     time.Time // when to strike; zero: not by time
	events int
	struck bool

	stallRead, stallWrite atomic.Bool
	delay                 atomic.Int64
}

// set replaces the faults and starts their clocks.
func (f *faultState) set(faults Faults, now time.Time) {
	f.Faults, f.at, f.events, f.struck = faults, time.Time{}, 0, false
	f.stallRead.Store(false)
	f.stallWrite.Store(false)
	f.delay.Store(int64(faults.DelayMS) * int64(time.Millisecond))
	if !f.strikes() {
		return
	}
	if f.AfterMS > 0 {
		f.at = now.Add(time.Duration(f.AfterMS) * time.Millisecond)
	} else if f.AfterEvents == 0 {
		f.AfterEvents = 1
	}
}

// copies is how often the next event is sent.
func (f *faultState) copies() int {
	if n := f.DuplicateEvery; n > 0 && (f.events+1)%n == 0 {
		return 2
	}
	return 1
}

// sent counts an event and reports whether it is time to strike.
func (f *faultState) sent() bool {
	f.events++
	return !f.struck && f.AfterEvents > 0 && f.events >= f.AfterEvents && f.strikes()
}

// beforeWrite holds a write back as the faults ask; false means that the socket is gone.
func (f *faultState) beforeWrite(lost <-chan struct{}) bool {
	if d := time.Duration(f.delay.Load()); d > 0 && !pause(d, lost) {
		return false
	}
	return held(&f.stallWrite, lost)
}

// beforeRead blocks while reading is stalled; false means that the socket is gone.
func (f *faultState) beforeRead(lost <-chan struct{}) bool { return held(&f.stallRead, lost) }

func held(stalled *atomic.Bool, lost <-chan struct{}) bool {
	for stalled.Load() {
		if !pause(20*time.Millisecond, lost) {
			return false
		}
	}
	return true
}

func pause(d time.Duration, lost <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-lost:
		return false
	}
}

// strike does the connection's action. The caller holds mu.
func (s *session) strike() {
	f := s.faults
	f.struck, f.at = true, time.Time{}
	if f.Garbage {
		s.post([]byte(`{"type":"response.output_text.delta","event_id":` + "\u0000garbage"))
	}
	if f.UnknownEvent {
		s.emit("simulator.unknown_event", struct {
			Note string `json:"note"`
		}{"no client knows this type"})
	}
	if f.BigEvent > 0 {
		s.emit("rate_limits.updated", struct {
			RateLimits  []rateLimit `json:"rate_limits"`
			Obfuscation string      `json:"obfuscation"`
		}{s.memory.limits(time.Now()), strings.Repeat("x", f.BigEvent)})
	}
	f.stallRead.Store(f.StallRead)
	f.stallWrite.Store(f.StallWrite)
	switch {
	case f.Reset:
		s.end(ending{reset: true})
	case f.Vanish:
		s.end(ending{drop: true, reason: "fault"})
	case f.CloseCode != 0:
		s.end(ending{code: f.CloseCode, reason: f.CloseReason})
	}
}

// beforeHandshake delays or refuses the upgrade; false means it was answered.
func (f *faultState) beforeHandshake(w http.ResponseWriter, r *http.Request) bool {
	if f.AcceptDelayMS > 0 && !pause(time.Duration(f.AcceptDelayMS)*time.Millisecond, r.Context().Done()) {
		return false
	}
	if f.HandshakeStatus == 0 {
		return true
	}
	writeFault(w, f.HandshakeStatus)
	return false
}

// writeFault answers with a status as the API does on a bad day.
func writeFault(w http.ResponseWriter, status int) {
	e := &apiError{kind: "server_error", message: http.StatusText(status)}
	switch status {
	case http.StatusTooManyRequests:
		e = &apiError{kind: "rate_limit_error", code: "slow_down", message: "Too many requests. Please slow down."}
		w.Header().Set("Retry-After", "1")
	case http.StatusServiceUnavailable:
		e = &apiError{kind: "server_error", code: "server_is_overloaded", message: "The server is currently overloaded. Please try again later."}
		w.Header().Set("Retry-After", "1")
	case http.StatusUnauthorized:
		e = errNoKey()
	case http.StatusForbidden:
		e = invalid("model_not_found", "", "Project does not have access to the model.")
	}
	writeError(w, status, e)
}

// failsREST reports whether a REST request is to be answered with the fault's status, and with which.
func (srv *Server) failsREST() (status int, fails bool) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.faults.RESTStatus == 0 {
		return 0, false
	}
	srv.requested++
	return srv.faults.RESTStatus, srv.requested%max(srv.faults.RESTEvery, 1) == 0
}

// rejection is the refusal that the faults ask for.
func (f *faultState) rejection() *refusal {
	if f.Reject == "" && f.RejectClose == 0 {
		return nil
	}
	refused := &refusal{code: f.RejectClose}
	if f.Reject != "" {
		refused.err = invalid(f.Reject, "", "Refused by a fault: %s.", f.Reject)
		if f.RejectClose == 0 {
			refused.code = 4000
		}
	}
	return refused
}

// takeFaults gives a new connection its faults.
func (srv *Server) takeFaults() *faultState {
	state := &faultState{}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if n := srv.faults.Connections; n > 0 && srv.faulted >= n {
		return state
	}
	srv.faulted++
	state.set(srv.faults, time.Now())
	return state
}

// SetFaults sets the faults of the connections that follow and, with live, restarts
// those that are open with them.
func (srv *Server) SetFaults(faults Faults, live bool) {
	srv.mu.Lock()
	srv.faults, srv.faulted, srv.requested = faults, 0, 0
	var open []*session
	if live {
		for _, s := range srv.sessions {
			open = append(open, s)
		}
	}
	srv.mu.Unlock()
	for _, s := range open {
		s.mu.Lock()
		s.faults.set(faults, time.Now())
		if faults.SessionLifeMS > 0 {
			s.expiresAt = time.Now().Add(time.Duration(faults.SessionLifeMS) * time.Millisecond)
		}
		s.arm()
		s.mu.Unlock()
	}
}

func (srv *Server) showFaults(w http.ResponseWriter, _ *http.Request) {
	srv.mu.Lock()
	faults := srv.faults
	srv.mu.Unlock()
	writeJSON(w, faults)
}

func (srv *Server) setFaults(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Faults
		Live bool `json:"live"`
	}
	if !readFaults(w, r, &body) {
		return
	}
	srv.SetFaults(body.Faults, body.Live)
	writeJSON(w, body.Faults)
}

func (srv *Server) clearFaults(w http.ResponseWriter, _ *http.Request) {
	srv.SetFaults(Faults{}, true)
	w.WriteHeader(http.StatusNoContent)
}
