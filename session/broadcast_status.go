package session

// BroadcastStatus is how far a broadcast has come.
type BroadcastStatus struct {
	Broadcast
	Tally
	Withdrawal *Tally `json:"withdrawal,omitempty"` // of its withdrawal; nil while it stands
}

// Tally counts what became of one entry of the log. Sessions that are yet to answer are
// in Matched and in no outcome.
type Tally struct {
	Matched  int            `json:"matched"`
	Nodes    map[string]int `json:"nodes,omitempty"`    // Matched by the node that reported it
	Outcomes map[string]int `json:"outcomes,omitempty"` // sessions by status
}
