package redisstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session/series"
)

// seriesKey names what nodes did in one interval. Each interval has a hash tag of its own, so
// that the intervals are spread over a cluster.
func seriesKey(step series.Step, begin time.Time) string {
	unit := "h"
	if step == series.Minute {
		unit = "m"
	}
	return "gw:{ts:" + unit + strconv.FormatInt(begin.Unix()/60, 10) + "}:nodes"
}

// PutSample implements [series.Store].
func (s *Store) PutSample(ctx context.Context, step series.Step, at time.Time, node string, sample series.Sample) error {
	body, err := json.Marshal(sample)
	if err != nil {
		return fmt.Errorf("store sample: %w", err)
	}
	key := seriesKey(step, step.Begin(at))
	pipe := s.client.TxPipeline()
	pipe.HSet(ctx, key, node, body)
	pipe.PExpire(ctx, key, step.Kept())
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("store sample: %w", err)
	}
	return nil
}

// Samples implements [series.Store]. It is one round trip.
func (s *Store) Samples(ctx context.Context, step series.Step, from, to time.Time) ([]series.Interval, error) {
	var intervals []series.Interval
	var answers []*redis.MapStringStringCmd
	pipe := s.client.Pipeline()
	for begin := step.Begin(from); !begin.After(to); begin = begin.Add(time.Duration(step)) {
		intervals = append(intervals, series.Interval{Begin: begin, Nodes: map[string]series.Sample{}})
		answers = append(answers, pipe.HGetAll(ctx, seriesKey(step, begin)))
	}
	if len(answers) == 0 {
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("read samples: %w", err)
	}
	for i, a := range answers {
		for node, body := range a.Val() {
			var sample series.Sample
			if err := json.Unmarshal([]byte(body), &sample); err != nil {
				return nil, fmt.Errorf("read sample of %s: %w", node, err)
			}
			intervals[i].Nodes[node] = sample
		}
	}
	return intervals, nil
}
