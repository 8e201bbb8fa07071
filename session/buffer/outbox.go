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

// Owner is the session that an outbox belongs to. It is one value for all outboxes of a session.
type Owner interface {
	sync.Locker       // the lock that guards them
	Doubt() bool      // says that nothing may be written now; called with the lock
	Await() bool      // waits until something may, without the lock; false: nothing ever will
	Contain(f func()) // runs the flusher, and contains its panics
}

// Outbox is what waits to be written to one connection. Its fields are guarded by the
// controller's lock; its one goroutine runs only while the socket does not take more.
//
// While the socket takes what it is given, frames pass by reference and nothing is kept.
type Outbox struct {
	Conn  session.Conn
	Owner Owner
	Limit int           // bytes that may wait
	Stall time.Duration // how long the socket may refuse

	Queue   []Queued
	source  func() []byte // makes what is sent once all before it was taken; nil: there is nothing
	Bytes   int
	state   state
	waiting time.Time     // since when what is sent waits
	kept    bool          // the connection holds frames back for one write
	idle    chan struct{} // closed when the flusher ends; nil: it does not run
	Flusher sync.WaitGroup
	Dropped *atomic.Int64 // events of audio that were let go
	Lost    int           // bytes of them since all else was last known to have arrived
}

// state says what becomes of what is sent.
type state uint8

const (
	taking  state = iota // the socket takes it
	stalled              // it waits, because the socket takes nothing
	held                 // it waits, because nothing may be written
	closed               // it is dropped
)

// Queued is a frame that waits. Audio marks what may be dropped: input audio, or the
// output audio of response.
type Queued struct {
	Frame    session.Frame
	Audio    bool
	response string
	Sent     int   // to so many upstreams that did not answer
	After    int64 // if it was sent before: its place in the tail
}

// SendEvent writes or queues one event without waiting. One that is sent with the next one may be
// read over once that was sent, or what was kept back was settled. ErrBehind: the peer is too slow.
func (o *Outbox) SendEvent(f session.Frame, when session.Timing) error {
	switch {
	case o.state == taking:
		return o.write(f, when)
	case o.state == closed:
		return nil
	}
	return o.wait(Queued{Frame: f})
}

// SendAudio is SendEvent for audio, which is dropped if it has to wait and nobody will hear it:
// input audio, or the output audio of a response.
func (o *Outbox) SendAudio(f session.Frame, response []byte, when session.Timing) error {
	switch {
	case o.state == taking:
		return o.write(f, when)
	case o.state == closed:
		return nil
	}
	return o.wait(Queued{Frame: f, Audio: true, response: string(response)})
}

// wait queues a copy of a frame.
func (o *Outbox) wait(q Queued) error {
	if o.Full() {
		return ErrBehind
	}
	q.Frame = session.NewFrame(q.Frame.Payload())
	o.Push(q)
	if o.state == stalled && time.Since(o.waiting) > o.Stall {
		return ErrBehind
	}
	return nil
}

// Push appends a client event, whatever the limits say; they are checked before.
func (o *Outbox) Push(q Queued) {
	o.Queue = append(o.Queue, q)
	o.Bytes += len(q.Frame.Raw)
}

// Settle writes out what was kept back to be written with the next one.
func (o *Outbox) Settle() error {
	if !o.kept {
		return nil
	}
	return o.write(session.Frame{}, session.AtOnce)
}

func (o *Outbox) write(f session.Frame, when session.Timing) error {
	taken, err := o.Conn.Write(f, when)
	o.kept = when == session.WithNext && taken
	if err != nil || taken {
		return err
	}
	o.stall()
	o.startFlush()
	return nil
}

// stall has what is sent wait until the socket takes it.
func (o *Outbox) stall() { o.state, o.waiting = stalled, time.Now() }

func (o *Outbox) startFlush() {
	idle := make(chan struct{})
	o.idle = idle
	o.Flusher.Go(func() {
		defer close(idle)
		o.Owner.Contain(o.flush)
	})
}

// Flushed is closed once the socket has taken what waits for it now; nil if nothing does.
func (o *Outbox) Flushed() <-chan struct{} {
	return o.idle
}

// Waits reports whether what is sent now would wait.
func (o *Outbox) Waits() bool { return o.state == stalled || o.state == held }

// Closed reports whether what is sent is dropped.
func (o *Outbox) Closed() bool { return o.state == closed }

