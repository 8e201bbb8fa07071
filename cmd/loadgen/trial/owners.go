package trial

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"switchboard/cmd/loadgen/endpoint"
)

// owners is the history of who ran which session, as the upstreams saw it.
type owners struct {
	upstreams int
	changes   int
	overlaps  []string
}

// historyOf looks at every session's upstreams in the order in which they were opened.
// One that was fed after another node had begun to feed the next had an owner too many.
// Upstreams of one node may overlap: a renewal prepares the next while the present goes on.
func historyOf(c *crowd, all []observed) (h owners) {
	for _, cl := range c.clients {
		var mine []observed
		for _, u := range all {
			if u.of(cl.session.ID) && u.Received.Events > 0 {
				mine = append(mine, u)
			}
		}
		slices.SortFunc(mine, func(a, b observed) int { return cmp.Compare(a.OpenedNS, b.OpenedNS) })
		h.upstreams += len(mine)
		h.compare(cl.session.ID, mine)
	}
	return h
}

func (h *owners) compare(session string, mine []observed) {
	for i, next := range mine {
		if i > 0 && nodeOf(mine[i-1].Key) != nodeOf(next.Key) {
			h.changes++
		}
		for _, before := range mine[:i] {
			if nodeOf(before.Key) != nodeOf(next.Key) && before.last().After(next.first()) {
				h.overlaps = append(h.overlaps, fmt.Sprintf("%s: node %s fed %s until %s, node %s fed %s from %s", session,
					nodeOf(before.Key), before.ID, before.last().Format(clockTime),
					nodeOf(next.Key), next.ID, next.first().Format(clockTime)))
			}
		}
	}
}

// epochWatch looks at the epochs in Redis again and again: of the lease, and of the last
// write that was kept.
type epochWatch struct {
	address string
	ids     []string
	newest  map[string]int64 // by key
	looks   int
	wrong   []string
}

func newEpochWatch(address string, c *crowd) *epochWatch {
	w := &epochWatch{address: address, newest: make(map[string]int64)}
	for _, cl := range c.clients {
		w.ids = append(w.ids, cl.session.ID)
	}
	return w
}

// watch looks until ctx ends. While Redis is away there is nothing to see.
func (w *epochWatch) watch(ctx context.Context) {
	logging.Disable() // each look at a Redis that is away would be a line
	client := redis.NewClient(&redis.Options{Addr: w.address, MaxRetries: -1, ReadTimeout: time.Second, DialTimeout: time.Second})
	defer client.Close()
	for endpoint.Sleep(ctx, 100*time.Millisecond) == nil {
		pipe := client.Pipeline()
		for _, id := range w.ids {
			pipe.Get(ctx, "gw:{s:"+id+"}:epoch")
			pipe.HGet(ctx, "gw:{s:"+id+"}:record", "body")
		}
		answers, err := pipe.Exec(ctx)
		if err == nil {
			w.look(answers)
		}
	}
}

func (w *epochWatch) look(answers []redis.Cmder) {
	w.looks++
	for i, id := range w.ids {
		epoch, _ := strconv.ParseInt(answers[2*i].(*redis.StringCmd).Val(), 10, 64)
		var record struct{ Epoch int64 }
		_ = json.Unmarshal([]byte(answers[2*i+1].(*redis.StringCmd).Val()), &record) // 0 is older than any
		w.see(id+"'s epoch", epoch)
		w.see(id+"'s record", record.Epoch)
	}
}

func (w *epochWatch) see(what string, epoch int64) {
	if newest := w.newest[what]; epoch < newest {
		w.wrong = append(w.wrong, fmt.Sprintf("%s was %d and is %d", what, newest, epoch))
	}
	w.newest[what] = epoch
}
