package endpoint

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/tidwall/gjson"
)

// serve gives the frames to the other end of a pipe, reads what comes back meanwhile,
// and returns it once the client has hung up.
func serve(t *testing.T, frames ...ws.Frame) (*Conn, func() []ws.Frame) {
	t.Helper()
	here, there := net.Pipe()
	c, err := newConn(here, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, sent := make(chan []ws.Frame), make(chan struct{})
	go func() {
		defer close(sent)
		for _, f := range frames {
			if ws.WriteFrame(there, f) != nil {
				return
			}
		}
	}()
	go func() {
		var all []ws.Frame
		for {
			f, err := readFrame(there)
			if err != nil {
				there.Close()
				got <- all
				return
			}
			all = append(all, ws.UnmaskFrameInPlace(f))
		}
	}()
	return c, func() []ws.Frame { c.HangUp(); <-sent; return <-got }
}

func TestConnReads(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 3*readBuffer)
	c, answered := serve(t,
		ws.NewTextFrame([]byte("one")),
		ws.NewPingFrame([]byte("there?")),
		ws.NewTextFrame(long),
		ws.NewFrame(ws.OpText, false, []byte("in ")),
		ws.NewPingFrame(nil),
		ws.NewFrame(ws.OpContinuation, false, []byte("three ")),
		ws.NewFrame(ws.OpContinuation, true, []byte("parts")),
		ws.NewTextFrame(nil),
		ws.NewCloseFrame(ws.NewCloseFrameBody(3000, "invalid_request_error")),
	)
	for _, want := range []string{"one", string(long), "in three parts", ""} {
		if got, err := c.Read(); err != nil || string(got) != want {
			t.Fatalf("read %.20q, %v; want %.20q", got, err, want)
		}
	}
	var gone *Closed
	if _, err := c.Read(); !errors.As(err, &gone) || gone.Code != 3000 || gone.reason != "invalid_request_error" {
		t.Errorf("close frame was read as %v", err)
	}
	back := answered()
	if len(back) != 3 || string(back[0].Payload) != "there?" || back[2].Header.OpCode != ws.OpClose {
		t.Errorf("answered %v", back)
	}
}

func TestConnRefuses(t *testing.T) {
	c, answered := serve(t, ws.NewPingFrame(make([]byte, 126)))
	if _, err := c.Read(); err == nil {
		t.Error("an oversize control frame was taken")
	}
	answered()
}

func TestAwait(t *testing.T) {
	c, answered := serve(t, ws.NewTextFrame([]byte(`{"type":"session.created"}`)),
		ws.NewTextFrame([]byte(`{"type":"error","error":{"code":"bad","message":"no such model"}}`)))
	if err := c.await("session.created"); err != nil {
		t.Error(err)
	}
	if err := c.await("session.updated"); err == nil || err.Error() != "await session.updated: bad no such model" {
		t.Errorf("an error event ends it with %v", err)
	}
	answered()
}

func TestAppendFrame(t *testing.T) {
	f := NewAppendFrame(40 * time.Millisecond)
	for _, now := range []time.Time{time.Unix(1767233035, 123456789), time.Unix(1767233036, 1)} {
		read, err := readFrame(bytes.NewReader(f.At(now)))
		if err != nil || !read.Header.Masked {
			t.Fatalf("frame %v: %v", read.Header, err)
		}
		message := ws.UnmaskFrame(read).Payload
		if !gjson.ValidBytes(message) || gjson.GetBytes(message, "type").Str != "input_audio_buffer.append" {
			t.Fatalf("message is %.80s", message)
		}
		if audio := gjson.GetBytes(message, "audio").Str; len(audio) != 2560 {
			t.Errorf("40 ms are %d characters", len(audio))
		}
		if at, ok := StampOf(gjson.GetBytes(message, "event_id").Str); !ok || !at.Equal(now) {
			t.Errorf("stamp is %v, should be %v", at, now)
		}
	}
	if n := testing.AllocsPerRun(100, func() { f.At(time.Now()) }); n != 0 {
		t.Errorf("an append costs %v allocations", n)
	}
}

func TestStampOf(t *testing.T) {
	for id, want := range map[string]bool{
		"event_1767233035123456789_12": true, "event_1767233035123456789": true,
		"event_17672330": false, "evt_1767233035123456789": false, "event_Bz9abcdefghijklmnopqr": false, "": false,
	} {
		if _, ok := StampOf(id); ok != want {
			t.Errorf("stampOf(%q) is %v", id, ok)
		}
	}
}

func readFrame(r io.Reader) (ws.Frame, error) {
	h, err := ws.ReadHeader(r)
	if err != nil {
		return ws.Frame{}, err
	}
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(r, payload)
	return ws.Frame{Header: h, Payload: payload}, err
}
