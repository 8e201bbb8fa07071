package gateway_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/gobwas/ws"

	"switchboard/gateway"
	"switchboard/session"
)

// sink takes what it is given.
type sink struct{ bytes.Buffer }

func (*sink) Close() error { return nil }

// Wherever the client's bytes are cut, the close frame stands behind the frame that was
// under way, and nothing follows it.
func TestHopLeavesBetweenFrames(t *testing.T) {
	var stream []byte
	var ends []int
	for _, size := range []int{0, 5, 125, 126, 70000, 1} {
		f := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame(bytes.Repeat([]byte("x"), size))))
		stream = append(stream, f...)
		ends = append(ends, len(stream))
	}
	for range 300 {
		owner := &sink{}
		h, leave := gateway.NewHop(owner)
		at := rand.IntN(len(stream))
		if rand.IntN(2) == 0 { // where headers are
			at = min(len(stream)-1, max(0, ends[rand.IntN(len(ends))]-10+rand.IntN(20)))
		}
		write(t, h, stream[:at])
		leave()
		write(t, h, stream[at:])
		want := 0
		for _, end := range ends {
			if want = end; end >= at {
				break
			}
		}
		if at == 0 {
			want = 0
		}
		got := owner.Bytes()
		if len(got) < want || !bytes.Equal(got[:want], stream[:want]) {
			t.Fatalf("cut at %d: %d bytes, want %d and a close frame", at, len(got), want)
		}
		rest := bytes.NewReader(got[want:])
		head, err := ws.ReadHeader(rest)
		if err != nil || head.OpCode != ws.OpClose || len(got) != want+8 {
			t.Fatalf("cut at %d: behind it %x, %v", at, got[want:], err)
		}
		body := got[len(got)-rest.Len():]
		if head.Masked {
			ws.Cipher(body, head.Mask, 0)
		}
		if code, _ := ws.ParseCloseFrameData(body); code != session.CloseMoved {
			t.Fatalf("closed with %d", code)
		}
	}
}

// write writes in pieces of random sizes.
func write(t *testing.T, w io.Writer, p []byte) {
	t.Helper()
	for len(p) > 0 {
		n := 1 + rand.IntN(min(len(p), 1+rand.IntN(20000)))
		if took, err := w.Write(p[:n]); took != n || err != nil {
			t.Fatalf("wrote %d of %d: %v", took, n, err)
		}
		p = p[n:]
	}
}

// A node that stops sends away whom it forwarded, in the way it does its own clients.
func TestNodeStopsThatForwards(t *testing.T) {
	f := newFleet(t, 2)
	a, b := f.nodes[0], f.nodes[1]
	f.on(b, 201, "POST", "/realtime/sessions", `{"session_id":"one"}`)
	c := f.attach(a, "one", "")
	until(t, c, "session.created")
	r, err := http.NewRequestWithContext(t.Context(), "GET", a.url+"/realtime/sessions/one/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+app)
	events, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	go a.drain()
	if _, err := io.ReadAll(events.Body); err != nil {
		t.Errorf("the event stream broke off: %v", err)
	}
	for err = nil; err == nil; {
		_, _, err = c.Read(t.Context())
	}
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != session.CloseMoved {
		t.Errorf("the client saw %v", err)
	}
	f.on(b, 200, "POST", "/realtime/sessions/one/audio/clear", "")
}

// What a node is told has moved it looks for again, and whoever has it gets all that was asked.
func TestRequestFollowsAMove(t *testing.T) {
	f := newFleet(t, 1)
	var asked string
	var lease session.Lease
	before := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked += string(body)
		f.release(lease)
		w.Header().Set("Switchboard-Moved", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer before.Close()
	lease = f.acquire("one", before.URL)
	record := session.Record{ID: "one", Key: "one-app", Status: session.StatusActive, Model: "gpt-realtime-2.1", CreatedAt: time.Now()}
	if _, err := f.mem.Apply(t.Context(), []session.Change{{ID: "one", Epoch: lease.Epoch, Record: &record}}); err != nil {
		t.Fatal(err)
	}
	f.url = f.nodes[0].url
	f.must(200, "POST", "/realtime/sessions/one/message", operator, `{"text":"hello there","respond":false}`)
	if asked != `{"text":"hello there","respond":false}` {
		t.Errorf("the first was asked %q", asked)
	}
	if items := f.must(200, "GET", "/realtime/sessions/one/items", operator, ""); !strings.Contains(string(items.body), "hello there") {
		t.Errorf("items %s", items.body)
	}
}

// A node that is frozen takes connections and answers nothing: what changes nothing is
// asked where the session is once the lease is over.
func TestNodeFrozen(t *testing.T) {
	f := newFleet(t, 1)
	gateway.SetLookWait(f.nodes[0].gateway, 50*time.Millisecond)
	thaw := make(chan struct{})
	var lease session.Lease
	frozen := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		f.release(lease)
		<-thaw
	}))
	defer frozen.Close()
	defer close(thaw)
	lease = f.acquire("one", frozen.URL)
	f.on(f.nodes[0], 404, "GET", "/realtime/sessions/one", "")
}

