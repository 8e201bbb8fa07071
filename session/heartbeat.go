package session

import "context"

// Heartbeat is what a node writes several times a second to show that one incarnation of it,
// one life of its process, is alive. It keeps all of that incarnation's leases alive.
type Heartbeat struct {
	Incarnation string `json:"incarnation"`
	Node        Node   `json:"node"`    // a [Member] has only its URL
	Counter     int64  `json:"counter"` // grows with each attempt
	Acked       int64  `json:"acked"`   // counter of the newest one whose answer the node has seen
	Seen        int64  `json:"seen"`    // generation of the fleet in that answer
	Joined      int64  `json:"joined"`  // generation that began when this incarnation joined; 0: it has not
}

// Member is the newest heartbeat of an incarnation, as the fleet knows it.
type Member struct {
	Heartbeat
	Dead bool // it was declared dead, or has left: its leases may be seized
}

// Census is the answer to a heartbeat, all of one moment.
type Census struct {
	Dead       bool  // the sender was declared dead: nothing was written
	Joined     int64 // generation at which the sender joined; a new one if the fleet did not know it
	Previous   int64 // the sender's counter before; 0: unknown. Less than it was: the fleet has lost data
	Generation int64 // grows whenever an incarnation joins
	Members    []Member
}

// Heartbeats is where nodes see that the others are alive. Every method is one atomic step.
type Heartbeats interface {
	// Beat writes a heartbeat and returns what the fleet knows.
	Beat(ctx context.Context, b Heartbeat) (Census, error)

	// Declare marks m dead if its counter is still m.Counter, it is not dead yet and by, the
	// incarnation that declares it, is not dead either. false: it is not so.
	Declare(ctx context.Context, by string, m Heartbeat) (bool, error)
}
