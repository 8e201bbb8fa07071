package wire_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"switchboard/session"
	"switchboard/session/wire"
)

// shared serves connections whose key is in the query, with one quota.
func shared(t *testing.T, q *wire.Quota, use func(key string, c *wire.Conn)) (url string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.URL.Query().Get("key")
		share, leave := q.Share(key)
		defer leave()
		c, err := wire.Accept(w, r, wire.Options{ReadLimit: 1 << 20, Share: share})
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer c.Close(1000, "")
		use(key, c)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// A large message that is being dealt with keeps the next of its key out of memory. Neither
// ordinary messages of the key nor other keys wait.
func TestLargeMessagesOfAKeyTakeTurns(t *testing.T) {
	q := &wire.Quota{KeyBytes: 1<<20 + session.HeadRoom, NodeBytes: 4 << 20}
	arrived, goOn := make(chan string, 10), make(chan struct{})
	url := shared(t, q, func(key string, c *wire.Conn) {
		_ = c.Each(func(f session.Frame, err error) error {
			if err != nil {
				return err
			}
			arrived <- key + string(f.Payload()[:1])
			if f.Payload()[0] == '1' {
				<-goOn
			}
			return nil
		})
	})
	large := func(mark string) string { return mark + strings.Repeat("x", 900<<10) }
	connect := func(key string) *wire.Conn { return dial(t, url+"?key="+key, wire.DialOptions{}) }
	want := func(what string) {
		t.Helper()
		if got := <-arrived; got != what {
			t.Fatalf("%s arrived, want %s", got, what)
		}
	}
	sendText(t, connect("a"), large("1"))
	want("a1")
	second := connect("a")
	go func() { _ = sendAll(second, large("2")) }()
	sendText(t, connect("a"), "3 is small")
	want("a3")
	sendText(t, connect("b"), large("4"))
	want("b4")
	close(goOn)
	want("a2")
	sendText(t, second, large("5"))
	want("a5")
}

// sendAll sends a text for which there may be no room yet.
func sendAll(c *wire.Conn, text string) error {
	taken, err := c.Write(session.NewFrame([]byte(text)), session.AtOnce)
	if err == nil && !taken {
		err = c.Flush()
	}
	return err
}

// A message in fragments counts as a whole one, for nobody knows how large it becomes.
func TestFragmentsCountAsOneLargeMessage(t *testing.T) {
	q := &wire.Quota{KeyBytes: 1<<20 + session.HeadRoom, NodeBytes: 4 << 20}
	arrived, goOn := make(chan int, 10), make(chan struct{})
	url := shared(t, q, func(_ string, c *wire.Conn) {
		_ = c.Each(func(f session.Frame, err error) error {
			if err != nil {
				return err
			}
			arrived <- len(f.Payload())
			if len(f.Payload()) > 700<<10 {
				<-goOn
			}
			return nil
		})
	})
	fragmented := rawDial(t, url+"?key=a")
	part := strings.Repeat("x", 200<<10)
	for i := range 4 {
		op := ws.OpContinuation
		if i == 0 {
			op = ws.OpText
		}
		f := ws.MaskFrame(ws.NewFrame(op, i == 3, []byte(part)))
		if err := ws.WriteFrame(fragmented, f); err != nil {
			t.Fatal(err)
		}
	}
	if n := <-arrived; n != 800<<10 {
		t.Fatalf("%d bytes arrived", n)
	}
	second := dial(t, url+"?key=a", wire.DialOptions{})
	go func() { _ = sendAll(second, strings.Repeat("y", 300<<10)) }()
	third := dial(t, url+"?key=a", wire.DialOptions{})
	sendText(t, third, "small")
	if n := <-arrived; n != 5 {
		t.Fatalf("%d bytes arrived while a large message was dealt with", n)
	}
	close(goOn)
	if n := <-arrived; n != 300<<10 {
		t.Fatalf("%d bytes arrived", n)
	}
}

// A connection that ends while it waits for room, or in the middle of a large message, keeps none.
func TestAConnectionThatEndsGivesItsShareBack(t *testing.T) {
	q := &wire.Quota{KeyBytes: 1<<20 + session.HeadRoom, NodeBytes: 4 << 20}
	arrived := make(chan int, 10)
	url := shared(t, q, func(_ string, c *wire.Conn) {
		_ = c.Each(func(f session.Frame, err error) error {
			arrived <- len(f.Payload())
			return err
		})
	})
	for range 3 {
		half := rawDial(t, url+"?key=a")
		header, err := ws.CompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(strings.Repeat("x", 900<<10)))))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := half.Write(header[:500<<10]); err != nil {
			t.Fatal(err)
		}
		half.Close()
	}
	last := dial(t, url+"?key=a", wire.DialOptions{})
	sendText(t, last, strings.Repeat("y", 900<<10))
	if n := <-arrived; n != 900<<10 {
		t.Fatalf("%d bytes arrived", n)
	}
}

// rawDial opens a WebSocket whose frames the test writes itself.
func rawDial(t *testing.T, url string) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, _, _, err := ws.Dial(ctx, "ws"+strings.TrimPrefix(url, "http"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	go func() { _, _ = io.Copy(io.Discard, c) }()
	return c
}
