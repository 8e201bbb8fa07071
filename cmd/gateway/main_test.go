package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"switchboard/session/redisstore/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parse reads flags as main does, with an environment of the test's own.
func parse(t testing.TB, env map[string]string, args ...string) (config, error) {
	t.Helper()
	for _, name := range []string{"OPENAI_API_KEY", "OPENAI_BASE_URL", "REDIS_URL", "SWITCHBOARD_API_KEYS", "SWITCHBOARD_LISTEN"} {
		t.Setenv(name, "") // for its clean-up
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	var c config
	p, err := kong.New(&c, options()...)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Parse(args)
	return c, err
}

// start runs the program until the test ends it, and returns its address and demo key.
func start(t *testing.T, c config) (url, key string, stop func()) {
	t.Helper()
	return startLogging(t, c, t.Output())
}

func startLogging(t *testing.T, c config, to io.Writer) (url, key string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, c, in, slog.New(slog.NewTextHandler(to, nil)))
		in.CloseWithError(io.EOF)
		ended <- err
	}()
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	if err != nil {
		cancel()
		t.Fatalf("no first line: %v, %v", err, <-ended)
	}
	go io.Copy(io.Discard, lines) // ends with the pipe
	m := regexp.MustCompile(`^page  (https?://127\.0\.0\.1:\d+)/#key=(sk-[a-z0-9-]+)\n$`).FindStringSubmatch(first)
	if m == nil {
		t.Fatalf("first line %q", first)
	}
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)
	return m[1], m[2], stop
}

func call(t testing.TB, client *http.Client, method, url, key, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	client.CloseIdleConnections()
	return res.StatusCode, string(raw)
}

