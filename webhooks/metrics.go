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

// newHandling measures how long events of the inbox take to be handled, subscribers included.
func newHandling() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "switchboard_webhook_handling_seconds", Help: "Time in which one attempt to handle an event of the inbox ended.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
	})
}

// collectors are several as one.
type collectors []prometheus.Collector

// Describe implements prometheus.Collector.
func (all collectors) Describe(out chan<- *prometheus.Desc) {
	for _, c := range all {
		c.Describe(out)
	}
}

// Collect implements prometheus.Collector.
func (all collectors) Collect(out chan<- prometheus.Metric) {
	for _, c := range all {
		c.Collect(out)
	}
}

// Metrics collects the inbox's numbers, for a registry of the caller's.
func (s *Server) Metrics() prometheus.Collector {
	size := &inboxSize{s.inbox.Count, prometheus.NewDesc("switchboard_inbox_events",
		"Events in the inbox, of all nodes: kept are all of them, waiting is to be handled, dead was given up, discarded was given up and needs nobody.", []string{"state"}, nil)}
	return collectors{size, s.handling}
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
