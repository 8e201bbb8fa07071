package wire_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"switchboard/session"
	"switchboard/session/wire"
)

// fill writes until the socket takes no more, and tells how many frames that were.
func fill(t *testing.T, c *wire.Conn, f func() session.Frame) (frames int) {
	t.Helper()
	for {
		taken, err := c.Write(f(), session.AtOnce)
		if err != nil {
			t.Fatal(err)
		}
		frames++
		if !taken {
			return frames
		}
	}
}

func largeFrame() session.Frame { return session.NewFrame([]byte(strings.Repeat("f", 100_000))) }

func TestSlowPeer(t *testing.T) {
	p, c := acceptRaw(t, wire.DialOptions{}, nil)
	frames := fill(t, c, largeFrame)
	flushed := make(chan error, 1)
	go func() { flushed <- c.Flush() }()
	for i := range frames {
		if f, ok := p.frame(); !ok || string(f.Payload) != strings.Repeat("f", 100_000) {
			t.Fatalf("frame %d of %d is %d bytes", i, frames, len(f.Payload))
		}
	}
	if err := <-flushed; err != nil {
		t.Fatal(err)
	}
	if taken, err := c.Write(session.NewFrame([]byte("again")), session.AtOnce); !taken || err != nil {
		t.Fatalf("write after flush: %v, %v", taken, err)
	}
}

// A pong must neither wait nor get into the middle of a frame that was taken in part;
// of several that had to wait, the latest is sent.
func TestPongsWaitBehindAPartOfAFrame(t *testing.T) {
	p, c := acceptRaw(t, wire.DialOptions{}, nil)
	frames := fill(t, c, largeFrame)
	p.write(join(ping("1"), ping("2"), ping("3"), text("are you there?")))
	wantText(t, c, "are you there?") // the reader did not wait
	flushed := make(chan error, 1)
	go func() { flushed <- c.Flush() }()
	for range frames {
		if f, _ := p.frame(); f.Header.OpCode != ws.OpText || len(f.Payload) != 100_000 {
			t.Fatalf("got %v", f.Header)
		}
	}
	if f, _ := p.frame(); f.Header.OpCode != ws.OpPong || string(f.Payload) != "3" {
		t.Fatalf("got %v %q", f.Header, f.Payload)
	}
	if err := <-flushed; err != nil {
		t.Fatal(err)
	}
}

func TestCloseUnblocks(t *testing.T) {
	for name, open := range map[string]func(*testing.T) *wire.Conn{
		"TCP": func(t *testing.T) *wire.Conn {
			_, c := acceptRaw(t, wire.DialOptions{}, nil)
			return c
		},
		"TLS": func(t *testing.T) *wire.Conn { return dialStalled(t, true) },
		"pipe": func(t *testing.T) *wire.Conn {
			_, c := pipe(t, wire.Options{})
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t)
			var all sync.WaitGroup
			all.Go(func() {
				if _, err := c.Read(); !errors.Is(err, net.ErrClosed) {
					t.Errorf("read: %v", err)
				}
			})
			fill(t, c, largeFrame)
			all.Go(func() {
				if err := c.Flush(); !errors.Is(err, net.ErrClosed) {
					t.Errorf("flush: %v", err)
				}
			})
			all.Go(func() { c.Close(1013, "too slow") })
			all.Go(func() { c.Close(1000, "") })
			all.Wait()
		})
	}
}

// dialStalled connects to a server over TLS that never reads.
func dialStalled(t *testing.T, ours bool) *wire.Conn {
	stall := make(chan struct{})
	s := tlsServer(ours)(handler(t, wire.Options{}, func(*wire.Conn) { <-stall }))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(stall) })
	return dial(t, s.URL, wire.DialOptions{TLS: clientTLS(s)})
}

func TestCloseInsideEach(t *testing.T) {
	p, c := acceptRaw(t, wire.DialOptions{}, join(text("a"), text("b")))
	n := 0
	err := c.Each(func(session.Frame, error) error {
		n++
		c.Close(4000, "enough")
		return nil
	})
	if !errors.Is(err, net.ErrClosed) || n != 1 {
		t.Fatalf("%d messages, %v", n, err)
	}
	p.gather().check(t, protoCase{code: 4000})
}

func TestCloseWithoutAFrame(t *testing.T) {
	p, c := acceptRaw(t, wire.DialOptions{}, nil)
	c.Close(1006, "")
	p.gather().check(t, protoCase{drop: true})
}

func TestCloseCutsItsReason(t *testing.T) {
	p, c := acceptRaw(t, wire.DialOptions{}, nil)
	c.Close(1008, strings.Repeat("é", 100))
	f, _ := p.frame()
	if got := string(f.Payload[2:]); got != strings.Repeat("é", 61) {
		t.Fatalf("reason of %d bytes: %q", len(got), got)
	}
}

