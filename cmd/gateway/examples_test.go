package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// examples are the programs below examples/ that run beside a demo, and what each prints. Those
// that need a browser are in web/test/examples.test.mjs, the manifests in .ci/manifests.
var examples = map[string]struct {
	command  []string
	prints   []string
	notifies []string // what the gateway's log tells people
}{
	"curl/session.sh": {[]string{"bash"}, []string{`"session_id":"hello-`, `"status":"sent"`, "Answer in French.", `"status":"ended"`}, nil},
	"curl/batch.sh": {[]string{"bash"}, []string{"submitted batch_", "completed 1", `"custom_id":"q1"`, `"custom_id":"q100"`, "You said: Question 7"},
		[]string{"is completed: 100 of 100 requests answered."}},
	"curl/fine-tuning.sh": {[]string{"bash"}, []string{"submitted ftjob-", `"smoke_test":{"ok":true`, `"train_loss":`}, []string{"Fine-tuning ftjob-", "it answered:"}},
	"python/hello.py":     {[]string{python()}, []string{" "}, nil},
	"go/main.go":          {[]string{"go", "run"}, []string{" "}, nil},
	"node/hello.mjs":      {[]string{"node"}, []string{" "}, nil},
}

// elsewhere are the files below examples/ that no row runs, and what holds them instead.
var elsewhere = map[string]string{
	"README.md": "prose", "node/package.json": "names what node/hello.mjs imports",
	"browser/index.html": "web/test/examples.test.mjs", "browser/server.mjs": "web/test/examples.test.mjs",
	"nginx/nginx.conf": "TestNginxExample", "kubernetes/switchboard.yaml": ".ci/manifests",
	"monitoring/dashboard.json": "TestMonitoringExamples", "monitoring/alerts.yaml": "TestMonitoringExamples",
}

// python is Debian's, whose packages a person can install; PYTHON names another.
func python() string {
	if name := os.Getenv("PYTHON"); name != "" {
		return name
	}
	return "/usr/bin/python3"
}

// TestExamples runs every example as a person would, beside a demo that serves TLS as the
// JavaScript SDK needs it, and one that does not.
func TestExamples(t *testing.T) {
	var log logBook
	var plain, plainKey string
	t.Cleanup(func() { // behind the end of the gateways
		if strings.Contains(log.text(), plainKey) || strings.Contains(log.text(), "whsec_") {
			t.Error("a secret was logged")
		}
	})
	plain, plainKey = exampleGateway(t, io.MultiWriter(&log, t.Output()))
	secure, secureKey, certFile := secureExampleGateway(t)
	for _, file := range exampleFiles(t) {
		row, ok := examples[file]
		if !ok {
			if elsewhere[file] == "" {
				t.Errorf("examples/%s is run by no test", file)
			}
			continue
		}
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			path, env := filepath.Join("../../examples", file), []string{"GATEWAY=" + plain, "KEY=" + plainKey}
			if strings.HasPrefix(file, "node/") {
				path = besideModules(t, path)
				env = []string{"GATEWAY=" + secure, "KEY=" + secureKey, "NODE_EXTRA_CA_CERTS=" + certFile}
			}
			if row.command[0] == "go" { // what a machine has not compiled yet takes it longer than the example may
				if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", os.DevNull, path).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			printed := runExample(t, append(row.command, path), env)
			for _, want := range row.prints {
				if !strings.Contains(printed, want) {
					t.Errorf("%q was not printed, but\n%s", want, printed)
				}
			}
			for _, want := range row.notifies {
				log.await(t, want)
			}
		})
	}
}

func runExample(t *testing.T, command, env []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // only a broken one waits for it
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = time.Second // what it started may have its output open
	printed, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", command, err, printed)
	}
	return string(printed)
}

// exampleGateway starts a demo whose jobs take moments.
func exampleGateway(t *testing.T, log io.Writer, args ...string) (url, key string) {
	t.Helper()
	c, err := parse(t, nil, append([]string{"--demo", "--listen", "127.0.0.1:0", "--job-poll", "100ms"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	c.demoBatch, c.demoTuned = 2*time.Second, 2*time.Second
	url, key, _ = startLogging(t, c, log)
	return url, key
}

func secureExampleGateway(t *testing.T) (url, key, certFile string) {
	t.Helper()
	certFile, keyFile, _ := certificate(t)
	url, key = exampleGateway(t, t.Output(), "--tls-cert", certFile, "--tls-key", keyFile)
	return url, key, certFile
}

// besideModules copies a file next to the packages that gateway/conformance has installed.
func besideModules(t *testing.T, file string) string {
	t.Helper()
	folder := t.TempDir()
	modules, err := filepath.Abs("../../gateway/conformance/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(folder, filepath.Base(file))
	if err := os.WriteFile(copied, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return copied
}

// exampleFiles lists all files below examples/.
func exampleFiles(t *testing.T) (files []string) {
	t.Helper()
	root := "../../examples"
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == "node_modules" {
			return filepath.SkipDir
		}
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		files = append(files, filepath.ToSlash(name))
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatal("no examples:", err)
	}
	return files
}

// TestNginxExample runs a session through the proxy of examples/nginx in front of two nodes.
func TestNginxExample(t *testing.T) {
	first, key := exampleGateway(t, t.Output())
	raw, err := os.ReadFile("../../examples/nginx/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	folder, port := t.TempDir(), freePort(t)
	node := strings.TrimPrefix(first, "http://")
	conf := strings.NewReplacer("127.0.0.1:8080;", port+";", "127.0.0.1:8081;", node+";", "server 127.0.0.1:8082;", "").Replace(string(raw))
	if err := os.WriteFile(filepath.Join(folder, "nginx.conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	// One process, so that none outlives it when the test's context ends it.
	nginx := exec.CommandContext(t.Context(), "nginx", "-p", folder, "-c", "nginx.conf", "-g", "daemon off; master_process off;")
	nginx.Stdout, nginx.Stderr, nginx.WaitDelay = t.Output(), t.Output(), time.Second
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nginx.Wait() }) // it was ended
	awaitPort(t, port)
	printed := runExample(t, []string{python(), "../../examples/python/hello.py"}, []string{"GATEWAY=http://" + port, "KEY=" + key})
	if strings.TrimSpace(printed) == "" {
		t.Error("no answer came through the proxy")
	}
	if status, body := call(t, http.DefaultClient, "POST", "http://"+port+"/internal/sessions/x", key, "{}"); status != 404 || strings.Contains(body, "problem") {
		t.Errorf("the proxy passes node-to-node routes on: %d %s", status, body)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// awaitPort returns once somebody listens at an address.
func awaitPort(t *testing.T, address string) {
	t.Helper()
	enough := time.Now().Add(time.Minute) // only a broken one takes as long
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
		if time.Now().After(enough) {
			t.Fatal("nobody listens at", address)
		}
	}
}
