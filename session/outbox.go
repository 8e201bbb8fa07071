package session

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// errBehind ends a connection whose peer takes less than it is sent.
var errBehind = errors.New("peer stayed behind for longer than its limit")

// outbox is what waits to be written to one connection. Its fields are guarded by the
// controller's lock; its one goroutine runs only while the socket does not take more.
//
// While the socket takes what it is given, frames pass by reference and nothing is kept.
type outbox struct {
	conn  Conn
	lock  sync.Locker
	limit int           // bytes that may wait
	stall time.Duration // how long the socket may refuse
	doubt func() bool   // says, under the lock, that nothing may be written any more
	guard func(func())  // runs the flusher, and contains its panics

	queue   []queued
	source  func() []byte // makes what is sent once all before it was taken; nil: there is nothing
	bytes   int
	kept    bool      // the connection holds frames back for one write
	stalled time.Time // since when the socket has refused; zero: it takes
	held    bool      // nothing may be written now
	closed  bool
	flushes bool // the flusher runs
	flusher sync.WaitGroup
	dropped *atomic.Int64 // events of audio that were let go
}

// queued is a frame that waits. audio marks what may be dropped: input audio, or the
// output audio of response.
type queued struct {
	frame    Frame
	audio    bool
	response string
	sent     int   // to so many upstreams that did not answer
	after    int64 // if it was sent before: its place in the tail
}

// send writes or queues one event without waiting. With more set the caller will send or
// settle again before it reads over f. errBehind: the peer is too slow to keep.
func (o *outbox) send(f Frame, audio bool, response []byte, more bool) error {
	if o.closed {
		return nil
	}
	if o.stalled.IsZero() {
		return o.write(f, more)
	}
	if o.full() {
		return errBehind
	}
	o.push(queued{frame: NewFrame(f.Payload()), audio: audio, response: string(response)})
	if !o.held && time.Since(o.stalled) > o.stall {
		return errBehind
	}
	return nil
}

func (o *outbox) push(q queued) {
	o.queue = append(o.queue, q)
	o.bytes += len(q.frame.Raw)
}

// settle writes out what was kept back by send with more.
func (o *outbox) settle() error {
	if !o.kept || o.closed || o.held {
		return nil
	}
	return o.write(Frame{}, false)
}

func (o *outbox) write(f Frame, more bool) error {
	taken, err := o.conn.Write(f, more)
	o.kept = more && taken
	if err != nil || taken {
		return err
	}
	o.stalled = time.Now()
	o.startFlush()
	return nil
}

func (o *outbox) startFlush() {
	o.flushes = true
	o.flusher.Go(func() { o.guard(o.flush) })
}

// flush empties the queue at the socket's pace and ends when all is written.
func (o *outbox) flush() {
	for o.flushed(o.conn.Flush()) {
	}
}

// flushed writes what the socket takes, and reports whether there is more to flush.
func (o *outbox) flushed(err error) bool {
	o.lock.Lock()
	defer o.lock.Unlock()
	// Of an error the reader of this connection will see why.
	o.flushes = err == nil && !o.closed && !o.held && !o.doubt() && !o.next()
	return o.flushes
}

// next writes from the queue until the socket refuses (false) or nothing is left (true).
func (o *outbox) next() bool {
	for o.refill() {
		q := o.queue[0]
		o.queue[0] = queued{}
		o.queue = o.queue[1:]
		o.bytes -= len(q.frame.Raw)
		taken, err := o.conn.Write(q.frame, false)
		if err != nil {
			o.stalled = time.Time{}
			return true
		}
		if !taken {
			o.stalled = time.Now()
			return false
		}
	}
	o.queue, o.stalled = nil, time.Time{}
	return true
}

// refill reports whether there is something to write: what waits, or what the source makes.
func (o *outbox) refill() bool {
	if len(o.queue) == 0 && o.source != nil {
		if event := o.source(); event != nil {
			o.push(queued{frame: NewFrame(event)})
		} else {
			o.source = nil
		}
	}
	return len(o.queue) > 0
}

// follow sends what source makes until that is nil, each once the one before was taken.
func (o *outbox) follow(source func() []byte) {
	o.source = source
	if o.stalled.IsZero() && !o.next() {
		o.startFlush()
	}
}

// drop lets go of waiting audio that nobody will hear: that of response, or with an
// empty response the oldest until the queue is within its limit. All else stays.
func (o *outbox) drop(response string) {
	if len(o.queue) == 0 {
		return
	}
	kept := o.queue[:0]
	for _, q := range o.queue {
		stale := q.audio && (response != "" && q.response == response || response == "" && o.bytes > o.limit)
		if !stale {
			kept = append(kept, q)
			continue
		}
		o.bytes -= len(q.frame.Raw)
		o.dropped.Add(1)
	}
	clear(o.queue[len(kept):])
	o.queue = kept
}

// takeBack lets go of an event that waits; false if none does that has this ID.
func (o *outbox) takeBack(eventID string) bool {
	i := slices.IndexFunc(o.queue, func(q queued) bool {
		return !q.audio && bytes.Contains(q.frame.Payload(), []byte(eventID))
	})
	if i < 0 {
		return false
	}
	o.bytes -= len(o.queue[i].frame.Raw)
	o.queue = slices.Delete(o.queue, i, i+1)
	return true
}

// full reports whether more waits than may.
func (o *outbox) full() bool { return o.bytes > o.limit }

// hold makes everything wait until release, or until takeOver gives it to another outbox.
func (o *outbox) hold() {
	if o.stalled.IsZero() {
		o.stalled = time.Now()
	}
	o.kept = false
	o.held = true
}

// release writes what has waited since hold, and waits no more.
func (o *outbox) release() {
	o.held = false
	if o.closed || o.flushes || o.doubt() {
		return
	}
	if done := o.next(); !done {
		o.startFlush()
	}
}

// takeOver sends first, and then what waits in old, in its order. What the socket does not
// take waits here; the oldest audio of it is let go beyond the limit.
func (o *outbox) takeOver(first []queued, old *outbox) error {
	queue := append(first, old.queue...)
	old.close()
	for i, q := range queue {
		if !o.stalled.IsZero() {
			for _, q := range queue[i:] {
				o.push(q)
			}
			o.drop("")
			return nil
		}
		if err := o.write(q.frame, false); err != nil {
			return err
		}
	}
	return nil
}

// close lets nothing more be sent and drops what waits. The connection is closed by its owner.
func (o *outbox) close() {
	o.closed = true
	o.queue, o.bytes, o.source = nil, 0, nil
}