// What was kept back goes out before the close frame.
func TestCloseSendsWhatWasKeptBack(t *testing.T) {
	p, c := acceptRaw(t, wire.DialOptions{}, nil)
	if taken, err := c.Write(session.NewFrame([]byte("last")), session.WithNext); !taken || err != nil {
		t.Fatal(taken, err)
	}
	c.Close(1000, "")
	p.gather().check(t, protoCase{texts: []string{"last"}, code: 1000})
}

// The peer gets the close frame although it has sent what nobody reads.
func TestCloseWithUnreadBytes(t *testing.T) {
	for range 50 {
		p, c := acceptRaw(t, wire.DialOptions{}, nil)
		p.write(text(strings.Repeat("x", 50_000)))
		c.Close(1013, "try again later")
		p.gather().check(t, protoCase{code: 1013})
	}
}

// A client that closes is answered, also where the answer has to wait for a goroutine.
func TestCloseIsAnsweredUnderTLS(t *testing.T) {
	for _, ours := range []bool{false, true} {
		s := tlsServer(ours)(handler(t, wire.Options{}, func(c *wire.Conn) { echoEach(c) }))
		t.Cleanup(s.Close)
		for range 50 {
			p := dialRaw(t, s.URL)
			p.write(maskAll(join(text("a"), bye)))
			p.gather().check(t, protoCase{texts: []string{"a"}, code: 1000})
		}
	}
}

// A reset that was there before the reader came is seen, although data is in front of it.
func TestResetBeforeEach(t *testing.T) {
	var here, gone sync.WaitGroup
	here.Add(1)
	gone.Add(1)
	ended := make(chan error, 1)
	url := serve(t, wire.Options{PingEvery: -1}, func(c *wire.Conn) {
		here.Done()
		gone.Wait()
		ended <- c.Each(func(session.Frame, error) error { return nil })
	})
	p := dialRaw(t, url)
	here.Wait()
	p.write(maskAll(text("a"))[:5])
	_ = p.nc.(*net.TCPConn).SetLinger(0)
	p.nc.Close()
	dialRaw(t, serve(t, wire.Options{}, func(*wire.Conn) {})) // by then the poller has told of it
	gone.Done()
	wantClose(t, <-ended, 1006, "")
}

func TestTheZeroFrameWritesWhatWasKeptBack(t *testing.T) {
	p, c := acceptRaw(t, wire.DialOptions{}, nil)
	for _, f := range []session.Frame{session.NewFrame([]byte("a")), session.NewFrame([]byte("b"))} {
		if taken, err := c.Write(f, session.WithNext); !taken || err != nil {
			t.Fatal(taken, err)
		}
	}
	for range 2 { // the second has nothing to write
		if taken, err := c.Write(session.Frame{}, session.AtOnce); !taken || err != nil {
			t.Fatal(taken, err)
		}
	}
	c.Close(1000, "")
	p.gather().check(t, protoCase{texts: []string{"a", "b"}, code: 1000})
}

func TestFramesWithoutRoomInFront(t *testing.T) {
	p, c := acceptRaw(t, wire.DialOptions{}, nil)
	payload := []byte("no room")
	if err := send(c, session.Frame{Raw: payload}, session.AtOnce); err != nil {
		t.Fatal(err)
	}
	if f, _ := p.frame(); string(f.Payload) != "no room" || string(payload) != "no room" {
		t.Fatalf("sent %q, left %q", f.Payload, payload)
	}
}

func TestOneFrameToSeveralClients(t *testing.T) {
	conns := make(chan *wire.Conn)
	done := make(chan struct{})
	defer close(done)
	url := serve(t, wire.Options{}, func(c *wire.Conn) {
		conns <- c
		<-done
	})
	var peers []*rawPeer
	var clients []*wire.Conn
	for range 3 {
		peers = append(peers, dialRaw(t, url))
		clients = append(clients, <-conns)
	}
	_, up := acceptRaw(t, wire.DialOptions{}, text("for all"))
	f, err := up.Read()
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for _, c := range clients {
		writers.Go(func() {
			if err := send(c, f, session.AtOnce); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	for _, p := range peers {
		if f, _ := p.frame(); string(f.Payload) != "for all" {
			t.Fatalf("got %q", f.Payload)
		}
	}
}

func TestTrustedUpstreamIsNotChecked(t *testing.T) {
	_, c := acceptRaw(t, wire.DialOptions{Options: wire.Options{TrustUTF8: true}}, text("\xff"))
	wantText(t, c, "\xff")
}

func TestChurnLeavesNothing(t *testing.T) {
	url := serve(t, wire.Options{}, func(c *wire.Conn) { echoEach(c) })
	before := descriptors()
	for range 20 {
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				c := dial(t, url, wire.DialOptions{})
				sendText(t, c, "hello")
				wantText(t, c, "hello")
				c.Close(1000, "")
			})
		}
		all.Wait()
	}
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for descriptors() > before+2 { // the last ones go when their peers do; the test's time limit ends this
		<-look.C
	}
}

