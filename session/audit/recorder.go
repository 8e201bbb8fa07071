package audit

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"switchboard/session/contain"
)

const (
	waiting     = 4096 // entries that may wait for the log, of 3 KiB at most; usually 300 bytes
	atOnce      = 200  // entries that are appended in one call
	appendTime  = 5 * time.Second
	retryAfter  = time.Second
	parting     = 5 * time.Second // for what is left when the node stops
	warnedEvery = time.Minute
)

// Recorder appends the entries of one node to the log, behind the requests. While the log is
// unavailable they wait, up to a bound. Safe for many callers at once.
type Recorder struct {
	log    Log
	tell   func(context.Context, Entry)
	logger *slog.Logger
	bell   chan struct{} // holds one: something is pending

	mu sync.Mutex
	// Guarded by mu.
	pending []Entry
	lost    int64
	warned  time.Time
}

// NewRecorder returns one whose Run has to be called. tell is given every entry that was
// appended, with its ID; nil: nobody is.
func NewRecorder(l Log, tell func(context.Context, Entry), logger *slog.Logger) *Recorder {
	return &Recorder{log: l, tell: tell, logger: logger, bell: make(chan struct{}, 1)}
}

// Record has an entry appended soon. It never waits: beyond the bound, entries are counted as lost.
func (r *Recorder) Record(e Entry) {
	e.Bound()
	r.mu.Lock()
	full := len(r.pending) >= waiting
	if full {
		r.lost++
	} else {
		r.pending = append(r.pending, e)
	}
	warn := full && time.Since(r.warned) > warnedEvery
	if warn {
		r.warned = time.Now()
	}
	r.mu.Unlock()
	if warn {
		r.logger.Error("audit entries are lost: the log cannot be written", "waiting", waiting)
	}
	select {
	case r.bell <- struct{}{}:
	default:
	}
}

// Pending says how many entries wait to be appended, and how many were lost since the start.
func (r *Recorder) Pending() (pending int, lost int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pending), r.lost
}

// Run appends entries until ctx is done, then what is left.
func (r *Recorder) Run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-r.bell:
			r.flush(ctx)
		case <-ctx.Done():
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), parting)
	defer cancel()
	r.flush(last)
	if n, _ := r.Pending(); n > 0 {
		r.logger.Error("audit entries are lost: the node stops and the log cannot be written", "entries", n)
	}
}

// flush appends all that is pending, and tries again until it can.
func (r *Recorder) flush(ctx context.Context) {
	for {
		batch := r.next()
		if len(batch) == 0 {
			return
		}
		call := rand.Text()
		entries, err := r.append(ctx, call, batch)
		for ; err != nil; entries, err = r.append(ctx, call, batch) {
			r.logger.Warn("audit entries not written yet", "entries", len(batch), "err", err)
			select {
			case <-time.After(retryAfter):
			case <-ctx.Done():
				return // they are pending still
			}
		}
		r.done(len(batch))
		if r.tell != nil {
			for _, e := range entries {
				_ = contain.Do(r.logger, "audit", func() { r.tell(ctx, e) })
			}
		}
	}
}

func (r *Recorder) append(ctx context.Context, call string, batch []Entry) ([]Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, appendTime)
	defer cancel()
	return r.log.AppendAudit(ctx, call, batch)
}

// next returns the oldest pending entries, which stay pending until done.
func (r *Recorder) next() []Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Entry(nil), r.pending[:min(len(r.pending), atOnce)]...)
}

func (r *Recorder) done(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = append(r.pending[:0], r.pending[n:]...)
}
