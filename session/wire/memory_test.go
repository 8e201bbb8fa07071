package wire_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"

	"switchboard/session/wire"
)

// idleSessions is how many BenchmarkIdleSession opens; two descriptors each, here and in
// the process that plays their peers.
const idleSessions = 5000

// peersEnv makes the test binary play the browsers and the upstream, so that what they
// hold is not counted: it is the gateway's address.
const peersEnv = "WIRE_TEST_PEERS"

// BenchmarkIdleSession prints what a session of two legs holds that passed one event each
// way and is silent since. Run it with -benchtime 1x.
func BenchmarkIdleSession(b *testing.B) {
	for range b.N {
		before, rssBefore := settled(b)
		stop := openSessions(b)
		after, rssAfter := settled(b)
		kib := func(from, to uint64) float64 { return float64(int64(to-from)) / idleSessions / 1024 }
		b.ReportMetric(kib(rssBefore, rssAfter), "KiB-RSS/session")
		b.ReportMetric(kib(before.HeapAlloc, after.HeapAlloc), "KiB-heap/session")
		b.ReportMetric(kib(before.StackInuse, after.StackInuse), "KiB-stack/session")
		stop()
	}
}

// openSessions relays for the peers of another process; stop ends them all.
func openSessions(b *testing.B) (stop func()) {
	var relays sync.WaitGroup
	var upstream string
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up, err := wire.Dial(r.Context(), upstream, wire.DialOptions{Options: wire.Options{TrustUTF8: true}})
		if err != nil {
			b.Errorf("dial: %v", err)
			return
		}
		down, err := wire.Accept(w, r, wire.Options{})
		if err != nil {
			b.Errorf("accept: %v", err)
			return
		}
		relays.Go(func() { relay(up, down); down.Close(1000, "") })
		relays.Go(func() { relay(down, up); up.Close(1000, "") })
	}))
	peers := exec.Command(os.Args[0])
	peers.Env = append(os.Environ(), peersEnv+"="+gateway.Listener.Addr().String())
	peers.Stderr = os.Stderr
	in, _ := peers.StdinPipe()
	out, _ := peers.StdoutPipe()
	if err := peers.Start(); err != nil {
		b.Fatal(err)
	}
	said := bufio.NewScanner(out)
	said.Scan()
	upstream = said.Text()
	fmt.Fprintln(in, "go")
	if said.Scan(); said.Text() != "open" {
		b.Fatalf("peers said %q", said.Text())
	}
	return func() {
		in.Close()
		_ = peers.Wait()
		relays.Wait()
		gateway.Close()
	}
}

// settled is the memory in use once everything that can be given back was.
func settled(b *testing.B) (m runtime.MemStats, rss uint64) {
	for range 3 {
		debug.FreeOSMemory()
	}
	runtime.ReadMemStats(&m)
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Log("no RSS here: ", err)
		return m, 0
	}
	pages, _ := strconv.ParseUint(strings.Fields(string(statm))[1], 10, 64)
	return m, pages * uint64(os.Getpagesize())
}

// playPeers opens the sessions, passes an event each way through each, and holds them
// until stdin ends.
func playPeers(gateway string) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("ws://" + ln.Addr().String())
	stdin := bufio.NewReader(os.Stdin)
	if _, err := stdin.ReadString('\n'); err != nil {
		return err
	}
	up, down := maskAll(text(appendEvent)), text(deltaEvent)
	got := make([]byte, len(down))
	for range idleSessions {
		browser, upstream, err := openPeers(gateway, ln)
		if err != nil {
			return err
		}
		defer browser.Close()
		defer upstream.Close()
		_, _ = browser.Write(up)
		if _, err := io.ReadFull(upstream, got[:len(up)]); err != nil {
			return err
		}
		_, _ = upstream.Write(down)
		if _, err := io.ReadFull(browser, got[:len(down)]); err != nil {
			return err
		}
	}
	fmt.Println("open")
	_, err = io.Copy(io.Discard, stdin)
	return err
}

func openPeers(gateway string, ln net.Listener) (browser, upstream net.Conn, err error) {
	if browser, err = net.Dial("tcp", gateway); err != nil {
		return nil, nil, err
	}
	if _, err = browser.Write([]byte(upgradeRequest)); err != nil {
		return nil, nil, err
	}
	if upstream, err = ln.Accept(); err != nil {
		return nil, nil, err
	}
	r, err := http.ReadRequest(bufio.NewReader(upstream))
	if err != nil {
		return nil, nil, err
	}
	if _, err = upstream.Write(upgradeAnswer(r, "")); err != nil {
		return nil, nil, err
	}
	_, err = http.ReadResponse(bufio.NewReader(browser), nil)
	return browser, upstream, err
}
