package buffer

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"switchboard/session"
)

// ErrBehind ends a connection whose peer takes less than it is sent.
var ErrBehind = errors.New("peer stayed behind for longer than its limit")

// Outbox is what waits to be written to one connection. Its fields are guarded by the
// controller's lock; its one goroutine runs only while the socket does not take more.
//
// While the socket takes what it is given, frames pass by reference and nothing is kept.
type Outbox struct {
	Conn  session.Conn
	Lock  sync.Locker
	Limit int           // bytes that may wait
	Stall time.Duration // how long the socket may refuse
	Doubt func() bool   // says, under the lock, that nothing may be written any more
	Guard func(func())  // runs the flusher, and contains its panics

	Queue   []Queued
	source  func() []byte // makes what is sent once all before it was taken; nil: there is nothing
	Bytes   int
	kept    bool      // the connection holds frames back for one write
	stalled time.Time // since when the socket has refused; zero: it takes
	held    bool      // nothing may be written now
	Closed  bool
	flushes bool          // the flusher runs
	idle    chan struct{} // closed when it ends
	Flusher sync.WaitGroup
	Dropped *atomic.Int64 // events of audio that were let go
}

// Queued is a frame that waits. audio marks what may be dropped: input audio, or the
// output audio of response.
type Queued struct {
	Frame    session.Frame
	Audio    bool
	response string
	Sent     int   // to so many upstreams that did not answer
	After    int64 // if it was sent before: its place in the tail
}

// Send writes or queues one event without waiting. With more set the caller will send or
// settle again before it reads over f. errBehind: the peer is too slow to keep.
func (o *Outbox) Send(f session.Frame, audio bool, response []byte, more bool) error {
	if o.Closed {
		return nil
	}
	if o.stalled.IsZero() {
		return o.write(f, more)
	}
	if o.Full() {
		return ErrBehind
	}
	o.Push(Queued{Frame: session.NewFrame(f.Payload()), Audio: audio, response: string(response)})
	if !o.held && time.Since(o.stalled) > o.Stall {
		return ErrBehind
	}
	return nil
}

// Push appends a client event, whatever the limits say; they are checked before.
func (o *Outbox) Push(q Queued) {
	o.Queue = append(o.Queue, q)
	o.Bytes += len(q.Frame.Raw)
}

// Settle writes out what was kept back by send with more.
func (o *Outbox) Settle() error {
	if !o.kept || o.Closed || o.held {
		return nil
	}
	return o.write(session.Frame{}, false)
}

func (o *Outbox) write(f session.Frame, more bool) error {
	taken, err := o.Conn.Write(f, more)
	o.kept = more && taken
	if err != nil || taken {
		return err
	}
	o.stalled = time.Now()
	o.startFlush()
	return nil
}

func (o *Outbox) startFlush() {
	idle := make(chan struct{})
	o.flushes, o.idle = true, idle
	o.Flusher.Go(func() {
		defer close(idle)
		o.Guard(o.flush)
	})
}

// Flushed is closed once the socket has taken what waits for it now; nil if nothing does.
func (o *Outbox) Flushed() <-chan struct{} {
	if !o.flushes {
		return nil
	}
	return o.idle
}

// Waits reports whether what is sent now would wait.
func (o *Outbox) Waits() bool { return !o.stalled.IsZero() }

// flush empties the queue at the socket's pace and ends when all is written.
func (o *Outbox) flush() {
	for o.flushed(o.Conn.Flush()) {
	}
}

// flushed writes what the socket takes, and reports whether there is more to flush.
func (o *Outbox) flushed(err error) bool {
	o.Lock.Lock()
	defer o.Lock.Unlock()
	// Of an error the reader of this connection will see why.
	o.flushes = err == nil && !o.Closed && !o.held && !o.Doubt() && !o.next()
	return o.flushes
}

// next writes from the queue until the socket refuses (false) or nothing is left (true).
func (o *Outbox) next() bool {
	for o.refill() {
		q := o.Queue[0]
		o.Queue[0] = Queued{}
		o.Queue = o.Queue[1:]
		o.Bytes -= len(q.Frame.Raw)
		taken, err := o.Conn.Write(q.Frame, false)
		if err != nil {
			o.stalled = time.Time{}
			return true
		}
		if !taken {
			o.stalled = time.Now()
			return false
		}
	}
	o.Queue, o.stalled = nil, time.Time{}
	return true
}

// refill reports whether there is something to write: what waits, or what the source makes.
func (o *Outbox) refill() bool {
	if len(o.Queue) == 0 && o.source != nil {
		if event := o.source(); event != nil {
			o.Push(Queued{Frame: session.NewFrame(event)})
		} else {
			o.source = nil
		}
	}
	return len(o.Queue) > 0
}

// Follow sends what source makes until that is nil, each once the one before was taken.
func (o *Outbox) Follow(source func() []byte) {
	o.source = source
	if o.stalled.IsZero() && !o.next() {
		o.startFlush()
	}
}

// Drop lets go of waiting audio that nobody will hear: that of response, or with an
// empty response the oldest until the queue is within its limit. All else stays.
func (o *Outbox) Drop(response string) {
	if len(o.Queue) == 0 {
		return
	}
	kept := o.Queue[:0]
	for _, q := range o.Queue {
		stale := q.Audio && (response != "" && q.response == response || response == "" && o.Bytes > o.Limit)
		if !stale {
			kept = append(kept, q)
			continue
		}
		o.Bytes -= len(q.Frame.Raw)
		o.Dropped.Add(1)
	}
	clear(o.Queue[len(kept):])
	o.Queue = kept
}

// TakeBack lets go of an event that waits; false if none does that has this ID.
func (o *Outbox) TakeBack(eventID string) bool {
	i := slices.IndexFunc(o.Queue, func(q Queued) bool {
		return !q.Audio && bytes.Contains(q.Frame.Payload(), []byte(eventID))
	})
	if i < 0 {
		return false
	}
	o.Bytes -= len(o.Queue[i].Frame.Raw)
	o.Queue = slices.Delete(o.Queue, i, i+1)
	return true
}

// Full reports whether more waits than may.
func (o *Outbox) Full() bool { return o.Bytes > o.Limit }

// Hold makes everything wait until release, or until takeOver gives it to another outbox.
func (o *Outbox) Hold() {
	if o.stalled.IsZero() {
		o.stalled = time.Now()
	}
	o.kept = false
	o.held = true
}

// Release writes what has waited since hold, and waits no more.
func (o *Outbox) Release() {
	o.held = false
	if o.Closed || o.flushes || o.Doubt() {
		return
	}
	if done := o.next(); !done {
		o.startFlush()
	}
}

// TakeOver sends first, and then what waits in old, in its order. What the socket does not
// take waits here; the oldest audio of it is let go beyond the limit.
func (o *Outbox) TakeOver(first []Queued, old *Outbox) error {
	queue := append(first, old.Queue...)
	old.Close()
	for i, q := range queue {
		if !o.stalled.IsZero() {
			for _, q := range queue[i:] {
				o.Push(q)
			}
			o.Drop("")
			return nil
		}
		if err := o.write(q.Frame, false); err != nil {
			return err
		}
	}
	return nil
}

// Close lets nothing more be sent and drops what waits. The connection is closed by its owner.
func (o *Outbox) Close() {
	o.Closed = true
	o.Queue, o.Bytes, o.source = nil, 0, nil
}