// descriptors counts this process's; 0 where that cannot be told.
func descriptors() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

// pipe is a client's end over net.Pipe, which has no descriptor, and its raw peer.
func pipe(t testing.TB, o wire.Options) (*rawPeer, *wire.Conn) {
	t.Helper()
	near, far := net.Pipe()
	accepted := make(chan *rawPeer, 1)
	go func() { accepted <- answerRaw(t, far, nil) }()
	c := dial(t, "ws://pipe", wire.DialOptions{Options: o, Net: pipeDialer(near)})
	p := <-accepted
	t.Cleanup(func() { far.Close() })
	return p, c
}

func TestEchoOverAPipe(t *testing.T) {
	p, c := pipe(t, wire.Options{})
	done := make(chan error, 1)
	go func() { done <- echoEach(c) }()
	for _, n := range []int{0, 1, 126, 70_000} {
		go p.nc.Write(join(ping("p"), text(strings.Repeat("x", n))))
		pongs := 0
		for f, _ := p.frame(); ; f, _ = p.frame() {
			if f.Header.OpCode == ws.OpPong {
				pongs++
			} else if len(f.Payload) != n {
				t.Fatalf("got %v, want %d", f.Header, n)
			} else {
				break
			}
		}
	}
	p.write(closing(4004, ""))
	for f, ok := p.frame(); ok; f, ok = p.frame() {
		if f.Header.OpCode == ws.OpClose && string(f.Payload) != "\x0f\xa4" {
			t.Fatalf("close frame %q", f.Payload)
		}
	}
	wantClose(t, <-done, 4004, "")
}

func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := wire.Options{PingEvery: 20 * time.Second, PongWait: 5 * time.Second}
		p, c := pipe(t, o)
		_ = p.nc.SetDeadline(time.Time{})
		start := time.Now()
		ended := make(chan error, 1)
		go func() {
			_, err := c.Read()
			for err == nil {
				_, err = c.Read()
			}
			ended <- err
		}()
		p.wantPing(start, 20*time.Second)
		p.write(pong("")) // answered: the next is due 20 s later
		p.wantPing(start, 40*time.Second)
		p.write(text("busy")) // anything will do
		p.wantPing(start, 60*time.Second)
		if _, err := io.Copy(io.Discard, p.br); err != nil { // no answer
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, wire.ErrSilent) {
			t.Fatalf("ended with %v", err)
		}
		if after := time.Since(start); after != 65*time.Second {
			t.Fatalf("dropped after %v", after)
		}
	})
}

func (p *rawPeer) wantPing(start time.Time, after time.Duration) {
	p.t.Helper()
	f, ok := p.frame()
	if !ok || f.Header.OpCode != ws.OpPing || time.Since(start) != after {
		p.t.Fatalf("after %v: %v; want a ping after %v", time.Since(start), f.Header, after)
	}
}

func TestNoKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := pipe(t, wire.Options{PingEvery: -1})
		_ = p.nc.SetDeadline(time.Now().Add(24 * time.Hour))
		if _, err := p.br.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %v in a day of silence", err)
		}
		c.Close(1006, "")
	})
}

// Buffered promises a frame: what it finds instead leaves the frame before alone.
func TestBufferedPromisesAFrame(t *testing.T) {
	for name, next := range map[string][]byte{
		"close": bye, "garbage": op(11, "x"), "not UTF-8": text("\xff"), "binary": bin("b"),
		"too big": text(long(testLimit + 1)), "far too big": text(long(5 * testLimit)), "half": text("half")[:3],
	} {
		t.Run(name, func(t *testing.T) {
			c := wire.Wrap(&scripted{in: join(text("first"), next), step: 1 << 20}, false, wire.Options{ReadLimit: testLimit})
			defer c.Close(1006, "")
			f, err := c.Read()
			if err != nil || c.Buffered() || c.Buffered() {
				t.Fatalf("read %v, buffered %v", err, c.Buffered())
			}
			if string(f.Payload()) != "first" {
				t.Fatalf("frame became %q", f.Payload())
			}
			if f, err := c.Read(); err == nil {
				t.Fatalf("read %q", f.Payload())
			}
		})
	}
}
