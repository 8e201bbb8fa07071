package trial

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"switchboard/cmd/loadgen/endpoint"
)

// ownEvents begins the event_id of what one client alone is sent: greetings, refusals.
const ownEvents = "event_at_"

// heard is one event of a stream.
type heard struct {
	id, kind string
	sum      uint64 // of its bytes
	at       time.Time
}

// stream is what a client put together of a session over all its connections.
type stream struct {
	mu sync.Mutex
	// Guarded by mu.
	events   []heard // without the client's own
	seen     map[string]bool
	last     string // what the client says it saw last
	repeats  int
	resets   int
	reset    renewal // the last of them
	fresh    int     // events since then
	refusals map[string]int
	renewals []renewal
	answers  map[string]*reply // by response
	active   string            // response
	items    []told
	silence  time.Duration // longest time between two events of a response, on one connection
	newest   time.Time     // when the last event of this connection came
}

// renewal is a switchboard.session.renewed.
type renewal struct {
	reason string
	at     time.Time
}

// reply is a response as the client heard it.
type reply struct {
	status string
	deltas int // of audio
}

// told is an item that the client was told is complete.
type told struct {
	id       string
	previous string // its previous_item_id
	at       time.Time
}

func newStream() *stream {
	return &stream{seen: make(map[string]bool), refusals: make(map[string]int), answers: make(map[string]*reply)}
}

var sumSeed = maphash.MakeSeed()

// add takes the next event of the present connection.
func (s *stream) add(message []byte, now time.Time) {
	kind, id := kindOf(gjson.GetBytes(message, "type").Str), gjson.GetBytes(message, "event_id").Str
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pause(now)
	if kind == "session.created" && s.last != "" {
		return // greets one who comes back, before what was missed
	}
	s.last = id
	switch {
	case kind == "error" && strings.HasPrefix(id, ownEvents):
		s.refusals[endpoint.ReasonOf(message)]++
		return
	case kind == "switchboard.session.reset":
		s.resets++
		s.reset, s.fresh = renewal{kind, now}, 0
		s.active = ""
		return
	case strings.HasPrefix(id, ownEvents):
		return
	case s.seen[id]:
		s.repeats++
	}
	s.seen[id] = true
	s.fresh++
	s.events = append(s.events, heard{id, kind, maphash.Bytes(sumSeed, message), now})
	s.follow(kind, message, now)
}

// kinds are the few types there are: kept once instead of with every event.
var kinds sync.Map

func kindOf(kind string) string {
	kept, _ := kinds.LoadOrStore(kind, kind)
	return kept.(string)
}

// pause measures how long a response was silent.
func (s *stream) pause(now time.Time) {
	if s.active != "" && !s.newest.IsZero() {
		s.silence = max(s.silence, now.Sub(s.newest))
	}
	s.newest = now
}

// follow notes what the event says of responses and items.
func (s *stream) follow(kind string, message []byte, now time.Time) {
	switch kind {
	case "response.output_audio.delta":
		s.answer(gjson.GetBytes(message, "response_id").Str).deltas++
	case "response.created":
		s.active = gjson.GetBytes(message, "response.id").Str
		s.answer(s.active)
	case "response.done":
		s.active = ""
		s.answer(gjson.GetBytes(message, "response.id").Str).status = gjson.GetBytes(message, "response.status").Str
	case "switchboard.session.renewed":
		s.renewals = append(s.renewals, renewal{gjson.GetBytes(message, "reason").Str, now})
	case "conversation.item.done":
		if gjson.GetBytes(message, "item.status").Str == "completed" {
			s.items = append(s.items, told{gjson.GetBytes(message, "item.id").Str, gjson.GetBytes(message, "previous_item_id").Str, now})
		}
	}
}

func (s *stream) answer(response string) *reply {
	a := s.answers[response]
	if a == nil {
		a = &reply{}
		s.answers[response] = a
	}
	return a
}

// cut notes that the connection is gone, and returns what to come back with.
func (s *stream) cut() (last string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = time.Time{}
	return s.last
}

// lastSeen is the event_id of the last event.
func (s *stream) lastSeen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// backSince reports when the session went on after t: with the word that another upstream
// took over, or, for a client that missed it, with the present state and an event behind it.
func (s *stream) backSince(t time.Time) (at time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.renewals {
		if r.at.After(t) {
			return r.at, true
		}
	}
	return s.reset.at, s.reset.at.After(t) && s.fresh > 0
}

// quiet reports whether no response is under way and nothing was heard for d.
func (s *stream) quiet(d time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active == "" && time.Since(s.newest) > d
}

// count is how many responses ended with a status.
func (s *stream) count(status string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.answers {
		if a.status == status {
			n++
		}
	}
	return n
}

// short lists the completed responses that do not have so many deltas of audio.
func (s *stream) short(deltas int) (wrong []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, a := range s.answers {
		if a.status == "completed" && a.deltas != deltas {
			wrong = append(wrong, fmt.Sprintf("%s has %d of %d deltas", id, a.deltas, deltas))
		}
	}
	return wrong
}

// all is a copy of what was heard.
func (s *stream) all() []heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// differs says where part, which begins somewhere in whole, departs from it; "" nowhere.
// Both end at the same event.
func differs(whole, part []heard) string {
	if len(part) == 0 {
		return "nothing was heard"
	}
	from := indexOf(whole, part[0].id)
	if from < 0 {
		return fmt.Sprintf("begins with %s, which was not sent", part[0])
	}
	whole = whole[from:]
	for i := range min(len(whole), len(part)) {
		switch {
		case whole[i].id != part[i].id:
			return fmt.Sprintf("event %d: %s in the place of %s", i, part[i], whole[i])
		case whole[i].sum != part[i].sum:
			return fmt.Sprintf("event %d: %s has other bytes", i, part[i])
		}
	}
	if len(whole) != len(part) {
		return fmt.Sprintf("%d events were sent, %d heard", len(whole), len(part))
	}
	return ""
}

func indexOf(events []heard, id string) int {
	return slices.IndexFunc(events, func(h heard) bool { return h.id == id })
}

// String is for the report of what went wrong.
func (h heard) String() string { return h.kind + " " + h.id }
