package session

// Snapshot is all there is to a session, on its way to the node that runs it on.
type Snapshot struct {
	Record  Record              `json:"record"`
	Items   []Item              `json:"items"`
	History [][]byte            `json:"history"`           // the last events that clients were sent, to the byte
	Seq     int64               `json:"seq,omitempty"`     // number of the last of them
	Era     string              `json:"era,omitempty"`     // that the number belongs to; never empty
	Floor   int64               `json:"floor,omitempty"`   // before this number something is missing
	Cut     bool                `json:"cut,omitempty"`     // the first of all events is not among them
	Audio   map[string][]string `json:"audio,omitempty"`   // base64 of what the user said that has no words, by item ID
	Tail    [][]byte            `json:"tail,omitempty"`    // input audio that is not yet an item
	Waiting [][]byte            `json:"waiting,omitempty"` // client events that no upstream was sent
	LogID   string              `json:"log_id,omitempty"`  // of the log's last entry
	Wanted  bool                `json:"wanted,omitempty"`  // a response is to be asked for
}
