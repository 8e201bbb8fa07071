package lab

import (
	"switchboard/cmd/loadgen/load"
)

// bound is one row of the budget (docs/benchmarks.md): a figure, and how high it may be.
type bound struct {
	name     string
	scenario string
	limit    float64
	goal     float64
	of       func(rs load.Results, target string) *float64
}

// Names of the contenders that others are held against.
const (
	nameDirect  = "direct"
	nameNginx   = "nginx"
	nameGateway = "gateway"
	nameBase    = "base"
)

var budget = []bound{
	{"CPU per event, with VAD, × nginx", "vad", 1.9, 1.4, overNginx(load.PerEvent)},
	{"CPU per event, push-to-talk, × nginx", "ptt", 1.9, 1.4, overNginx(load.PerEvent)},
	{"added p50, with VAD, × nginx's", "vad", 1.3, 1.0, addedOverNginx(load.P50)},
	{"added p99, with VAD, × nginx's", "vad", 1.7, 1.0, addedOverNginx(load.P99)},
	{"CPU per event, 100 ms deltas flat out, × nginx", "down", 1.2, 1.0, overNginx(load.PerEvent)},
	{"CPU per event, 20 ms appends flat out, × nginx", "up", 4, 2, overNginx(load.PerEvent)},
	{"KiB per live session, /v1/realtime", "vad", 128, 40, medianBy(load.PerSession)},
	{"KiB per live session, resumable", "resumable", 512, 128, medianBy(load.PerSession)},
	{"p99 of 500 sessions, × nginx", "many500", 2, 1.2, overNginx(load.P99)},
	{"p99 of 2,000 sessions, × nginx", "many2000", 2.5, 1.2, overNginx(load.P99)},
	{"p99 of 4,000 sessions, × nginx", "many4000", 3, 1.2, overNginx(load.P99)},
	{"KiB per idle session, both legs", "idle", 20, 10, medianBy(load.PerSession)},
	{"errors and lost sessions, with VAD", "vad", 0, 0, wrong},
	{"errors and lost sessions, push-to-talk", "ptt", 0, 0, wrong},
	{"errors and lost sessions, resumable", "resumable", 0, 0, wrong},
	{"errors and lost sessions, 10,000 sessions", "many10000", 0, 0, wrong},
	{"errors and lost sessions, deltas flat out", "down", 0, 0, wrong},
	{"errors and lost sessions, appends flat out", "up", 0, 0, wrong},
	{"errors and lost sessions, idle", "idle", 0, 0, wrong},
}

// medianBy is the figure itself.
func medianBy(f load.Reads) func(load.Results, string) *float64 {
	return func(rs load.Results, target string) *float64 { return rs.Median(target, f) }
}

// met tells whether a figure is within the bound; one that is missing is not.
func (b bound) met(x *float64) bool { return x != nil && *x <= b.limit }

func overNginx(f load.Reads) func(load.Results, string) *float64 {
	return func(rs load.Results, target string) *float64 { return load.Median(rs.Ratios(target, nameNginx, f)) }
}

// addedOverNginx relates what the target adds to direct's latency to what nginx adds,
// in the same round.
func addedOverNginx(f load.Reads) func(load.Results, string) *float64 {
	return func(rs load.Results, target string) *float64 {
		return load.Median(rs.Ratios(target, nameNginx, rs.AddedOver(nameDirect, f)))
	}
}

// wrong counts over all rounds together what must not happen once: a session that was
// refused or lost, and an error event, for which a gateway that refuses its load would be cheap.
func wrong(rs load.Results, target string) *float64 {
	own := rs.Of(target)
	if len(own) == 0 {
		return nil
	}
	var sum int
	for _, w := range own {
		for _, n := range w.Troubles {
			sum += n
		}
	}
	return new(float64(sum))
}
