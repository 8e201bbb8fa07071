package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchboard/cmd/simulator/standin"
	"switchboard/session/redisstore/embedded"
)

const (
	conformance    = "../../gateway/conformance"
	conformanceKey = "sk-conformance"
)

// TestConformance runs OpenAI's own clients against the gateway, and holds every event on
// both of its legs against OpenAI's schemas.
func TestConformance(t *testing.T) {
	install(t)
	clients, upstream := newRecorder(t, "clients.jsonl"), newRecorder(t, "upstream.jsonl")
	t.Run("clients", func(t *testing.T) {
		url, ca, roots := serveRecorded(t, clients, upstream)
		t.Run("openai-go", func(t *testing.T) {
			t.Parallel()
			testOpenAIGo(t, url, roots)
		})
		t.Run("node", func(t *testing.T) {
			t.Parallel()
			runNode(t, []string{"CONFORMANCE_URL=" + url, "CONFORMANCE_KEY=" + conformanceKey, "NODE_EXTRA_CA_CERTS=" + ca},
				"--experimental-websocket", "--test", "test/sdk.test.mjs", "test/agents.test.mjs")
		})
	})
	clients.close(t)
	upstream.close(t)
	if !t.Failed() {
		t.Log(runNode(t, nil, "check.mjs", clients.path, upstream.path))
	}
}

// install makes sure that the clients are as package-lock.json says. It looks at what node
// is going to read, so that go test knows when its result is stale.
func install(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{"*.mjs", "*.yaml", "test/*.mjs", "../../cmd/simulator/standin/testdata/*.json"} {
		files, _ := filepath.Glob(filepath.Join(conformance, pattern)) // the patterns are well formed
		for _, file := range files {
			if _, err := os.Stat(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	want, err := os.Stat(filepath.Join(conformance, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.Stat(filepath.Join(conformance, "node_modules/.package-lock.json"))
	if err == nil && !have.ModTime().Before(want.ModTime()) {
		return
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "npm ci --loglevel=error --no-audit --no-fund && touch node_modules/.package-lock.json")
	cmd.Dir = conformance
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci in gateway/conformance: %v\n%s", err, out)
	}
}

// runNode runs a program of the conformance folder and returns what it said.
func runNode(t *testing.T, env []string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // only a broken client takes so long
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", args...)
	cmd.Dir, cmd.Env = conformance, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// serveRecorded runs the program with TLS before a stand-in and behind a tap, until the
// test ends. It returns the tap's address, and its certificate's authority as a file and ready to use.
func serveRecorded(t *testing.T, clients, upstream *recorder) (url, ca string, roots *x509.CertPool) {
	t.Helper()
	openai := standin.New(standin.Options{Keys: []string{"sk-upstream"}, Speed: 10, Record: upstream.event})
	behind := httptest.NewServer(openai)
	t.Cleanup(func() { behind.Close(); openai.Close() })
	redis, err := embedded.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	certFile, keyFile, roots := certificate(t)
	c, err := parse(t, map[string]string{
		"OPENAI_API_KEY": "sk-upstream", "OPENAI_BASE_URL": behind.URL + "/v1", "REDIS_URL": redis.URL(),
		"SWITCHBOARD_API_KEYS": "conformance:app:" + conformanceKey,
	}, "--listen", "127.0.0.1:0", "--tls-cert", certFile, "--tls-key", keyFile)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, NextProtos: []string{"http/1.1"}}
	tp := newTap(t, strings.TrimPrefix(serve(t, c), "https://"), config, clients)
	t.Cleanup(tp.close)
	return tp.url(), certFile, roots
}

// serve runs the program until the test ends and returns its address, which only the log tells.
func serve(t testing.TB, c config) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended, listening := make(chan error, 1), make(chan string, 1)
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == "url" {
			select {
			case listening <- a.Value.String():
			default:
			}
		}
		return a
	}}))
	go func() { ended <- run(ctx, c, t.Output(), log) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	select {
	case url := <-listening:
		return url
	case err := <-ended:
		ended <- err
		t.Fatalf("run: %v", err)
		return ""
	}
}
