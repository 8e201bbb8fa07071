package redisstore

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"switchboard/session"
	"switchboard/session/broadcast"
)

const (
	// outcomesKept is how many outcomes of one entry can be listed, about 300 bytes each.
	// Those beyond are counted, twice if they are reported twice.
	outcomesKept = 200_000
	reportStep   = 500 // outcomes in one script call
	reasonLength = 300 // bytes that are kept of a reason
)

// statuses are those an outcome can have.
var statuses = []string{
	broadcast.Applied, broadcast.Deferred, broadcast.Refused,
	broadcast.Ended, broadcast.Silent,
}

// Report implements [session.Broadcasts]. Outcomes may be reported again, after an error
// too: a session counts once, by its last. Matched adds up, once for each ID. A *session.InvalidError says that nothing was.
func (s *Store) Report(ctx context.Context, r broadcast.Report) error {
	if !eventID.MatchString(r.Broadcast) {
		return &session.InvalidError{Field: "broadcast", Detail: "is not the ID of a broadcast"}
	}
	pairs, err := pairOutcomes(r.Outcomes)
	if err != nil {
		return err
	}
	keys := []string{
		tallyKey(r.Broadcast, r.Withdrawn, "nodes"), tallyKey(r.Broadcast, r.Withdrawn, "counts"),
		tallyKey(r.Broadcast, r.Withdrawn, "outcomes"), saidKey(r.ID),
	}
	for _, status := range statuses {
		keys = append(keys, tallyKey(r.Broadcast, r.Withdrawn, status))
	}
	head := []any{s.forget.Milliseconds(), s.keep.Milliseconds(), s.outcomesKept, saidKept.Milliseconds(), r.Node}
	calls := []*call{{script: reportScript, keys: keys, args: append(head, r.Matched)}}
	for chunk := range slices.Chunk(pairs, 2*reportStep) {
		args := append(slices.Clone(head), 0)
		calls = append(calls, &call{script: reportScript, keys: keys, args: append(args, chunk...)})
	}
	if r.Matched == 0 {
		calls = calls[1:]
	}
	if err := s.run(ctx, calls); err != nil {
		return fmt.Errorf("report on broadcast %s: %w", r.Broadcast, err)
	}
	return nil
}

// BroadcastChange waits until the status of a broadcast is another one than was, and returns it.
// ErrNotFound as Broadcast. While it waits it holds a connection of its own.
func (s *Store) BroadcastChange(ctx context.Context, was broadcast.BroadcastStatus) (broadcast.BroadcastStatus, error) {
	found, err := follow(ctx, s, func() ([]broadcast.BroadcastStatus, error) {
		now, err := s.Broadcast(ctx, was.ID)
		if err != nil || reflect.DeepEqual(now, was) {
			return nil, err
		}
		return []broadcast.BroadcastStatus{now}, nil
	}, logKey, tallyKey(was.ID, false, "counts"), tallyKey(was.ID, true, "counts"))
	if err != nil {
		return broadcast.BroadcastStatus{}, err
	}
	return found[0], nil
}

// pairOutcomes makes the arguments of the script: sessions and their outcomes, each
// session but once, with its last.
func pairOutcomes(outcomes []broadcast.Outcome) ([]any, error) {
	pairs := make([]any, 0, 2*len(outcomes))
	place := make(map[session.ID]int, len(outcomes))
	for i, o := range outcomes {
		if !o.Session.Valid() || !slices.Contains(statuses, o.Status) {
			return nil, &session.InvalidError{Field: fmt.Sprintf("outcomes[%d]", i), Detail: "is not valid"}
		}
		if at, twice := place[o.Session]; twice {
			pairs[at+1] = formatOutcome(o)
			continue
		}
		place[o.Session] = len(pairs)
		pairs = append(pairs, string(o.Session), formatOutcome(o))
	}
	return pairs, nil
}

// formatOutcome writes "<status> <unix µs> <reason>".
func formatOutcome(o broadcast.Outcome) string {
	reason := o.Reason
	if len(reason) > reasonLength {
		reason = strings.ToValidUTF8(reason[:reasonLength], "")
	}
	return o.Status + " " + strconv.FormatInt(o.At.UnixMicro(), 10) + " " + reason
}
