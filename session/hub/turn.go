package hub

import (
	"time"

	"switchboard/session/realtime"
)

// turn is the state of the session's responses, guarded by the controller's lock. One
// response of the conversation is active at most; out-of-band ones (conversation
// "none") do not count.
type turn struct {
	active    string    // ID of the active response, "" for none
	begun     int64     // responses of the conversation that have begun
	wanted    bool      // the application asked for a response; it is due when the active one ends
	answered  bool      // a function call of the active one was answered; one is due when it ends, if all are
	requested time.Time // when a response was last asked for that has not begun; zero: none
	awaited   time.Time // when the active one was asked for, until it is heard; zero: nobody knows, or it was heard
	speaking  bool      // the upstream hears the user speak
	produced  bool      // the active response has sent something that can be heard or read

	rates map[string]int // bytes of audio a second of responses that have another format than the session
}

// ratesKept is of how many responses the format is known: those out of band may be many.
const ratesKept = 64

// pace notes how many bytes of a response's audio make a second.
func (t *turn) pace(response string, rate int) {
	if t.rates == nil || len(t.rates) >= ratesKept {
		t.rates = make(map[string]int, 1)
	}
	t.rates[response] = rate
}

// endsWith reports whether the end of a response is that of the active one. One that cannot
// be told from it is: a session that waits for an end that came already waits for ever.
func (t *turn) endsWith(r realtime.Response) bool {
	if t.active == "" || r.Apart && r.ID != t.active {
		return false
	}
	return r.ID == t.active || r.ID == "" || t.active == realtime.Unnamed
}

// cancel notes that nobody wants the response any more, whatever becomes of it.
func (t *turn) cancel() {
	t.wanted, t.answered, t.produced, t.requested = false, false, true, time.Time{}
}

// due reports whether a response was asked for a moment ago that has not begun.
func (t *turn) due(now time.Time) bool { return now.Sub(t.requested) <= requestWait }

// owed reports whether a response has to be asked for of another upstream, if this one is lost.
func (t *turn) owed(now time.Time) bool {
	if t.active == "" {
		return t.wanted || t.due(now)
	}
	return t.wanted || t.answered || !t.produced
}

// requestWait is how long a response that was asked for may take to begin.
const requestWait = 5 * time.Second
