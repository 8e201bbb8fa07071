package standin_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchboard/cmd/simulator/standin"
)

const (
	idleSessions = 8000 // two sockets each, under the usual limit of 20,000 files
	inFlight     = 64   // updates that wait for their answers, about what two gateways keep
)

// BenchmarkUpdate has the instructions of one idle session after the other updated, as a
// broadcast does. cpu-µs/op is what that costs the stand-in, in user and kernel: what the
// process spends without the client's thread.
//
//	go test -tags=nomsgpack -run='^$' -bench=Update -benchtime=40000x ./cmd/simulator/standin
func BenchmarkUpdate(b *testing.B) {
	stand := standin.New(standin.Options{})
	server := httptest.NewServer(stand)
	defer server.Close()
	defer stand.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	sockets := make([]socket, idleSessions)
	for i := range sockets {
		sockets[i] = openSocket(b, server.Listener.Addr().(*net.TCPAddr))
		defer sockets[i].close()
	}
	b.ResetTimer()
	begin := otherThreads(b)
	for n := 0; n < b.N; n += inFlight {
		batch := min(inFlight, b.N-n)
		for i := n; i < n+batch; i++ {
			sockets[i%idleSessions].send(b, fmt.Appendf(nil, updateText, i, i))
		}
		for i := n; i < n+batch; i++ {
			sockets[i%idleSessions].answer(b)
		}
	}
	b.ReportMetric(float64((otherThreads(b)-begin).Microseconds())/float64(b.N), "cpu-µs/op")
}

// updateText is what the gateway sends for a broadcast.
const updateText = `{"type":"session.update","event_id":"event_gw_%020d","session":{"type":"realtime","instructions":"Wait. [idle-%d]\n\nSay that the line closes at six."}}`

// otherThreads is the CPU time of the process but for the calling thread.
func otherThreads(b *testing.B) time.Duration {
	var process, thread syscall.Rusage
	for who, usage := range map[int]*syscall.Rusage{syscall.RUSAGE_SELF: &process, rusageThread: &thread} {
		if err := syscall.Getrusage(who, usage); err != nil {
			b.Fatal(err)
		}
	}
	return spent(process) - spent(thread)
}

const rusageThread = 1 // RUSAGE_THREAD of Linux, which package syscall does not have

func spent(u syscall.Rusage) time.Duration {
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// socket is the client's end of a session, read and written by system calls that block,
// so that all it costs is spent on the thread that calls.
type socket int

func openSocket(b *testing.B, addr *net.TCPAddr) socket {
	b.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		b.Fatalf("socket: %v", err)
	}
	s := socket(fd)
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: addr.Port, Addr: [4]byte(addr.IP.To4())}); err != nil {
		b.Fatalf("connect: %v", err)
	}
	s.write(b, []byte("GET /v1/realtime?model=gpt-realtime HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+testKey+
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"))
	r := bufio.NewReader(s)
	if answer, err := http.ReadResponse(r, nil); err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		b.Fatalf("handshake: %v, %v", answer, err)
	}
	if created := readFrame(b, r); !strings.HasPrefix(created, `{"type":"session.created"`) {
		b.Fatalf("got %s", created)
	}
	return s
}

func (s socket) close() { _ = syscall.Close(int(s)) }

// Read implements [io.Reader].
func (s socket) Read(p []byte) (int, error) {
	n, err := syscall.Read(int(s), p)
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return n, err
}

func (s socket) write(b *testing.B, p []byte) {
	if n, err := syscall.Write(int(s), p); err != nil || n < len(p) {
		b.Fatalf("write: %d of %d, %v", n, len(p), err)
	}
}

// send sends an event of 126 to 65,535 bytes, masked with zeros.
func (s socket) send(b *testing.B, event []byte) {
	frame := binary.BigEndian.AppendUint16([]byte{0x81, 0x80 | 126}, uint16(len(event)))
	s.write(b, append(append(frame, 0, 0, 0, 0), event...))
}

func (s socket) answer(b *testing.B) {
	var got [16 << 10]byte
	for n := 0; !bytes.Contains(got[:n], []byte(`"type":"session.updated"`)); { // a ping may come before
		var err error
		if n, err = s.Read(got[:]); err != nil {
			b.Fatalf("read: %v", err)
		}
	}
}

func readFrame(b *testing.B, r io.Reader) string {
	b.Helper()
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		b.Fatalf("read a frame: %v", err)
	}
	payload := make([]byte, binary.BigEndian.Uint16(head[2:]))
	if _, err := io.ReadFull(r, payload); err != nil {
		b.Fatalf("read a frame: %v", err)
	}
	return string(payload)
}
