package queue_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"switchboard/session/redisstore/redistest"
	"switchboard/webhooks/queue"
)

// What Redis pays for a group of deliveries: µs of its own CPU for each, by the size of the group.
func BenchmarkAdd(b *testing.B) {
	body := []byte(`{"type":"batch.completed","data":{"pad":"` + strings.Repeat("x", 600) + `"}}`)
	for _, size := range []int{1, 16, 64} {
		b.Run(fmt.Sprint("group=", size), func(b *testing.B) {
			server := redistest.Start(b)
			o, err := redis.ParseURL("redis://" + server.Addr)
			if err != nil {
				b.Fatal(err)
			}
			rdb := redis.NewClient(o)
			defer rdb.Close()
			rdb.ConfigSet(b.Context(), "appendonly", "no")
			q := queue.New(rdb, "bench", queue.Options{})
			group := make([]queue.Item, size)
			n := 0
			before := cpu(b, rdb)
			for b.Loop() {
				for i := range group {
					n++
					group[i] = queue.Item{ID: fmt.Sprintf("wh_kept_%d_%d", n%64, n), Topic: "batch.completed", Origin: queue.FromOpenAI, Body: body}
				}
				if _, err := q.Add(b.Context(), group...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((cpu(b, rdb)-before)*1e6/float64(n), "redis-µs/item")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/item")
		})
	}
}

// cpu is how many seconds of it Redis has used.
func cpu(b *testing.B, rdb *redis.Client) (seconds float64) {
	for line := range strings.Lines(rdb.Info(b.Context(), "cpu").Val()) {
		var s float64
		if n, _ := fmt.Sscanf(line, "used_cpu_sys:%f", &s); n == 1 {
			seconds += s
		}
		if n, _ := fmt.Sscanf(line, "used_cpu_user:%f", &s); n == 1 {
			seconds += s
		}
	}
	return seconds
}
