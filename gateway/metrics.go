package gateway

import (
	"runtime"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"switchboard/session/contain"
	"switchboard/session/hub"
	"switchboard/session/series"
	"switchboard/session/wire"
)

// stats is a Prometheus collector over the hub's numbers: nothing is counted twice.
type stats struct {
	hub     *hub.Hub
	numbers []number
}

// number is one metric and where it comes from.
type number struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(hub.Stats) float64
	with []string // values of the labels
}

func newStats(h *hub.Hub) *stats {
	s := &stats{hub: h}
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	one := func(name, help string, kind prometheus.ValueType, of func(hub.Stats) float64) {
		s.numbers = append(s.numbers, number{prometheus.NewDesc("switchboard_"+name, help, nil, nil), kind, of, nil})
	}
	both := func(name, help string, up, down func(hub.Stats) int64) {
		d := prometheus.NewDesc("switchboard_"+name, help, []string{"direction"}, nil)
		s.numbers = append(s.numbers,
			number{d, counter, func(v hub.Stats) float64 { return float64(up(v)) }, []string{"up"}},
			number{d, counter, func(v hub.Stats) float64 { return float64(down(v)) }, []string{"down"}})
	}
	one("sessions", "Sessions that run on this node.", gauge, func(v hub.Stats) float64 { return float64(v.Sessions) })
	one("clients", "Clients attached to this node.", gauge, func(v hub.Stats) float64 { return float64(v.Clients) })
	one("listeners", "Operators who listen to sessions of this node.", gauge, func(v hub.Stats) float64 { return float64(v.Listeners) })
	one("listener_events_dropped_total", "Audio events that listeners lost because they were too slow.", counter, func(v hub.Stats) float64 { return float64(v.ListenDropped) })
	both("events_total", "Events relayed: up to the upstream, down to the clients.",
		func(v hub.Stats) int64 { return v.EventsUp }, func(v hub.Stats) int64 { return v.EventsDown })
	both("event_bytes_total", "Bytes of the events relayed.",
		func(v hub.Stats) int64 { return v.BytesUp }, func(v hub.Stats) int64 { return v.BytesDown })
	both("events_dropped_total", "Audio events let go: up because the upstream did not take them, down because their response was cancelled.",
		func(v hub.Stats) int64 { return v.DroppedUp }, func(v hub.Stats) int64 { return v.DroppedDown })
	one("events_refused_total", "Client events refused by policy, form or rate.", counter, func(v hub.Stats) float64 { return float64(v.Refused) })
	one("upstreams_replaced_total", "Upstreams that another took the place of while the session went on.", counter, func(v hub.Stats) float64 { return float64(v.Renewals) })
	one("config_fields_dropped_total", "Fields of a session's configuration that its next upstream refused.", counter, func(v hub.Stats) float64 { return float64(v.Dropped) })
	one("sessions_handed_over_total", "Sessions given to other nodes when this one stopped.", counter, func(v hub.Stats) float64 { return float64(v.HandedOver) })
	one("sessions_claimed_total", "Sessions taken over from nodes that were lost.", counter, func(v hub.Stats) float64 { return float64(v.Claimed) })
	one("notices_lost_total", "Notices of sessions let go because nobody took them.", counter, func(v hub.Stats) float64 { return float64(v.NoticesLost) })
	dropped := prometheus.NewDesc("switchboard_conversation_dropped_total", "Items that conversations let go of to stay within their limits, and those whose images they did.", []string{"kind"}, nil)
	s.numbers = append(s.numbers,
		number{dropped, counter, func(v hub.Stats) float64 { return float64(v.Content.Items) }, []string{"item"}},
		number{dropped, counter, func(v hub.Stats) float64 { return float64(v.Content.Images) }, []string{"image"}})
	one("broadcast_entries_total", "Broadcasts and withdrawals that this node's sessions were told.", counter, func(v hub.Stats) float64 { return float64(v.Entries) })
	one("broadcast_write_seconds_total", "Time in which they were written to the upstreams of all sessions concerned.", counter, func(v hub.Stats) float64 { return v.EntryTime.Seconds() })
	one("events_garbage_total", "Messages of the upstream's that were no events.", counter, func(v hub.Stats) float64 { return float64(v.Garbage) })
	one("panics_total", "Panics contained: each ended one session, request, item or connection, and is in the log.", counter, func(hub.Stats) float64 { return float64(contain.Panics()) })
	one("clients_slow_total", "Clients let go because they stayed behind.", counter, func(v hub.Stats) float64 { return float64(v.SlowClients) })
	one("sessions_opened_total", "Sessions opened on this node.", counter, func(v hub.Stats) float64 { return float64(v.Opened) })
	ends := prometheus.NewDesc("switchboard_sessions_ended_total", "Sessions that ended on this node: as asked or as their limits say, or because they could not go on.", []string{"outcome"}, nil)
	s.numbers = append(s.numbers,
		number{ends, counter, func(v hub.Stats) float64 { return float64(v.Ended) }, []string{"ended"}},
		number{ends, counter, func(v hub.Stats) float64 { return float64(v.Failed) }, []string{"failed"}})
	one("responses_total", "Responses that ended.", counter, func(v hub.Stats) float64 { return float64(v.Responses) })
	one("response_tokens_total", "Tokens of responses.", counter, func(v hub.Stats) float64 { return float64(v.Tokens) })
	errs := prometheus.NewDesc("switchboard_upstream_errors_total", "Errors of the upstream's by what they mean.", []string{"class"}, nil)
	for class, name := range []string{"benign", "turn", "session", "account"} {
		s.numbers = append(s.numbers, number{errs, counter, func(v hub.Stats) float64 { return float64(v.Errors[class]) }, []string{name}})
	}
	one("journal_pending", "Changes not yet written to the store.", gauge, func(v hub.Stats) float64 { return float64(v.JournalPending) })
	one("journal_dropped_total", "Log events let go while the store was away.", counter, func(v hub.Stats) float64 { return float64(v.JournalDropped) })
	one("store_away_seconds", "Since when the store has refused writes; 0 when it works.", gauge, func(v hub.Stats) float64 { return v.StoreAway.Seconds() })
	one("cost_unknown_total", "Responses and transcriptions of models without a price.", counter, func(v hub.Stats) float64 { return float64(v.Costs.Unknown) })
	one("lease_age_seconds", "Since the newest heartbeat that succeeded; it keeps all leases of this node.", gauge, func(v hub.Stats) float64 { return v.HeartbeatAge.Seconds() })
	one("nodes_declared_dead_total", "Other nodes that this node declared dead.", counter, func(v hub.Stats) float64 { return float64(v.Declared) })
	return s
}

