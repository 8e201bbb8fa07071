package journal

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"switchboard/session"
	"switchboard/session/contain"
)

// Bounds of one write to the store.
const (
	journalBatch = 512
	applyTimeout = 5 * time.Second

	// journalPause is how long changes gather after a write, unless somebody waits for
	// them or an item is complete: versions of the same record become one.
	journalPause = 20 * time.Millisecond
)

// Journal writes changes to the store behind the event path, in order. Adding never
// waits. While the store is away it keeps the newest version of every record and item,
// and log events up to its limit; beyond it the oldest log events are let go and counted.
type Journal struct {
	store session.Store
	log   *slog.Logger
	limit int                              // bytes of log events that may wait
	stale func(id session.ID, epoch int64) // told of sessions whose epoch was refused
	wake  chan struct{}                    // holds one: there is something to write
	hurry chan struct{}                    // holds one: somebody waits for it
	retry func(attempt int) time.Duration

	mu sync.Mutex
	// Guarded by mu.
	pending []session.Change
	bytes   int            // of log events in pending
	newest  map[string]int // index in pending of a record's or item's version
	dropped int64
	added   int64 // changes ever added; written counts up to it
	written int64
	waiting []wait
	failing time.Time // since when the store has failed; zero: it works
}

// wait is for everything up to a number to be written.
type wait struct {
	upTo    int64
	done    func()
	patient bool // also while the store does not take writes
}

// New makes a journal that writes to store and holds at most limit bytes. Stale is told of sessions
// whose changes the store rejects as those of a former owner, with the epoch of that owner.
func New(store session.Store, log *slog.Logger, limit int, stale func(session.ID, int64)) *Journal {
	return &Journal{
		store: store, log: log, limit: limit, stale: stale,
		wake:   make(chan struct{}, 1),
		hurry:  make(chan struct{}, 1),
		newest: make(map[string]int),
		retry:  func(n int) time.Duration { return min(100*time.Millisecond<<min(n, 5), 2*time.Second) },
	}
}

// Add takes one change. What was said is written at once: a node that is killed takes
// along what is not.
func (j *Journal) Add(c session.Change) {
	j.put(c)
	ring(j.wake)
	if c.Item != nil && c.Item.Complete() {
		ring(j.hurry)
	}
}

// Backlog returns how many changes are not written yet, how many log events were dropped, and since
// when the store has refused writes (0: it works).
func (j *Journal) Backlog() (pending int, dropped int64, away time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.failing.IsZero() {
		away = time.Since(j.failing)
	}
	return int(j.added - j.written), j.dropped, away
}

func ring(waiting chan struct{}) {
	select {
	case waiting <- struct{}{}:
	default:
	}
}

// put adds a change, or puts it in the place of an older version.
func (j *Journal) put(c session.Change) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.added++
	if key := versionKey(c); key != "" {
		if i, ok := j.newest[key]; ok {
			if c.After == nil {
				c.After = j.pending[i].After
			}
			j.pending[i] = c
			return
		}
		j.newest[key] = len(j.pending)
	}
	if c.Removed != "" { // a later version of it must not move before its removal
		key := string(c.ID) + " " + c.Removed
		if i, ok := j.newest[key]; ok { // only its place is needed still, by what is behind it
			j.pending[i].Item = &session.Item{ID: c.Removed}
		}
		delete(j.newest, key)
	}
	j.pending = append(j.pending, c)
	if c.Event != nil {
		j.bytes += len(c.Event.Raw)
		j.makeRoomLocked()
	}
}

// versionKey names what a change is a version of; an event is a version of nothing.
func versionKey(c session.Change) string {
	switch {
	case c.Record != nil:
		return string(c.ID)
	case c.Item != nil:
		return string(c.ID) + " " + c.Item.ID
	}
	return ""
}

func (j *Journal) makeRoomLocked() {
	if j.bytes <= j.limit {
		return
	}
	j.pending = withoutSettled(j.pending)
	j.bytes = 0
	for _, c := range j.pending {
		if c.Event != nil {
			j.bytes += len(c.Event.Raw)
		}
	}
	j.pending = slices.DeleteFunc(j.pending, func(c session.Change) bool {
		if c.Event == nil || j.bytes <= j.limit*3/4 {
			return false
		}
		j.bytes -= len(c.Event.Raw)
		j.dropped++
		return true
	})
	clear(j.newest)
	for i, c := range j.pending {
		if key := versionKey(c); key != "" {
			j.newest[key] = i
		}
	}
}

// Run writes until ctx is done and then once more, so that nothing is left behind.
func (j *Journal) Run(ctx context.Context) {
	for {
		select {
		case <-j.wake:
			j.drain(ctx)
			j.pause(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTimeout)
			j.drain(last)
			cancel()
			return
		}
	}
}

func (j *Journal) pause(ctx context.Context) {
	select {
	case <-time.After(journalPause):
	case <-j.hurry:
	case <-ctx.Done():
	}
}

