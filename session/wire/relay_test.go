package wire_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"switchboard/session"
	"switchboard/session/wire"
)

// relay passes on what comes until either connection ends.
func relay(from, to *wire.Conn) error {
	return from.Each(func(f session.Frame, err error) error {
		if err != nil {
			return err
		}
		return send(to, f, timing(from))
	})
}

// rig is a gateway with one session: a browser and an upstream, both raw sockets that
// allocate nothing, and the two legs between them.
type rig struct {
	browser, upstream *rawPeer
	ends              [2]chan error
}

func newRig(t testing.TB, o wire.Options, relay func(from, to *wire.Conn) error) *rig {
	t.Helper()
	upstream, up := acceptRaw(t, wire.DialOptions{Options: o}, nil)
	r := &rig{upstream: upstream, ends: [2]chan error{make(chan error, 1), make(chan error, 1)}}
	url := serve(t, o, func(down *wire.Conn) {
		go func() { r.ends[1] <- relay(up, down) }()
		r.ends[0] <- relay(down, up)
	})
	r.browser = dialRaw(t, url)
	t.Cleanup(func() {
		r.browser.nc.Close()
		r.upstream.nc.Close()
		<-r.ends[0]
		<-r.ends[1]
	})
	return r
}

// pass sends frame from one raw end and reads size bytes at the other.
func pass(t testing.TB, from, to net.Conn, frame, got []byte) {
	if _, err := from.Write(frame); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(to, got); err != nil {
		t.Fatal(err)
	}
}

// An append of 40 ms and a delta of 50 ms, as in base64'd PCM at 24 kHz.
var (
	appendEvent = strings.Repeat("A", 2560)
	deltaEvent  = strings.Repeat("A", 3400)
)

func TestRelayIsByteForByte(t *testing.T) {
	r := newRig(t, wire.Options{}, relay)
	for _, n := range []int{0, 1, 125, 126, 65535, 65536, 200_000} {
		want := strings.Repeat("e", n)
		go r.browser.nc.Write(maskAll(text(want)))
		f, _ := r.upstream.frame()
		if string(f.Payload) != want || !f.Header.Masked {
			t.Fatalf("upstream got %d bytes, masked %v; want %d", len(f.Payload), f.Header.Masked, n)
		}
		go r.upstream.nc.Write(text(want))
		f, _ = r.browser.frame()
		if string(f.Payload) != want || f.Header.Masked {
			t.Fatalf("browser got %d bytes, masked %v; want %d", len(f.Payload), f.Header.Masked, n)
		}
	}
}

// Frames that come in one read go out in one write, pings between them or not.
func TestRelayOfManyFramesInOneRead(t *testing.T) {
	r := newRig(t, wire.Options{}, relay)
	var frames [][]byte
	for i := range 300 {
		frames = append(frames, text(fmt.Sprintf("event %d %s", i, strings.Repeat("x", i*3))))
		if i%7 == 0 {
			frames = append(frames, ping("p"), first("frag"), pong(""), last("ment"))
		}
	}
	var want []string
	sent := join(frames...)
	go r.browser.nc.Write(maskAll(sent))
	go r.upstream.nc.Write(sent)
	for i := range 300 {
		want = append(want, fmt.Sprintf("event %d %s", i, strings.Repeat("x", i*3)))
		if i%7 == 0 {
			want = append(want, "fragment")
		}
	}
	for _, p := range []*rawPeer{r.upstream, r.browser} {
		for i, want := range want {
			f, ok := p.frame()
			for ok && f.Header.OpCode.IsControl() {
				f, ok = p.frame()
			}
			if !ok || string(f.Payload) != want {
				t.Fatalf("frame %d is %.40q, want %.40q", i, f.Payload, want)
			}
		}
	}
}

func BenchmarkRelay(b *testing.B) {
	for _, size := range []int{2560, 6600} {
		for how, relay := range map[string]func(from, to *wire.Conn) error{"Each": relay, "Read": relayByRead} {
			b.Run(fmt.Sprintf("%d/%s", size, how), func(b *testing.B) {
				r := newRig(b, wire.Options{}, relay)
				up, down := maskAll(text(strings.Repeat("a", size))), text(strings.Repeat("a", size))
				got := make([]byte, len(up))
				b.ReportAllocs()
				for b.Loop() {
					pass(b, r.browser.nc, r.upstream.nc, up, got[:len(up)])
					pass(b, r.upstream.nc, r.browser.nc, down, got[:len(down)])
				}
			})
		}
	}
}

func relayByRead(from, to *wire.Conn) error {
	for {
		f, err := from.Read()
		if err != nil {
			return err
		}
		if err := send(to, f, timing(from)); err != nil {
			return err
		}
	}
}

// BenchmarkRelayFlatOut has a backlog all the time, so that a read brings several frames.
func BenchmarkRelayFlatOut(b *testing.B) {
	r := newRig(b, wire.Options{}, relay)
	frame := text(strings.Repeat("a", 6600))
	batch := bytes.Repeat(frame, 16)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for n := 0; n < b.N; n += 16 {
			if _, err := r.upstream.nc.Write(batch); err != nil {
				return
			}
		}
	}()
	got := make([]byte, len(batch))
	for n := 0; n < b.N; n += 16 {
		if _, err := io.ReadFull(r.browser.nc, got); err != nil {
			b.Fatal(err)
		}
	}
}
