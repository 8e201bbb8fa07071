package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestReadme has bash run what the README has people paste into a terminal beside the demo.
func TestReadme(t *testing.T) {
	url, key := exampleGateway(t, t.Output())
	printed := paste(t, shellBlocks(t)["curl"], "GATEWAY="+url, "KEY="+key)
	for _, want := range []string{`"session_id":"hello"`, `"status":"sent"`, `Answer in French.`, `"status":"ended"`} {
		if !strings.Contains(printed, want) {
			t.Errorf("%q was not printed, but\n%s", want, printed)
		}
	}
}

// shellBlocks finds the README's blocks of shell by what they begin with.
func shellBlocks(t *testing.T) map[string]string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)\n```sh\n((\\w+=?).*?)```\n").FindAllSubmatch(readme, -1) {
		blocks[string(m[2])] = string(m[1])
	}
	return blocks
}

// paste runs a block of shell as a person would, and returns what it printed.
func paste(t *testing.T, block string, env ...string) string {
	t.Helper()
	if block == "" {
		t.Error("the README has no such block")
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", block)
	cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), env...)
	printed, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, printed)
	}
	return string(printed)
}

// logBook keeps what a program logs.
type logBook struct {
	mu      sync.Mutex
	changed chan struct{} // closed at the next line
	buf     bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	return l.buf.Write(p)
}

func (l *logBook) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// await waits until a text was logged.
func (l *logBook) await(t *testing.T, want string) {
	t.Helper()
	enough := time.After(time.Minute)
	for {
		l.mu.Lock()
		if strings.Contains(l.buf.String(), want) {
			l.mu.Unlock()
			return
		}
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-enough:
			t.Fatalf("%q was not logged", want)
		}
	}
}