// A node that is frozen, or cut off, says nothing to whom it has; once another has the
// session they are sent to come back, and an event stream ends.
func TestNodeLostWithoutAWord(t *testing.T) {
	f := newFleet(t, 1)
	a := f.nodes[0]
	thaw := make(chan struct{})
	var lease session.Lease
	frozen := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			if _, err := f.mem.Transfer(r.Context(), lease, session.Holder{Node: "http://elsewhere", Incarnation: "elsewhere"}); err != nil {
				t.Error(err)
			}
		} else if c, err := websocket.Accept(w, r, nil); err == nil {
			defer c.CloseNow()
		}
		<-thaw
	}))
	defer frozen.Close()
	defer close(thaw)
	lease = f.acquire("one", frozen.URL)
	c := f.attach(a, "one", "")
	defer c.CloseNow()
	f.url = a.url
	if got := f.must(200, "GET", "/realtime/sessions/one/events", app, ""); len(got.body) > 0 {
		t.Errorf("the stream said %q", got.body)
	}
	var closed websocket.CloseError
	if _, _, err := c.Read(t.Context()); !errors.As(err, &closed) || closed.Code != session.CloseMoved {
		t.Errorf("the client saw %v", err)
	}
}

// What may have been done by a node that is lost is not waited for any longer.
func TestNodeLostWithAPostInHand(t *testing.T) {
	f := newFleet(t, 1)
	thaw := make(chan struct{})
	var lease session.Lease
	frozen := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := f.mem.Transfer(r.Context(), lease, session.Holder{Node: "http://elsewhere", Incarnation: "elsewhere"}); err != nil {
			t.Error(err)
		}
		<-thaw
	}))
	defer frozen.Close()
	defer close(thaw)
	lease = f.acquire("one", frozen.URL)
	if problem := f.on(f.nodes[0], 502, "POST", "/realtime/sessions/one/message", `{"text":"hello"}`); !strings.Contains(string(problem.body), "node-lost") {
		t.Errorf("the problem is %s", problem.body)
	}
}

// An owner whose connection breaks is answered for behind the frame that it sent last.
func TestHopAnswersForALostOwner(t *testing.T) {
	whole := ws.MustCompileFrame(ws.NewTextFrame([]byte("hello")))
	bye := ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(1000, "")))
	moved := ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(session.CloseMoved, "the session's node was lost: connect again")))
	for name, row := range map[string]struct{ sent, want []byte }{
		"between frames":    {whole, append(bytes.Clone(whole), moved...)},
		"before the first":  {nil, moved},
		"inside a frame":    {whole[:3], whole[:3]},
		"behind a farewell": {bye, bye},
	} {
		owner := &sink{}
		owner.Write(row.sent)
		h, _ := gateway.NewHop(owner)
		go h.Close() // as the client that has seen the end
		if got, _ := io.ReadAll(h); !bytes.Equal(got, row.want) {
			t.Errorf("%s: %x, want %x", name, got, row.want)
		}
	}
}

// A fleet forwards most of its sockets, so what one holds counts.
func TestHopHoldsLittle(t *testing.T) {
	const hops = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range hops {
		h, _ := gateway.NewHop(&sink{})
		if _, err := io.Copy(h, struct{ io.Reader }{strings.NewReader("")}); err != nil {
			t.Fatal(err)
		}
		_ = h.(interface{ CloseWrite() error }).CloseWrite() // the client sends no more
		_, _ = io.Copy(struct{ io.Writer }{io.Discard}, h)   // fails when the owner is gone, which it is
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / hops; each > 18<<10 {
		t.Errorf("a hop takes %d bytes", each)
	}
}

// BenchmarkHop passes a frame up and one down, as BenchmarkRelay of session/wire does.
func BenchmarkHop(b *testing.B) {
	for _, size := range []int{2560, 6600} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			client, near := tcpPair(b)
			far, owner := tcpPair(b)
			h, _ := gateway.NewHop(far.(*net.TCPConn))
			var both sync.WaitGroup
			both.Go(func() { _, _ = io.Copy(h, near) })
			both.Go(func() { _, _ = io.Copy(near, h) })
			defer both.Wait()
			defer h.Close()
			defer near.Close()
			up := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame(bytes.Repeat([]byte("a"), size))))
			down := ws.MustCompileFrame(ws.NewTextFrame(bytes.Repeat([]byte("a"), size)))
			got := make([]byte, len(up))
			b.ReportAllocs()
			for b.Loop() {
				_, err := client.Write(up)
				_, err2 := io.ReadFull(owner, got[:len(up)])
				_, err3 := owner.Write(down)
				_, err4 := io.ReadFull(client, got[:len(down)])
				if err := errors.Join(err, err2, err3, err4); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// tcpPair is the two ends of a connection.
func tcpPair(b *testing.B) (dialled, accepted net.Conn) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	if dialled, err = net.Dial("tcp", l.Addr().String()); err != nil {
		b.Fatal(err)
	}
	if accepted, err = l.Accept(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { dialled.Close(); accepted.Close() })
	return dialled, accepted
}
