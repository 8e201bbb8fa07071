package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
	"switchboard/session/broadcast"
)

// Broadcast returns how far a broadcast has come; ErrNotFound if the log does not have
// it. It is one short round trip: asking several times a second is fine.
func (s *Store) Broadcast(ctx context.Context, id string) (broadcast.BroadcastStatus, error) {
	if !eventID.MatchString(id) {
		return broadcast.BroadcastStatus{}, session.ErrNotFound
	}
	pipe := s.client.TxPipeline()
	begun := pipe.XRange(ctx, logKey, id, id)
	end := pipe.HGet(ctx, withdrawnKey, id)
	own := readTally(ctx, pipe, id, false)
	withdrawal := readTally(ctx, pipe, id, true)
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return broadcast.BroadcastStatus{}, fmt.Errorf("read broadcast %s: %w", id, err)
	}
	b, err := published(begun)
	if err != nil {
		return broadcast.BroadcastStatus{}, err
	}
	status := broadcast.BroadcastStatus{Broadcast: b}
	if end.Err() == nil {
		setWithdrawn(&status.Broadcast, end.Val())
		t, err := withdrawal()
		if err != nil {
			return broadcast.BroadcastStatus{}, err
		}
		status.Withdrawal = &t
	}
	status.Tally, err = own()
	return status, err
}

// published is the broadcast that an entry began; ErrNotFound if there is none, or the
// entry is a withdrawal.
func published(begun *redis.XMessageSliceCmd) (session.Broadcast, error) {
	if len(begun.Val()) == 0 {
		return session.Broadcast{}, session.ErrNotFound
	}
	e, err := parseEntry(begun.Val()[0])
	if err == nil && e.Withdrawn {
		err = session.ErrNotFound
	}
	return e.Broadcast, err
}

// readTally has a pipeline read the counts of an entry; what it returns is for after.
func readTally(ctx context.Context, pipe redis.Pipeliner, id string, withdrawn bool) func() (broadcast.Tally, error) {
	nodes := pipe.HGetAll(ctx, tallyKey(id, withdrawn, "nodes"))
	counts := pipe.HGetAll(ctx, tallyKey(id, withdrawn, "counts"))
	return func() (broadcast.Tally, error) {
		t := broadcast.Tally{Nodes: map[string]int{}, Outcomes: map[string]int{}}
		for node, value := range nodes.Val() {
			n, err := strconv.Atoi(value)
			if err != nil {
				return t, fmt.Errorf("read tally of %s: %w", id, err)
			}
			t.Nodes[node] = n
			t.Matched += n
		}
		for status, value := range counts.Val() {
			n, err := strconv.Atoi(value)
			if err != nil {
				return t, fmt.Errorf("read tally of %s: %w", id, err)
			}
			if n > 0 {
				t.Outcomes[status] = n
			}
		}
		return t, nil
	}
}
