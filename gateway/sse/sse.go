// Package sse writes server-sent events, those of sessions and broadcasts as well as the changes
// of batches and jobs. It is a leaf, so that every stream has the same heartbeat, deadlines and
// headers.
package sse

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Heartbeat is how long a stream is silent before [Stream.Ping] is due, so that proxies do not
// close it and dead clients are found.
const Heartbeat = 15 * time.Second

const writeTime = 10 * time.Second // for a client that does not read

// Stream is the stream of one client. What is added to it is sent by Flush. Not safe for several
// callers at once.
type Stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buf     bytes.Buffer
}

// New makes the stream of an answer that has not begun.
func New(w http.ResponseWriter) *Stream {
	return &Stream{w: w, control: http.NewResponseController(w)}
}

// Head begins the answer; it is all there is of one to HEAD.
func (s *Stream) Head() {
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	s.w.WriteHeader(http.StatusOK)
}

// Retry adds after how long a client that lost the stream reconnects.
func (s *Stream) Retry(after time.Duration) {
	s.buf.WriteString("retry: " + strconv.FormatInt(after.Milliseconds(), 10) + "\n\n")
}

// Comment adds a line that clients ignore, before what comes next.
func (s *Stream) Comment(text string) { s.buf.WriteString(": " + text + "\n") }

// Event adds an event whose data is JSON. One without an ID leaves the client where it was: it is
// not replayed.
func (s *Stream) Event(id, kind string, data []byte) {
	if id != "" {
		s.buf.WriteString("id: " + id + "\n")
	}
	s.buf.WriteString("event: " + kind + "\ndata: ")
	s.data(data)
	s.buf.WriteString("\n\n")
}

// Resync adds the event that tells a client to read anew what it follows: what it saw last is not
// stored any more. The stream goes on behind id.
func (s *Stream) Resync(id string) { s.Event(id, "resync", []byte("{}")) }

// data writes JSON on one line: a line break would end the field.
func (s *Stream) data(raw []byte) {
	if !bytes.ContainsAny(raw, "\r\n") {
		s.buf.Write(raw)
	} else if json.Compact(&s.buf, raw) != nil {
		s.buf.WriteString("null")
	}
}

// Ping adds a heartbeat and, unless id is "", from where the client resumes.
func (s *Stream) Ping(id string) {
	s.Comment("ping")
	if id != "" {
		s.buf.WriteString("id: " + id + "\n")
	}
	s.buf.WriteString("\n")
}

// Flush sends what was added, if anything was. An error means that the client is gone or does not
// read.
func (s *Stream) Flush() error {
	if s.buf.Len() == 0 {
		return nil
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTime)) // a recorder in a test has none
	if _, err := s.buf.WriteTo(s.w); err != nil {
		return err
	}
	if err := s.control.Flush(); err != nil {
		return err
	}
	_ = s.control.SetWriteDeadline(time.Time{}) // HTTP/2 resets the stream when one passes, written to or not
	return nil
}
