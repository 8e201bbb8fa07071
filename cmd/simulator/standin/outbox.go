package standin

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// outboxLimit is how many bytes may wait for a peer that does not read before it is let go.
const outboxLimit = 64 << 20

// outbox holds frames (RFC 6455 §5.2, unmasked, unfragmented) that wait to be written.
// The session's mu guards it.
type outbox struct {
	frames  []byte
	writing bool // somebody is writing; what is appended meanwhile goes out next
	held    bool // who has mu is going to flush
	events  int
	bytes   int64
}

const (
	opText = 0x81 // final, text
	opPing = 0x89
)

func (o *outbox) text(payload []byte) {
	o.frames = appendFrame(o.frames, payload)
	o.events++
	o.bytes += int64(len(payload))
}

func (o *outbox) ping() {
	o.frames = append(o.frames, opPing, 4)
	o.frames = binary.BigEndian.AppendUint32(o.frames, rand.Uint32())
}

func appendFrame(b, payload []byte) []byte {
	switch n := len(payload); {
	case n < 126:
		b = append(b, opText, byte(n))
	case n < 1<<16:
		b = append(b, opText, 126, byte(n>>8), byte(n))
	default:
		b = append(b, opText, 127)
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return append(b, payload...)
}

// cutFrame takes the first frame off b.
func cutFrame(b []byte) (op byte, payload, rest []byte) {
	n, head := int(b[1]), 2
	switch n {
	case 126:
		n, head = int(binary.BigEndian.Uint16(b[2:])), 4
	case 127:
		n, head = int(binary.BigEndian.Uint64(b[2:])), 10
	}
	return b[0], b[head : head+n], b[head+n:]
}

var frameBuffers = sync.Pool{New: func() any { return new([]byte) }}

// frameBufferKept is the largest buffer that goes back to the pool.
const frameBufferKept = 256 << 10

func release(b []byte) {
	if cap(b) > 0 && cap(b) <= frameBufferKept {
		b = b[:0]
		frameBuffers.Put(&b)
	}
}

// kick has the outbox written, by a goroutine of its own unless one is at it. The caller holds mu.
func (s *session) kick() {
	if s.out.writing || s.out.held || s.closed {
		return
	}
	s.out.writing = true
	s.srv.running.Go(s.write)
}

// flush writes the outbox from the calling goroutine, unless another is at it.
func (s *session) flush() {
	s.mu.Lock()
	if s.out.writing || s.closed || len(s.out.frames) == 0 && s.ending == nil {
		s.mu.Unlock()
		return
	}
	s.out.writing = true
	s.mu.Unlock()
	s.write()
}

// write empties the outbox and then, if the session is ending, ends it.
func (s *session) write() {
	spare := frameBuffers.Get().(*[]byte)
	for {
		s.mu.Lock()
		if len(s.out.frames) == 0 || s.closed {
			break
		}
		var frames []byte
		frames, s.out.frames = s.out.frames, (*spare)[:0]
		s.mu.Unlock()
		if !s.send(frames) {
			s.drop("connection lost") // and stays writing, so that nobody tries again
			return
		}
		*spare = frames
	}
	unused := s.out.frames
	s.out.frames = nil
	how := s.ending
	// An ending session stays writing, so that nothing follows the close frame.
	s.out.writing = how != nil && !s.closed
	closed := s.closed
	s.mu.Unlock()
	release(*spare)
	release(unused)
	if how != nil && !closed {
		s.hangUp(*how)
	}
}

// send writes frames to the socket. Without compression they go as they are, many in one
// system call; coder/websocket writes its control frames in one call each, so that the two do not mix.
func (s *session) send(frames []byte) bool {
	if !s.faults.beforeWrite(s.lost) {
		return false
	}
	if !s.deflate {
		_, err := s.conn.Write(frames)
		return err == nil
	}
	for len(frames) > 0 {
		var op byte
		var payload []byte
		op, payload, frames = cutFrame(frames)
		if op == opPing {
			if _, err := s.conn.Write(append([]byte{opPing, 4}, payload...)); err != nil {
				return false
			}
			continue
		}
		if err := s.ws.Write(context.Background(), websocket.MessageText, payload); err != nil {
			return false
		}
	}
	return true
}

// emit sends an event: its type, a new event_id, and the members of v, which encodes as
// an object. The caller holds mu.
func (s *session) emit(eventType string, v any) {
	b := make([]byte, 0, 512)
	b = append(b, `{"type":"`...)
	b = append(b, eventType...)
	b = append(b, `","event_id":"`...)
	b = appendID(b, "event_")
	b = append(b, '"')
	if members, err := marshal(v); err == nil && len(members) > 2 {
		b = append(b, ',')
		b = append(b, members[1:]...)
	} else {
		b = append(b, '}')
	}
	s.post(b)
}

// post sends one whole event, with what the faults make of it. The caller holds mu.
func (s *session) post(event []byte) {
	if s.ending != nil || s.closed {
		return
	}
	for range s.faults.copies() {
		s.out.text(event)
		if record := s.srv.opts.Record; record != nil {
			record("s2c", event)
		}
	}
	if s.faults.sent() {
		s.strike()
	}
	if len(s.out.frames) > outboxLimit {
		s.end(ending{drop: true, reason: "peer does not read"})
		_ = s.conn.Close() // unblocks the writer
	}
	s.kick()
}

// fail sends an error event; eventID is the client event's, if it had one. The caller holds mu.
func (s *session) fail(e *apiError, eventID string) {
	type body struct {
		errorBody
		EventID *string `json:"event_id"`
	}
	s.emit("error", struct {
		Error body `json:"error"`
	}{body{e.body(), orNull(eventID)}})
}

// marshal is json.Marshal without the escaping of <, > and &, which the API does not do.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}

// hangUp closes the socket as how says. It waits up to 5 s for the peer's close frame.
func (s *session) hangUp(how ending) {
	switch {
	case how.reset:
		resetConn(s.conn)
	case how.drop:
		_ = s.conn.Close()
	default:
		_ = s.ws.Close(websocket.StatusCode(how.code), how.reason)
		return
	}
	_ = s.ws.CloseNow()
}

func (how ending) String() string {
	switch {
	case how.reset:
		return "reset"
	case how.drop:
		return "dropped: " + how.reason
	}
	return strconv.Itoa(how.code) + " " + how.reason
}

// wait sleeps for d; it reports false when the session is over first.
func (s *session) wait(d time.Duration, stop <-chan struct{}) bool {
	if d <= 0 {
		select {
		case <-s.lost:
			return false
		case <-stop:
			return false
		default:
			return true
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-stop:
		return false
	case <-s.lost:
		return false
	}
}
