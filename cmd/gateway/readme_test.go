package main

import (
	"bytes"
	"io"
	"log/slog"
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
	c, err := parse(t, nil, "--demo", "--listen", "127.0.0.1:0", "--job-poll", "100ms")
	if err != nil {
		t.Fatal(err)
	}
	c.demoBatch, c.demoTuned = 4*time.Second, 2*time.Second // the batch is to be seen on its way
	var said logBook
	before := slog.Default() // what people are told goes there, as main sets it
	slog.SetDefault(slog.New(slog.NewTextHandler(&said, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	url, key, stop := startLogging(t, c, io.MultiWriter(&said, t.Output()))
	rows := []struct {
		begins       string
		prints, told []string
	}{
		{"curl", []string{`"session_id":"hello"`, `"status":"sent"`, `Answer in French.`, `"status":"ended"`}, nil},
		{"BATCH=", []string{"in_progress 0.", "completed 1", `"type":"batch.completed"`, `"custom_id":"q1"`, `"custom_id":"q100"`, "You said: Question 7"},
			[]string{"is completed: 100 of 100 requests answered."}},
		{"JOB=", []string{`"smoke_test":{"ok":true`, `"train_loss":`, `"mark":"promoted"`}, []string{"Fine-tuning ftjob-", "it answered:"}},
	}
	blocks, printed := shellBlocks(t), make([]string, len(rows))
	var people sync.WaitGroup
	for i, row := range rows {
		people.Go(func() { printed[i] = paste(t, blocks[row.begins], "GATEWAY="+url, "KEY="+key) })
	}
	people.Wait()
	for i, row := range rows {
		for _, want := range row.prints {
			if !strings.Contains(printed[i], want) {
				t.Errorf("%s: %q was not printed, but\n%s", row.begins, want, printed[i])
			}
		}
		for _, want := range row.told {
			said.await(t, want)
		}
	}
	stop()
	if strings.Contains(said.text(), key) || strings.Contains(said.text(), "whsec_") {
		t.Error("a secret was logged")
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
