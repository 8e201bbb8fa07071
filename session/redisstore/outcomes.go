package redisstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
	"switchboard/session/broadcast"
)

// BroadcastOutcomes lists what became of a broadcast, or of its withdrawal, by session
// ID; status "" lists all, limit 0 is 50, at most 1000. next goes into after for the next
// page, "" when there is none. ErrNotFound as Broadcast.
func (s *Store) BroadcastOutcomes(ctx context.Context, id string, withdrawn bool, status, after string, limit int) (page []broadcast.Outcome, next string, err error) {
	having := []string{status}
	switch {
	case !eventID.MatchString(id):
		return nil, "", session.ErrNotFound
	case status == "":
		having = statuses
	case !slices.Contains(statuses, status):
		return nil, "", &session.InvalidError{Field: "status", Detail: "is not the status of an outcome"}
	}
	from := "-"
	if after != "" {
		if !session.ID(after).Valid() {
			return nil, "", &session.InvalidError{Field: "after", Detail: "is not the next of a page"}
		}
		from = "(" + after
	}
	limit = min(cmp.Or(max(limit, 0), 50), 1000)
	pipe := s.client.TxPipeline()
	begun := pipe.XRange(ctx, logKey, id, id)
	lists := make([]*redis.StringSliceCmd, len(having))
	for i, status := range having {
		lists[i] = pipe.ZRangeArgs(ctx, redis.ZRangeArgs{
			Key: tallyKey(id, withdrawn, status), ByLex: true, Start: from, Stop: "+", Count: int64(limit) + 1,
		})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, "", fmt.Errorf("list outcomes of %s: %w", id, err)
	}
	if _, err := published(begun); err != nil {
		return nil, "", err
	}
	var ids []string
	for _, l := range lists {
		ids = append(ids, l.Val()...)
	}
	slices.Sort(ids)
	if len(ids) > limit {
		ids, next = ids[:limit], ids[limit-1]
	}
	page, err = s.outcomes(ctx, tallyKey(id, withdrawn, "outcomes"), ids, status)
	return page, next, err
}

// outcomes reads those of sessions, without those whose status is another one by now.
func (s *Store) outcomes(ctx context.Context, key string, ids []string, status string) ([]broadcast.Outcome, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	values, err := s.client.HMGet(ctx, key, ids...).Result()
	if err != nil {
		return nil, fmt.Errorf("read outcomes: %w", err)
	}
	var page []broadcast.Outcome
	for i, v := range values {
		value, ok := v.(string)
		if !ok {
			continue
		}
		o, err := parseOutcome(ids[i], value)
		if err != nil {
			return nil, err
		}
		if status == "" || o.Status == status {
			page = append(page, o)
		}
	}
	return page, nil
}

func parseOutcome(id, value string) (broadcast.Outcome, error) {
	status, rest, _ := strings.Cut(value, " ")
	at, reason, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return broadcast.Outcome{}, fmt.Errorf("read outcome of %s: %w", id, err)
	}
	return broadcast.Outcome{Session: session.ID(id), Status: status, Reason: reason, At: time.UnixMicro(n).UTC()}, nil
}
