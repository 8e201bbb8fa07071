package session

import (
	"encoding/json"
	"fmt"
)

// SnapshotVersion is the version of the snapshots of this release. It grows when an older node
// would lose something of a session by ignoring the fields that it does not know.
const SnapshotVersion = 2

// Snapshot is all there is to a session, on its way to the node that runs it on.
type Snapshot struct {
	Version int                 `json:"version,omitempty"` // of the release that made it; 0: before there were versions
	Record  Record              `json:"record"`
	Items   []Item              `json:"items"`
	History [][]byte            `json:"history"`           // the last events that clients were sent, to the byte
	Seq     int64               `json:"seq,omitempty"`     // number of the last of them
	Era     string              `json:"era,omitempty"`     // that the number belongs to; never empty
	Floor   int64               `json:"floor,omitempty"`   // before this number something is missing
	Edge    string              `json:"edge,omitempty"`    // event_id of the last event before them, if a client may have seen it last
	Cut     bool                `json:"cut,omitempty"`     // the first of all events is not among them
	Audio   map[string][]string `json:"audio,omitempty"`   // base64 of what the user said that has no words, by item ID
	Tail    [][]byte            `json:"tail,omitempty"`    // input audio that is not yet an item
	Waiting [][]byte            `json:"waiting,omitempty"` // client events that no upstream was sent
	LogID   string              `json:"log_id,omitempty"`  // of the log's last entry
	Wanted  bool                `json:"wanted,omitempty"`  // a response is to be asked for
}

// ParseSnapshot reads a snapshot. *InvalidError "version": a later release made it, and its session
// is to be claimed from the store instead.
func ParseSnapshot(raw []byte) (Snapshot, error) {
	var head struct {
		Version int `json:"version"`
	}
	var s Snapshot
	if err := json.Unmarshal(raw, &head); err != nil {
		return s, fmt.Errorf("snapshot: %w", err)
	}
	if head.Version > SnapshotVersion {
		return s, &InvalidError{Field: "version", Detail: fmt.Sprintf("is %d; this node reads snapshots up to version %d", head.Version, SnapshotVersion)}
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("snapshot: %w", err)
	}
	return s, nil
}