// drain writes all that waits, a batch at a time, and again until the store takes it.
func (j *Journal) drain(ctx context.Context) {
	for attempt := 0; ; {
		batch, upTo := j.take()
		if len(batch) == 0 {
			return
		}
		batch = withoutSettled(batch)
		for {
			err := j.apply(ctx, batch)
			if err == nil {
				attempt = 0
				break
			}
			j.fail(err)
			select {
			case <-ctx.Done():
				j.putBack(batch)
				return
			case <-time.After(j.retry(attempt)):
				attempt++
			}
		}
		j.wrote(upTo)
	}
}

func (j *Journal) apply(ctx context.Context, batch []session.Change) error {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	for part := range slices.Chunk(batch, journalBatch) {
		stale, err := j.write(ctx, part)
		var invalid *session.InvalidError
		if errors.As(err, &invalid) { // it would be refused for ever, and block the rest
			stale, err = j.applySingly(ctx, part)
		}
		if err != nil {
			return err
		}
		for _, id := range stale {
			j.stale(id, newestEpoch(part, id))
		}
	}
	return nil
}

// write applies a part of a batch. What makes the store panic is refused like what it cannot write.
func (j *Journal) write(ctx context.Context, part []session.Change) (stale []session.ID, err error) {
	if contain.Do(j.log, "store", func() { stale, err = j.store.Apply(ctx, part) }) != nil {
		return nil, &session.InvalidError{Field: "changes", Detail: "the store panicked"}
	}
	return stale, err
}

// newestEpoch is the one that the store compared with its own.
func newestEpoch(part []session.Change, id session.ID) (epoch int64) {
	for _, c := range part {
		if c.ID == id {
			epoch = max(epoch, c.Epoch)
		}
	}
	return epoch
}

// applySingly writes what can be written of a batch that has something in it that cannot.
func (j *Journal) applySingly(ctx context.Context, part []session.Change) (stale []session.ID, err error) {
	for i := range part {
		refused, err := j.write(ctx, part[i:i+1])
		var invalid *session.InvalidError
		if errors.As(err, &invalid) {
			j.log.Error("change cannot be written", "session", part[i].ID, "err", err)
			continue
		}
		if err != nil {
			return stale, err
		}
		stale = append(stale, refused...)
	}
	return stale, nil
}

func (j *Journal) take() ([]session.Change, int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	batch := j.pending
	j.pending, j.bytes = nil, 0
	clear(j.newest)
	return batch, j.added
}

// putBack returns a batch that could not be written to the front.
func (j *Journal) putBack(batch []session.Change) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pending = append(batch, j.pending...)
	clear(j.newest) // their places have changed; later versions are added behind
}

func (j *Journal) fail(err error) {
	j.mu.Lock()
	first := j.failing.IsZero()
	if first {
		j.failing = time.Now()
	}
	done := j.doneLocked(func(w wait) bool { return !w.patient })
	j.mu.Unlock()
	if first {
		j.log.Warn("store does not take writes; keeping them", "err", err)
	}
	done()
}

func (j *Journal) wrote(upTo int64) {
	j.mu.Lock()
	if !j.failing.IsZero() {
		j.log.Info("store takes writes again", "away", time.Since(j.failing).Round(time.Millisecond))
		j.failing = time.Time{}
	}
	j.written = upTo
	done := j.doneLocked(func(w wait) bool { return w.upTo <= upTo })
	j.mu.Unlock()
	done()
}

// doneLocked takes out those whose wait is over, and returns what tells them.
func (j *Journal) doneLocked(over func(wait) bool) (tell func()) {
	var told []wait
	j.waiting = slices.DeleteFunc(j.waiting, func(w wait) bool {
		if over(w) {
			told = append(told, w)
			return true
		}
		return false
	})
	return func() {
		for _, w := range told {
			w.done()
		}
	}
}

// AfterWrite has done called by the journal's goroutine once everything added before has
// been written, or the store has refused to. false: there is nothing to wait for.
func (j *Journal) AfterWrite(done func()) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failing.IsZero() && j.waitLocked(wait{done: done})
}

// waitLocked adds a wait for what was added so far; false if all of it is written.
func (j *Journal) waitLocked(w wait) bool {
	if j.written >= j.added {
		return false
	}
	w.upTo = j.added
	j.waiting = append(j.waiting, w)
	ring(j.hurry)
	return true
}

// Flush waits until everything added before has been written.
func (j *Journal) Flush(ctx context.Context) error {
	written := make(chan struct{})
	j.mu.Lock()
	waits := j.waitLocked(wait{done: func() { close(written) }, patient: true})
	j.mu.Unlock()
	if !waits {
		return nil
	}
	select {
	case <-written:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// withoutSettled removes deltas whose draft is settled later in the batch: nobody will read them.
func withoutSettled(batch []session.Change) []session.Change {
	type draft struct {
		id session.ID
		of string
	}
	settled := map[draft]int{} // where it is settled last
	for i, c := range batch {
		if c.Settled != "" {
			settled[draft{c.ID, c.Settled}] = i
		}
	}
	if len(settled) == 0 {
		return batch
	}
	left := batch[:0]
	for i, c := range batch {
		if c.Draft != "" && (i < settled[draft{c.ID, c.Draft}] || i < settled[draft{c.ID, session.AllDrafts}]) {
			continue
		}
		left = append(left, c)
	}
	clear(batch[len(left):])
	return left
}
