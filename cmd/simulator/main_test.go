package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parse reads flags as the program does.
func parse(t *testing.T, args ...string) flags {
	t.Helper()
	var f flags
	parser, err := kong.New(&f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(append(args, "--listen", "127.0.0.1:0")); err != nil {
		t.Fatal(err)
	}
	return f
}

// begin runs the program and returns its URL; the test's end interrupts it.
func begin(t *testing.T, f flags) string {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, f, in) }()
	t.Cleanup(func() {
		interrupt()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// firstEvent dials url and reads one event.
func firstEvent(t *testing.T, url string, roots *x509.CertPool) string {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	ws, _, err := websocket.Dial(t.Context(), url+"/realtime?model=gpt-realtime-2.1", &websocket.DialOptions{ // taken over
		HTTPClient: &http.Client{Transport: transport}, HTTPHeader: http.Header{"Authorization": {"Bearer sk-sim"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }()
	_, event, err := ws.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return string(event)
}

func TestProgramServesAndEnds(t *testing.T) {
	url := begin(t, parse(t, "--key", "sk-sim"))
	if !strings.HasPrefix(url, "http://127.0.0.1:") || !strings.HasSuffix(url, "/v1") {
		t.Fatalf("printed %q", url)
	}
	if event := firstEvent(t, url, nil); !strings.Contains(event, "session.created") {
		t.Errorf("first event is %s", event)
	}
}

func TestFaultFlags(t *testing.T) {
	url := begin(t, parse(t, "--fault-reject", "insufficient_quota"))
	if event := firstEvent(t, url, nil); !strings.Contains(event, "insufficient_quota") {
		t.Errorf("first event is %s", event)
	}
}

func TestBadFlagsStopTheStart(t *testing.T) {
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"--fault-close-code", "1006"}, "close_code"},
		{[]string{"--webhook-forge-percent", "101"}, "forge_percent"},
		{[]string{"--webhook-url", "http://127.0.0.1:1/"}, "--webhook-secret"},
		{[]string{"--webhook-url", "http://127.0.0.1:1/", "--webhook-secret", "whsec_***"}, "--webhook-secret"},
	} {
		var f flags
		parser, err := kong.New(&f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = parser.Parse(append(row.args, "--listen", "127.0.0.1:0")); err == nil {
			err = run(t.Context(), f, io.Discard)
		}
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%v: %v, want something about %s", row.args, err, row.want)
		}
	}
}

func TestProgramServesTLS(t *testing.T) {
	cert, key, roots := certificate(t)
	url := begin(t, parse(t, "--tls-cert", cert, "--tls-key", key))
	if event := firstEvent(t, url, roots); !strings.Contains(event, "session.created") {
		t.Errorf("first event is %s", event)
	}
	if err := run(t.Context(), parse(t, "--tls-cert", cert), io.Discard); err == nil {
		t.Error("a certificate without its key is accepted")
	}
}

// certificate is httptest's, as files; it is for 127.0.0.1.
func certificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	roots = x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return write("cert.pem", "CERTIFICATE", server.Certificate().Raw), write("key.pem", "PRIVATE KEY", key), roots
}