// errOver ends the flusher of an outbox that may write nothing any more.
var errOver = errors.New("nothing may be written any more")

// flush empties the queue at the socket's pace and ends when all is written.
func (o *Outbox) flush() {
	for {
		err := o.Conn.Flush()
		if err == nil && !o.Owner.Await() {
			err = errOver
		}
		if !o.flushed(err) {
			return
		}
	}
}

// flushed writes what the socket takes, and reports whether there is more to flush.
func (o *Outbox) flushed(err error) bool {
	o.Owner.Lock()
	defer o.Owner.Unlock()
	// Of an error the reader of this connection will see why.
	more := err == nil && o.state == stalled && !o.next()
	if !more {
		o.idle = nil
	}
	return more
}

// next writes from the queue until the socket refuses (false) or nothing is left (true).
func (o *Outbox) next() bool {
	for o.refill() {
		q := o.Queue[0]
		o.Queue[0] = Queued{}
		o.Queue = o.Queue[1:]
		o.Bytes -= len(q.Frame.Raw)
		taken, err := o.Conn.Write(q.Frame, session.AtOnce)
		if err != nil {
			o.state = taking
			return true
		}
		if !taken {
			o.stall()
			return false
		}
	}
	o.Queue, o.state = nil, taking
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
	if o.state == taking && !o.next() {
		o.startFlush()
	}
}

// DropResponse lets go of a response's audio that waits: nobody will hear it. All else stays.
func (o *Outbox) DropResponse(id string) {
	o.Queue = slices.DeleteFunc(o.Queue, func(q Queued) bool {
		stale := q.Audio && q.response == id
		if stale {
			o.lose(q)
		}
		return stale
	})
}

// DropOldest lets go of the audio that has waited longest, until the queue is within its limit. All
// else stays. It looks at no more than it lets go of and what stands between, so that each event
// of a flood costs the same, however long the queue is.
func (o *Outbox) DropOldest() {
	n := 0 // so many events at the front were looked at
	for ; n < len(o.Queue) && o.Bytes > o.Limit; n++ {
		if o.Queue[n].Audio {
			o.lose(o.Queue[n])
		}
	}
	front := n // where what stays of them begins
	for i := n - 1; i >= 0; i-- {
		if !o.Queue[i].Audio {
			front--
			o.Queue[front] = o.Queue[i]
		}
	}
	clear(o.Queue[:front])
	o.Queue = o.Queue[front:]
}

func (o *Outbox) lose(q Queued) {
	o.Bytes -= len(q.Frame.Raw)
	o.Lost += len(q.Frame.Raw)
	o.Dropped.Add(1)
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

// Pending is how many of the last bytes that were sent may not have arrived at the peer.
func (o *Outbox) Pending() int {
	waits := o.Bytes + o.Conn.Unacked()
	if waits == 0 {
		o.Lost = 0
	}
	return waits + o.Lost
}

// Full reports whether more waits than may.
func (o *Outbox) Full() bool { return o.Bytes > o.Limit }

// Hold makes everything wait until release, or until takeOver gives it to another outbox. What the
// connection keeps back is written out: nobody would settle it.
func (o *Outbox) Hold() {
	if o.state == closed {
		return
	}
	_ = o.Settle() // of an error the reader of this connection will see why
	if o.state == taking {
		o.waiting = time.Now()
	}
	o.state = held
}

// Release writes what has waited since hold, and waits no more.
func (o *Outbox) Release() {
	if o.state == closed {
		return
	}
	o.state = stalled
	if o.idle != nil {
		return
	}
	if o.Owner.Doubt() || !o.next() {
		o.startFlush()
	}
}

// TakeOver sends first, and then what waits in old, in its order. What the socket does not
// take waits here; the oldest audio of it is let go beyond the limit.
func (o *Outbox) TakeOver(first []Queued, old *Outbox) error {
	queue := append(first, old.Queue...)
	old.Close()
	for i, q := range queue {
		if o.state != taking {
			for _, q := range queue[i:] {
				o.Push(q)
			}
			o.DropOldest()
			return nil
		}
		if err := o.write(q.Frame, session.AtOnce); err != nil {
			return err
		}
	}
	return nil
}

// Close lets nothing more be sent and drops what waits. The connection is closed by its owner.
func (o *Outbox) Close() {
	o.state, o.kept = closed, false
	o.Queue, o.Bytes, o.source = nil, 0, nil
}
