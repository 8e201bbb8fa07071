package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
)

// recorder writes the events of one leg to a file, one {"dir","event"} a line.
type recorder struct {
	path string
	file *os.File
	mu   sync.Mutex // guards err
	err  error      // the first
}

func newRecorder(t *testing.T, name string) *recorder {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	return &recorder{path: path, file: file}
}

func (r *recorder) event(dir string, event []byte) {
	if !json.Valid(event) {
		r.fail(fmt.Errorf("%s is not JSON: %.200q", dir, event))
		return
	}
	_, err := fmt.Fprintf(r.file, "{\"dir\":%q,\"event\":%s}\n", dir, event) // one write, so whole lines
	r.fail(err)
}

func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

func (r *recorder) close(t *testing.T) {
	t.Helper()
	if err := r.file.Close(); r.err == nil {
		r.err = err
	}
	if r.err != nil {
		t.Errorf("recording: %v", r.err)
	}
}

// tap stands between clients and a gateway that serves TLS. It passes every byte on as it
// is, and hands the WebSocket events among them to a recorder.
type tap struct {
	listener net.Listener
	target   string
	config   *tls.Config // of both sides
	record   *recorder
	running  sync.WaitGroup
}

func newTap(t *testing.T, target string, config *tls.Config, record *recorder) *tap {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	tp := &tap{listener: l, target: target, config: config, record: record}
	tp.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			tp.running.Go(func() { tp.join(c) })
		}
	})
	return tp
}

func (tp *tap) url() string { return "https://" + tp.listener.Addr().String() }

// close waits until every client has left.
func (tp *tap) close() {
	_ = tp.listener.Close()
	tp.running.Wait()
}

func (tp *tap) join(client net.Conn) {
	defer client.Close()
	gateway, err := tls.Dial("tcp", tp.target, tp.config)
	if err != nil {
		tp.record.fail(err)
		return
	}
	defer gateway.Close()
	var both sync.WaitGroup
	both.Go(func() { tp.pass("c2s", gateway, client); gateway.Close() })
	tp.pass("s2c", client, gateway)
	client.Close()
	both.Wait()
}

// pass copies until one end is closed, and reads along.
func (tp *tap) pass(dir string, to io.Writer, from io.Reader) {
	along, in := io.Pipe()
	var reading sync.WaitGroup
	reading.Go(func() {
		r := bufio.NewReader(along)
		if skipHTTP(dir, r) == nil {
			tp.events(dir, r)
		}
		_, _ = io.Copy(io.Discard, r)
	})
	_, _ = io.Copy(to, io.TeeReader(from, in)) // how a connection ends is the clients' business
	in.Close()
	reading.Wait()
}

// skipHTTP reads up to and with the handshake.
func skipHTTP(dir string, r *bufio.Reader) error {
	for {
		var body io.ReadCloser
		done := false
		if dir == "c2s" {
			req, err := http.ReadRequest(r)
			if err != nil {
				return err
			}
			body, done = req.Body, req.Header.Get("Upgrade") != ""
		} else {
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				return err
			}
			body, done = res.Body, res.StatusCode == http.StatusSwitchingProtocols
		}
		if done {
			return nil
		}
		if _, err := io.Copy(io.Discard, body); err != nil {
			return err
		}
	}
}

func (tp *tap) events(dir string, r *bufio.Reader) {
	var message strings.Builder
	for {
		h, err := ws.ReadHeader(r)
		if err != nil {
			return
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(r, payload); err != nil {
			return
		}
		if h.Masked != (dir == "c2s") || h.Rsv != 0 {
			tp.record.fail(fmt.Errorf("%s: frame %+v", dir, h))
		}
		if h.OpCode.IsControl() {
			continue
		}
		if h.Masked {
			ws.Cipher(payload, h.Mask, 0)
		}
		message.Write(payload)
		if h.Fin {
			tp.record.event(dir, []byte(message.String()))
			message.Reset()
		}
	}
}