func TestDemoRunsASessionAndStops(t *testing.T) {
	c, err := parse(t, map[string]string{"SWITCHBOARD_API_KEYS": "mine:app:sk-mine"}, "--demo", "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url, key, stop := start(t, c)
	for path, want := range map[string]int{"/": 200, "/readyz": 200, "/healthz": 200, "/docs": 200, "/realtime/sessions": 200, "/nothing": 404} {
		if status, body := call(t, http.DefaultClient, "GET", url+path, key, ""); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	_, nothing := call(t, http.DefaultClient, "GET", url+"/nothing", key, "")
	if _, none := call(t, http.DefaultClient, "GET", url+"/assets/none.js", key, ""); none != nothing {
		t.Errorf("no asset: %s, no address: %s", none, nothing)
	}
	if status, body := call(t, http.DefaultClient, "POST", url+"/realtime/sessions", "sk-mine", `{"session_id":"one"}`); status != 201 {
		t.Errorf("create with the given key: %d %s", status, body)
	}
	if status, body := call(t, http.DefaultClient, "POST", url+"/realtime/sessions/one/message", key, `{"text":"hi"}`); status != 200 {
		t.Errorf("message with the demo key: %d %s", status, body)
	}
	client, _, err := websocket.Dial(t.Context(), url+"/realtime/sessions/one/relay", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer sk-mine"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseNow()
	client.SetReadLimit(-1)
	if _, raw, err := client.Read(t.Context()); err != nil || !strings.Contains(string(raw), "session.created") {
		t.Fatalf("first event %s, %v", raw, err)
	}
	go stop()
	for err == nil {
		_, _, err = client.Read(t.Context())
	}
	if websocket.CloseStatus(err) != websocket.StatusServiceRestart {
		t.Errorf("stopped with %v, want 1012: come back", err)
	}
}

func TestDemoKeepsItsStateInTheRedisGiven(t *testing.T) {
	redis, err := embedded.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	c, err := parse(t, map[string]string{"REDIS_URL": redis.URL()}, "--demo", "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url, key, stop := start(t, c)
	if status, body := call(t, http.DefaultClient, "POST", url+"/realtime/sessions", key, `{"session_id":"one"}`); status != 201 {
		t.Fatalf("create: %d %s", status, body)
	}
	stop()
	url, key, stop = start(t, c)
	defer stop() // before Redis
	if status, body := call(t, http.DefaultClient, "GET", url+"/realtime/sessions/one", key, ""); status != 200 || strings.Contains(body, `"status":"ended"`) {
		t.Errorf("after a restart the session does not go on: %d %s", status, body)
	}
}

func TestTLS(t *testing.T) {
	certFile, keyFile, roots := certificate(t)
	c, err := parse(t, nil, "--demo", "--listen", "127.0.0.1:0", "--tls-cert", certFile, "--tls-key", keyFile)
	if err != nil {
		t.Fatal(err)
	}
	url, key, _ := start(t, c)
	if !strings.HasPrefix(url, "https://") {
		t.Errorf("address %s", url)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	status, body := call(t, client, "POST", url+"/realtime/sessions", key, `{"session_id":"one"}`)
	if status != 201 || !strings.Contains(body, `"relay_url":"wss://`) {
		t.Errorf("%d %s", status, body)
	}
	res, err := client.Get(url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := res.Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("HSTS %q", got)
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

func TestBadConfigurationIsOneClearLine(t *testing.T) {
	complete := map[string]string{"OPENAI_API_KEY": "sk-x", "REDIS_URL": "redis://127.0.0.1:1", "SWITCHBOARD_API_KEYS": "a:app:topsecret"}
	without := func(name string) map[string]string {
		env := map[string]string{}
		for k, v := range complete {
			if k != name {
				env[k] = v
			}
		}
		return env
	}
	for name, row := range map[string]struct {
		env  map[string]string
		args []string
		want string
	}{
		"no OpenAI key":   {without("OPENAI_API_KEY"), nil, "OPENAI_API_KEY is not set"},
		"no Redis":        {without("REDIS_URL"), nil, "REDIS_URL is not set"},
		"no keys":         {without("SWITCHBOARD_API_KEYS"), nil, "SWITCHBOARD_API_KEYS is not set"},
		"bad listen":      {complete, []string{"--listen", "8080"}, "--listen: want host:port"},
		"bad public URL":  {complete, []string{"--public-url", "example.com"}, "--public-url: want http"},
		"bad origin":      {complete, []string{"--allowed-origins", "app.example"}, "--allowed-origins: want https://host"},
		"half a pair":     {complete, []string{"--tls-cert", "x"}, "one needs the other"},
		"bad duration":    {complete, []string{"--lease", "soon"}, "--lease"},
		"short lease":     {complete, []string{"--lease", "1s"}, "--lease: must be at least 5s"},
		"long TTL":        {complete, []string{"--token-ttl", "3h"}, "--token-ttl: must be from 10s to 2h"},
		"negative limit":  {complete, []string{"--max-seconds=-1"}, "must not be negative"},
		"bad level":       {complete, []string{"--log-level", "loud"}, "log-level"},
		"bad format":      {complete, []string{"--log-format", "xml"}, "--log-format"},
		"unknown flag":    {complete, []string{"--lissten", ":1"}, "unknown flag"},
		"bad keys":        {map[string]string{"OPENAI_API_KEY": "sk-x", "REDIS_URL": "redis://127.0.0.1:1", "SWITCHBOARD_API_KEYS": "topsecret"}, nil, "want name:role:secret"},
		"short secret":    {map[string]string{"OPENAI_API_KEY": "sk-x", "REDIS_URL": "redis://127.0.0.1:1", "SWITCHBOARD_API_KEYS": "a:app:x"}, nil, `API key "a": the secret must have at least 6 characters`},
		"bad Redis":       {map[string]string{"OPENAI_API_KEY": "sk-x", "REDIS_URL": "http://u:topsecret@h", "SWITCHBOARD_API_KEYS": "a:app:sk-mine"}, nil, "--redis-url"},
		"bad upstream":    {complete, []string{"--openai-base-url", "ftp://x"}, "--openai-base-url"},
		"no such policy":  {complete, []string{"--policies", "/nonexistent"}, "--policies"},
		"no such keys":    {complete, []string{"--api-keys-file", "/nonexistent"}, "--api-keys-file"},
		"no certificate":  {complete, []string{"--tls-cert", "/nonexistent", "--tls-key", "/nonexistent"}, "--tls-cert"},
		"no such address": {complete, []string{"--listen", "192.0.2.1:1"}, "--listen"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := parse(t, row.env, append([]string{"--listen", "127.0.0.1:0"}, row.args...)...)
			if err == nil {
				err = run(t.Context(), c, io.Discard, slog.New(slog.DiscardHandler))
			}
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %v, want a line with %q", err, row.want)
			}
			if strings.Contains(err.Error(), "topsecret") {
				t.Errorf("%v tells a secret", err)
			}
		})
	}
}

// With an address of their own for nodes, clients find nothing that is for nodes.
func TestNodesHaveAnAddressOfTheirOwn(t *testing.T) {
	c, err := parse(t, nil, "--demo", "--listen", "127.0.0.1:0", "--internal-listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log logBook
	url, key, stop := startLogging(t, c, &log)
	said := log.text()
	m := regexp.MustCompile(`nodes=(http://127\.0\.0\.1:\d+)`).FindStringSubmatch(said)
	if m == nil || m[1] == url {
		t.Fatalf("log %s", said)
	}
	for base, want := range map[string]int{url: 404, m[1]: 401} {
		if status, body := call(t, http.DefaultClient, "POST", base+"/internal/sessions/one", key, "{}"); status != want {
			t.Errorf("%s: %d %s, want %d", base, status, body, want)
		}
		if status, body := call(t, http.DefaultClient, "GET", base+"/realtime/sessions", key, ""); status != 200 {
			t.Errorf("%s: %d %s", base, status, body)
		}
	}
	stop()
}
