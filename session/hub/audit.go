package hub

import (
	"cmp"
	"errors"

	"switchboard/session"
	"switchboard/session/broadcast"
	"switchboard/session/realtime"
)

// logOnly reports whether an event is for the log and those who follow it, not for clients.
func logOnly(typ string) bool {
	switch typ {
	case realtime.TypCommand, realtime.TypEnded, realtime.TypWhisper, realtime.TypClient:
		return true
	}
	return false
}

// Who ended a session that no API key has ended.
const (
	EndedByClient = "client" // the caller
	EndedByLimit  = "limit"  // a limit was reached
	EndedByServer = "server" // the gateway or the upstream could not go on
)

// Ending is how a session is ended on request. The zero value is an end by the gateway itself.
type Ending struct {
	By     string // name of the API key that asked, or EndedByClient
	Reason string // for the record; "": a plain one
	Told   string // to the clients; "": the reason
}

// requested is the reason of a session that was ended on request.
type requested struct{ Ending }

// Error is for the record.
func (r *requested) Error() string { return cmp.Or(r.Reason, "ended on request") }

// told is for the clients.
func (r *requested) told() string { return cmp.Or(r.Told, r.Error()) }

// endedBy says who ended a session, by the reason of its end.
func endedBy(reason error) string {
	var asked *requested
	var limit *session.LimitError
	switch {
	case errors.As(reason, &asked):
		return cmp.Or(asked.By, EndedByServer)
	case errors.As(reason, &limit):
		return EndedByLimit
	}
	return EndedByServer
}

// Command is what somebody did to a session that its upstream has acknowledged.
type Command struct {
	Name      string   `json:"command"`                // update, message, function_result, cancel, commit, clear, renew, broadcast, withdraw
	By        string   `json:"by"`                     // name of the API key
	Item      string   `json:"item_id,omitempty"`      // that was added
	Fields    []string `json:"fields,omitempty"`       // that were changed
	Broadcast string   `json:"broadcast_id,omitempty"` // that was applied or withdrawn
}

// Note writes into the session's log who has done something to it.
func (c *Controller) Note(cmd Command) {
	s := c.lock()
	defer s.unlock()
	if c.state == stateOpen && !c.frozen {
		s.note(cmd)
	}
}

func (c *held) note(cmd Command) {
	c.logEvent(realtime.TypCommand, realtime.Marshal(struct {
		Type    string `json:"type"`
		EventID string `json:"event_id"`
		Command
	}{realtime.TypCommand, session.NewID(realtime.OwnPrefix), cmd}))
}

// logEnd writes the last event of the log. All readers are gone: what the upstream sent while its
// connection was closed is in the log before it.
func (c *held) logEnd() {
	c.logEvent(realtime.TypEnded, realtime.Marshal(realtime.Object{
		"type": realtime.TypEnded, "event_id": session.NewID(realtime.OwnPrefix), "reason": reasonText(c.reason), "ended_by": endedBy(c.reason),
	}))
}

// noteEntry notes that the upstream has acknowledged a broadcast, or its withdrawal.
func (c *held) noteEntry(e broadcast.Entry) {
	cmd := Command{Name: "broadcast", By: e.Broadcast.By, Broadcast: e.Broadcast.ID}
	if e.Withdrawn {
		cmd.Name, cmd.By = "withdraw", e.Broadcast.WithdrawnBy
	}
	c.note(cmd)
}

// noteClient writes into the log that a client came or left, unless the log is at its end or has
// moved to another node.
func (c *held) noteClient(action string) {
	if c.state != stateOpen || c.frozen {
		return
	}
	c.logEvent(realtime.TypClient, realtime.Marshal(realtime.Object{
		"type": realtime.TypClient, "event_id": session.NewID(realtime.OwnPrefix), "action": action, "clients": len(c.clients),
	}))
}
