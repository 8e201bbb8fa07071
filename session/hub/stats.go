package hub

import (
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"switchboard/session"
)

// counters are a node's sums, touched on the event path.
type counters struct {
	EventsUp, EventsDown          atomic.Int64
	BytesUp, BytesDown            atomic.Int64
	DroppedUp, DroppedDown        atomic.Int64
	Refused, Garbage              atomic.Int64
	Clients, SlowClients          atomic.Int64
	Claimed, Renewals, HandedOver atomic.Int64
	Declared                      atomic.Int64
	NoticesLost                   atomic.Int64
	Listeners, ListenDropped      atomic.Int64
	FieldsDropped                 atomic.Int64
	DroppedImages, DroppedItems   atomic.Int64
	Entries, EntryTime            atomic.Int64 // of the broadcasts' log; ns
	Errors                        [4]atomic.Int64
	Opened, Ended, Failed         atomic.Int64
	Responses, Tokens             atomic.Int64
	measures
}

// Stats are numbers of one node for metrics and readiness. All but Sessions, Clients and
// the journal's pending ones are sums since the start.
type Stats struct {
	Sessions      int
	Clients       int64
	EventsUp      int64 // client events relayed to upstreams
	EventsDown    int64 // upstream events relayed to clients
	BytesUp       int64
	BytesDown     int64
	DroppedUp     int64           // appends let go because an upstream did not take them
	DroppedDown   int64           // audio deltas of cancelled responses let go
	Refused       int64           // client events refused
	Renewals      int64           // upstreams replaced under a session that went on
	HandedOver    int64           // sessions given to other nodes
	Claimed       int64           // sessions taken over from nodes that were lost
	Declared      int64           // nodes that this node declared dead
	NoticesLost   int64           // notices let go because nobody took them
	Listeners     int64           // that listen in now
	ListenDropped int64           // audio events that listeners lost because they stayed behind
	Dropped       int64           // fields of a configuration that the next upstream refused
	Content       session.Dropped // what was dropped of conversations to keep them within their limits
	Entries       int64           // broadcasts and withdrawals that the sessions here were told
	Garbage       int64           // upstream messages that were no events
	SlowClients   int64           // clients let go because they stayed behind
	Opened        int64           // sessions that were opened here
	Ended         int64           // sessions that ended here as somebody asked, or as their limits say
	Failed        int64           // sessions that ended here because they could not go on
	Responses     int64           // responses that ended
	Tokens        int64           // of responses
	Errors        [4]int64        // upstream errors by Class

	Durations

	EntryTime      time.Duration // in which the upstreams of all sessions concerned were written
	JournalPending int           // changes not yet written
	JournalDropped int64         // log events let go while the store was away
	StoreAway      time.Duration // since when the store has refused writes; 0: it works
	HeartbeatAge   time.Duration // since the newest heartbeat that succeeded
	Costs          Costs
}

// Stats returns the numbers as they are now.
func (h *Hub) Stats() Stats {
	n := &h.node.stats
	s := Stats{
		Clients: n.Clients.Load(), EventsUp: n.EventsUp.Load(), EventsDown: n.EventsDown.Load(),
		BytesUp: n.BytesUp.Load(), BytesDown: n.BytesDown.Load(),
		DroppedUp: n.DroppedUp.Load(), DroppedDown: n.DroppedDown.Load(),
		Refused: n.Refused.Load(), Garbage: n.Garbage.Load(), SlowClients: n.SlowClients.Load(), Renewals: n.Renewals.Load(), HandedOver: n.HandedOver.Load(), Claimed: n.Claimed.Load(), NoticesLost: n.NoticesLost.Load(), Listeners: n.Listeners.Load(), ListenDropped: n.ListenDropped.Load(), Dropped: n.FieldsDropped.Load(),
		Content: session.Dropped{Images: n.DroppedImages.Load(), Items: n.DroppedItems.Load()},
		Entries: n.Entries.Load(), EntryTime: time.Duration(n.EntryTime.Load()), Declared: n.Declared.Load(), HeartbeatAge: h.node.pulse.age(),
	}
	s.Opened, s.Ended, s.Failed = n.Opened.Load(), n.Ended.Load(), n.Failed.Load()
	s.Responses, s.Tokens, s.Durations = n.Responses.Load(), n.Tokens.Load(), n.measures.read()
	for i := range s.Errors {
		s.Errors[i] = n.Errors[i].Load()
	}
	h.mu.Lock()
	s.Sessions = len(h.running)
	s.Costs = h.costs.clone()
	h.mu.Unlock()
	s.JournalPending, s.JournalDropped, s.StoreAway = h.node.journal.Backlog()
	return s
}

// Models names the models of the sessions that run here, each once.
func (h *Hub) Models() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := map[string]bool{}
	for _, c := range h.running {
		if model := c.spec.Model; model != "" {
			seen[model] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// count sorts an error that kept a session from opening.
func (n *node) count(err error) {
	var refused *session.UpstreamError
	if errors.As(err, &refused) {
		n.stats.Errors[refused.Class()].Add(1)
	}
}
