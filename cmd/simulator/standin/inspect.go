package standin

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// SessionState is what tests and people see of a session.
type SessionState struct {
	ID             string            `json:"id"`
	ConversationID string            `json:"conversation_id"`
	Kind           string            `json:"kind"` // "realtime" or "transcription"
	Model          string            `json:"model"`
	Key            string            `json:"key"` // its first characters
	OpenedAt       int64             `json:"opened_at"`
	OpenedNS       int64             `json:"opened_ns"` // the same in Unix nanoseconds
	Closed         bool              `json:"closed"`
	Close          string            `json:"close"`                 // how it ended
	Config         json.RawMessage   `json:"config"`                // the session object, as in session.updated
	LastUpdate     json.RawMessage   `json:"last_update,omitempty"` // session of the last accepted session.update
	Items          []json.RawMessage `json:"items"`                 // in conversation order
	ActiveResponse string            `json:"active_response"`
	Responses      int               `json:"responses"` // begun ever
	Received       received          `json:"received"`
	Sent           sent              `json:"sent"`
}

type sent struct {
	Events int   `json:"events"`
	Bytes  int64 `json:"bytes"`
}

// Text is what the conversation says, a line "role: text" for each message and a line
// for each call and output, for tests that look for a phrase.
func (st SessionState) Text() string {
	var lines []string
	for _, raw := range st.Items {
		var it struct {
			Role, Name, Arguments, Output string
			Content                       []struct{ Text, Transcript string }
		}
		if json.Unmarshal(raw, &it) != nil {
			continue
		}
		line := it.Role + it.Name + ":"
		for _, p := range it.Content {
			line += " " + p.Text + p.Transcript
		}
		lines = append(lines, line+it.Arguments+it.Output)
	}
	return strings.Join(lines, "\n")
}

func (s *session) state() SessionState {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := SessionState{
		ID: s.id, ConversationID: s.conv.id, Kind: s.config.Type, Model: s.config.Model, Key: s.key, OpenedAt: s.openedAt.Unix(), OpenedNS: s.openedAt.UnixNano(),
		Closed: s.closed, Close: s.closeNote, LastUpdate: s.lastUpdate, Items: []json.RawMessage{}, Responses: s.count,
		Received: s.received, Sent: sent{s.out.events, s.out.bytes},
	}
	// Both are made of types that always encode.
	st.Config, _ = marshal(s.config.view())
	for _, it := range s.conv.items {
		raw, _ := marshal(it)
		st.Items = append(st.Items, raw)
	}
	if s.active != nil {
		st.ActiveResponse = s.active.id
	}
	return st
}

// States tells of every live session, oldest first, behind the last closed ones if asked for.
func (srv *Server) States(closed bool) []SessionState {
	srv.mu.Lock()
	live := make([]*session, 0, len(srv.sessions))
	for _, s := range srv.sessions {
		live = append(live, s)
	}
	states := []SessionState{}
	if closed {
		states = append(states, srv.closed...)
	}
	srv.mu.Unlock()
	slices.SortFunc(live, func(a, b *session) int { return a.openedAt.Compare(b.openedAt) })
	for _, s := range live {
		states = append(states, s.state())
	}
	return states
}

// State tells of one session, live or among the last closed.
func (srv *Server) State(id string) (SessionState, bool) {
	for _, st := range srv.States(true) {
		if st.ID == id {
			return st, true
		}
	}
	return SessionState{}, false
}

func (srv *Server) listSessions(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, struct {
		Live     int            `json:"live"`
		Sessions []SessionState `json:"sessions"`
	}{srv.Sessions(), srv.States(r.URL.Query().Get("closed") != "")})
}

func (srv *Server) showSession(w http.ResponseWriter, r *http.Request) {
	st, ok := srv.State(r.PathValue("id"))
	if !ok {
		notFound(w, r)
		return
	}
	writeJSON(w, st)
}
