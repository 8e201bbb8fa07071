package liveness

import "time"

// Times are the bounds that all nodes of a fleet share.
type Times struct {
	Beat  time.Duration // between two heartbeats
	Ask   time.Duration // a heartbeat unanswered for so long has the node ask its peers
	Fence time.Duration // a node relays for so long after it began its newest heartbeat
	Gone  time.Duration // an unchanged heartbeat is stale enough for a process that is provably gone
	Stale time.Duration // and for one that does not answer a probe
	Lease time.Duration // and for any; a node stops at 7/8 of it without Redis, whatever it was promised
}

// TimesOf derives all bounds from the two that are configured.
func TimesOf(beat, lease time.Duration) Times {
	return Times{
		Beat: beat, Ask: beat * 3 / 2, Fence: beat * 5 / 2, Gone: beat * 3,
		Stale: min(15*beat, lease*3/4), Lease: lease,
	}
}

// last is how long a node may relay after its newest contact with Redis of its own.
func (t Times) last() time.Duration { return t.Lease * 7 / 8 }
