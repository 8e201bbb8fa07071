package webhooks

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/webhooks/queue"
)

// countTime bounds how long a reader of the metrics waits for Redis.
const countTime = time.Second

// inboxSize tells how many events the inbox has, by their state. They are counted in Redis
// when somebody asks, so that every node says the same; while Redis is away none does.
type inboxSize struct {
	count  func(ctx context.Context) (queue.Counts, error)
	events *prometheus.Desc
}

// Metrics is a collector of the inbox's numbers, for a registry of the caller's.
func (s *Server) Metrics() prometheus.Collector {
	return &inboxSize{s.inbox.Count, prometheus.NewDesc("switchboard_inbox_events",
		"Events in the inbox, of all nodes: kept are all of them, waiting is to be handled, dead was given up, discarded was given up and needs nobody.", []string{"state"}, nil)}
}

// Describe implements prometheus.Collector.
func (z *inboxSize) Describe(out chan<- *prometheus.Desc) { out <- z.events }

// Collect implements prometheus.Collector.
func (z *inboxSize) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countTime)
	defer cancel()
	n, err := z.count(ctx)
	if err != nil {
		return // the other numbers tell that the store is away
	}
	for state, n := range map[string]int64{"kept": n.All, "waiting": n.Waiting, "dead": n.Dead, "discarded": n.Discarded} {
		out <- prometheus.MustNewConstMetric(z.events, prometheus.GaugeValue, float64(n), state)
	}
}
