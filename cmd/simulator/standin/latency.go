package standin

import (
	"math/bits"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// latencyBuckets covers microseconds up to 2^39 with eight buckets per doubling.
const latencyBuckets = 8 * 37

// latency counts load traffic and how long appends took from their sender to here.
// Everybody adds; a reader sees counts that are about, not exactly, of one moment.
type latency struct {
	appends, bytes, timed, deltas atomic.Int64
	sumUS, maxUS                  atomic.Int64
	buckets                       [latencyBuckets]atomic.Int64
}

// add counts an append. An event_id of event_<ns>, or event_<ns>_..., says when it was sent.
func (l *latency) add(eventID string, size int, arrived time.Time) {
	l.appends.Add(1)
	l.bytes.Add(int64(size))
	digits, ok := strings.CutPrefix(eventID, "event_")
	if !ok {
		return
	}
	digits, _, _ = strings.Cut(digits, "_")
	ns, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || len(digits) != len("1767233035000000000") {
		return
	}
	us := max(0, (arrived.UnixNano()-ns)/1000)
	l.timed.Add(1)
	l.sumUS.Add(us)
	for {
		top := l.maxUS.Load()
		if us <= top || l.maxUS.CompareAndSwap(top, us) {
			break
		}
	}
	l.buckets[bucketOf(us)].Add(1)
}

func bucketOf(us int64) int {
	if us < 8 {
		return int(us)
	}
	shift := bits.Len64(uint64(us)) - 4
	return min(8*shift+int(us>>shift), latencyBuckets-1)
}

// bucketEdge is the largest value of bucket i.
func bucketEdge(i int) int64 {
	if i < 16 {
		return int64(i)
	}
	shift := i/8 - 1
	return int64(i%8+8+1)<<shift - 1
}

type latencyBucket struct {
	UpToUS int64 `json:"le_us"`
	Count  int64 `json:"count"`
}

type latencyReport struct {
	Appends int64           `json:"appends"`
	Bytes   int64           `json:"append_bytes"`
	Timed   int64           `json:"timed"`
	P50     int64           `json:"p50_us"`
	P95     int64           `json:"p95_us"`
	P99     int64           `json:"p99_us"`
	Max     int64           `json:"max_us"`
	Mean    float64         `json:"mean_us"`
	Deltas  int64           `json:"deltas"`
	Buckets []latencyBucket `json:"buckets"`
}

func (l *latency) report() latencyReport {
	r := latencyReport{Appends: l.appends.Load(), Bytes: l.bytes.Load(), Max: l.maxUS.Load(), Deltas: l.deltas.Load(), Buckets: []latencyBucket{}}
	for i := range l.buckets {
		if n := l.buckets[i].Load(); n > 0 {
			r.Timed += n
			r.Buckets = append(r.Buckets, latencyBucket{bucketEdge(i), n})
		}
	}
	if r.Timed == 0 {
		return r
	}
	r.Mean = float64(l.sumUS.Load()) / float64(r.Timed)
	r.P50, r.P95, r.P99 = r.percentile(50), r.percentile(95), r.percentile(99)
	return r
}

func (r *latencyReport) percentile(p int64) int64 {
	var seen int64
	for _, b := range r.Buckets {
		if seen += b.Count; seen*100 >= r.Timed*p {
			return min(b.UpToUS, r.Max)
		}
	}
	return r.Max
}

func (l *latency) show(w http.ResponseWriter, _ *http.Request) { writeJSON(w, l.report()) }

func (l *latency) reset(w http.ResponseWriter, _ *http.Request) {
	for _, n := range []*atomic.Int64{&l.appends, &l.bytes, &l.timed, &l.deltas, &l.sumUS, &l.maxUS} {
		n.Store(0)
	}
	for i := range l.buckets {
		l.buckets[i].Store(0)
	}
	w.WriteHeader(http.StatusNoContent)
}
