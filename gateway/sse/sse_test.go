package sse_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"switchboard/gateway/sse"
)

func TestStream(t *testing.T) {
	w := httptest.NewRecorder()
	s := sse.New(w)
	s.Head()
	s.Comment("hello")
	s.Retry(1500 * time.Millisecond)
	s.Resync("1-0")
	s.Event("2-0", "done", []byte("{\"a\":\r\n1}"))
	s.Event("2-1", "odd", []byte("no\nJSON"))
	s.Ping("")
	s.Ping("3-0")
	if w.Body.Len() > 0 {
		t.Errorf("sent before the flush: %q", w.Body)
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	const want = ": hello\nretry: 1500\n\nid: 1-0\nevent: resync\ndata: {}\n\n" +
		"id: 2-0\nevent: done\ndata: {\"a\":1}\n\nid: 2-1\nevent: odd\ndata: null\n\n: ping\n\n: ping\nid: 3-0\n\n"
	if got := w.Body.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/event-stream" || w.Header().Get("X-Accel-Buffering") != "no" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}
