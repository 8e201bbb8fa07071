package wire_test

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/wire"
)

// deliver runs Each and sends the length of each message.
func deliver(c *wire.Conn) (lengths chan int, ended chan error) {
	lengths, ended = make(chan int, 100), make(chan error, 1)
	go func() {
		ended <- c.Each(func(f session.Frame, err error) error {
			if err == nil {
				lengths <- len(f.Payload())
			}
			return err
		})
	}()
	return lengths, ended
}

func piped(t *testing.T, q *wire.Quota, key string) (*rawPeer, *wire.Conn) {
	t.Helper()
	share, leave := q.Share(key)
	t.Cleanup(leave)
	p, c := pipe(t, wire.Options{Share: share, PingEvery: 20 * time.Second, PongWait: 20 * time.Second})
	_ = p.nc.SetDeadline(time.Time{})
	go func() { _, _ = io.Copy(io.Discard, p.br) }() // pings, and the end
	return p, c
}

// A connection that waits for room is not silent, holds up no other key, and can be closed.
func TestLargeMessageWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 1 << 20
		q := &wire.Quota{KeyBytes: size + session.HeadRoom, NodeBytes: 4 * size}
		release := wire.Hold(t, q, "a", size)
		waits, c := piped(t, q, "a")
		lengths, ended := deliver(c)
		sent := make(chan error, 1)
		go func() { _, err := waits.nc.Write(text(long(size))); sent <- err }()
		closes, d := piped(t, q, "a")
		_, closed := deliver(d)
		go func() { _, _ = closes.nc.Write(text(long(size))) }()
		free, e := piped(t, q, "b")
		others, _ := deliver(e)
		go func() { _, _ = free.nc.Write(text(long(size))) }()
		if n := <-others; n != size {
			t.Fatalf("another key got %d bytes", n)
		}
		e.Close(1006, "")

		time.Sleep(time.Hour)
		select {
		case n := <-lengths:
			t.Fatalf("got %d bytes without room", n)
		case err := <-ended:
			t.Fatalf("ended by %v while it waited", err)
		case err := <-sent:
			t.Fatalf("all was read (%v) without room", err)
		default:
		}
		d.Close(1006, "")
		if err := <-closed; !errors.Is(err, net.ErrClosed) {
			t.Fatalf("ended by %v", err)
		}
		release()
		if n := <-lengths; n != size || <-sent != nil {
			t.Fatalf("got %d bytes", n)
		}
		c.Close(1006, "")
		<-ended
		if held, waiting := q.Load(); held != 0 || waiting != 0 {
			t.Errorf("%d are held and %d wait at the end", held, waiting)
		}
	})
}

// Who sends a large message bit by bit keeps its room only while nobody else wants it.
func TestSlowLargeMessageMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 1 << 20
		q := &wire.Quota{KeyBytes: size + session.HeadRoom, NodeBytes: 4 * size}
		slow, c := piped(t, q, "a")
		_, ended := deliver(c)
		wrote := make(chan struct{})
		go func() {
			defer close(wrote)
			for b := range slices.Chunk(text(long(size)), 1<<10) {
				if _, err := slow.nc.Write(b); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		time.Sleep(10 * time.Minute)
		select {
		case err := <-ended:
			t.Fatalf("ended by %v though nobody waited", err)
		default:
		}
		p, d := piped(t, q, "a")
		lengths, _ := deliver(d)
		go func() { _, _ = p.nc.Write(text(long(size))) }()
		wantClose(t, <-ended, 1008, "a large message took too long to arrive")
		if n := <-lengths; n != size {
			t.Fatalf("got %d bytes", n)
		}
		d.Close(1006, "")
		<-wrote
	})
}

// Messages of all sizes, whole and in fragments, pass unchanged, and hold nothing behind them.
func TestRelayOfLargeMessages(t *testing.T) {
	q := &wire.Quota{KeyBytes: 16 << 20, NodeBytes: 16 << 20}
	share, leave := q.Share("a")
	defer leave()
	r := newRig(t, wire.Options{Share: share}, relay)
	var sent, want []string
	for i, n := range []int{10, 65_536, 65_537, 100, 300_000, 1 << 20, 5, 3 << 20, 70_000} {
		payload := strings.Repeat(string(rune('a'+i)), n)
		want = append(want, payload, payload)
		sent = append(sent, string(text(payload)), string(first(payload[:n/3])), string(middle(payload[n/3:n/2])), string(ping("p")), string(last(payload[n/2:])))
	}
	go r.browser.nc.Write(maskAll([]byte(strings.Join(sent, ""))))
	for i, want := range want {
		f, ok := r.upstream.frame()
		if !ok || string(f.Payload) != want {
			t.Fatalf("message %d has %d bytes, want %d", i, len(f.Payload), len(want))
		}
	}
	r.browser.nc.Close()
	r.ends[0] <- <-r.ends[0]
	if held, waiting := q.Load(); held != 0 || waiting != 0 {
		t.Errorf("%d are held and %d wait at the end", held, waiting)
	}
}

// However reading ends, a large message that was delivered last keeps no room: its key could send
// no more of them.
func TestAReaderThatStopsGivesItsShareBack(t *testing.T) {
	const size = 900 << 10
	large := strings.Repeat("x", size)
	for name, row := range map[string]struct {
		message string
		stop    func()
	}{
		"an error of the reader's": {large, func() {}},
		"not UTF-8":                {large[1:] + "\xff", func() {}},
		"a panic":                  {large, func() { panic("reader") }},
	} {
		t.Run(name, func(t *testing.T) {
			q := &wire.Quota{KeyBytes: 1<<20 + session.HeadRoom, NodeBytes: 4 << 20}
			arrived := make(chan int, 10)
			first := true
			url := shared(t, q, func(_ string, c *wire.Conn) {
				defer func() { _ = recover() }()
				_ = c.Each(func(f session.Frame, err error) error {
					arrived <- len(f.Payload())
					if first {
						first = false
						row.stop()
						return errors.New("enough")
					}
					return err
				})
			})
			sendText(t, dial(t, url+"?key=a", wire.DialOptions{}), row.message)
			<-arrived
			go func() { _ = sendAll(dial(t, url+"?key=a", wire.DialOptions{}), large) }()
			if n := <-arrived; n != size {
				t.Errorf("%d bytes arrived", n)
			}
		})
	}
}