func largeBytes(q *wire.Quota) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "switchboard_large_message_bytes", Help: "Memory for client messages over 256 KiB that arrive or are being relayed.",
	}, func() float64 { held, _ := q.Load(); return float64(held) })
}

func largeWaiting(q *wire.Quota) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "switchboard_large_messages_waiting", Help: "Client messages over 256 KiB that wait for memory or for the rate of their API key.",
	}, func() float64 { _, waiting := q.Load(); return float64(waiting) })
}

// buildInfo is the usual constant gauge: its labels say which build runs here.
func buildInfo(version string) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "switchboard_build_info", Help: "Always 1; the labels name the build that runs on this node.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	g.Set(1)
	return g
}

// What this node's sessions have cost. There are as many values as models with a price, API keys
// and, of the labels that the configuration names, 1,000 each.
var (
	costOfModel = prometheus.NewDesc("switchboard_cost_usd_total", "What responses and transcriptions cost, by model.", []string{"model"}, nil)
	costOfKey   = prometheus.NewDesc("switchboard_key_cost_usd_total", "What responses and transcriptions cost, by API key.", []string{"key"}, nil)
	costOfLabel = prometheus.NewDesc("switchboard_label_cost_usd_total", "What responses and transcriptions cost, by the labels of --cost-labels.", []string{"label", "value"}, nil)
)

func collectCosts(out chan<- prometheus.Metric, costs hub.Costs) {
	put := func(d *prometheus.Desc, usd float64, with ...string) {
		for i := range with {
			with[i] = strings.ToValidUTF8(with[i], "\uFFFD")
		}
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, usd, with...)
	}
	for model, usd := range costs.Models {
		put(costOfModel, usd, model)
	}
	for key, usd := range costs.Keys {
		put(costOfKey, usd, key)
	}
	for label, values := range costs.Labels {
		for value, usd := range values {
			put(costOfLabel, usd, label, value)
		}
	}
}

// Durations of this node.
var (
	firstAudio  = prometheus.NewDesc("switchboard_time_to_first_audio_seconds", "From the end of what the user said, or a request for a response, to its first audio.", nil, nil)
	commandTime = prometheus.NewDesc("switchboard_command_seconds", "Until the upstream had acknowledged or refused a command.", nil, nil)
	relayDelay  = prometheus.NewDesc("switchboard_relay_delay_seconds", "From reading an upstream's event to writing it to the clients, of every 32nd event.", nil, nil)
	renewalGap  = prometheus.NewDesc("switchboard_renewal_gap_seconds", "In which a session had no upstream when another took the place of one; 0 if that was planned.", nil, nil)
)

func collectDurations(out chan<- prometheus.Metric, d hub.Durations) {
	for desc, c := range map[*prometheus.Desc]series.Counts{firstAudio: d.FirstAudio, commandTime: d.Command, relayDelay: d.Relay, renewalGap: d.Gap} {
		buckets, total := make(map[float64]uint64, len(series.Bounds)), uint64(0)
		for i, bound := range series.Bounds {
			total += uint64(c.Buckets[i])
			buckets[bound] = total
		}
		out <- prometheus.MustNewConstHistogram(desc, uint64(c.Total()), c.Sum.Seconds(), buckets)
	}
}

// Describe implements prometheus.Collector.
func (s *stats) Describe(out chan<- *prometheus.Desc) {
	for _, n := range s.numbers {
		out <- n.desc
	}
	out <- costOfModel
	out <- costOfKey
	out <- costOfLabel
	for _, d := range []*prometheus.Desc{firstAudio, commandTime, relayDelay, renewalGap} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (s *stats) Collect(out chan<- prometheus.Metric) {
	v := s.hub.Stats()
	for _, n := range s.numbers {
		out <- prometheus.MustNewConstMetric(n.desc, n.kind, n.of(v), n.with...)
	}
	collectCosts(out, v.Costs)
	collectDurations(out, v.Durations)
}
