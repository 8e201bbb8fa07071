// Package redistest gives tests Redis. It starts real servers, each with a directory and port
// of its own, and stops, kills and restarts them. It needs redis-server (7.0 or later)
// on the PATH.
package redistest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// install is what a test fails with where there is no Redis.
	install = "redis-server is not on the PATH: install Redis 7.0 or later " +
		"(Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis)"

	// patience is how long a server may take to be ready. It takes 50 ms on its own and
	// 1.4 s as a cluster; a busy machine takes longer.
	patience = 30 * time.Second
)

// Server is a Redis that ends with the test. Its methods fail the test if they cannot do
// what they say; call them from the test's goroutine only.
type Server struct {
	Addr string // host:port where it listens, the same after each Restart
	URL  string // the address for redisstore.Connect

	t      testing.TB
	args   []string
	ready  func() bool
	run    *exec.Cmd     // nil while it is down
	exited chan struct{} // closed when run has ended
	log    *bytes.Buffer // of run, to be read when it has ended
}

// Start runs a Redis that has written to a file what it was told before it answers.
func Start(t testing.TB) *Server {
	t.Helper()
	s := prepare(t, "redis")
	s.ready = func() bool { return s.ask("PING") == "PONG" }
	s.Restart()
	return s
}

// StartCluster runs a cluster of one node, which refuses a call across hash slots as a
// larger one does.
func StartCluster(t testing.TB) *Server {
	t.Helper()
	s := prepare(t, "redis+cluster", "--cluster-enabled", "yes", "--cluster-port", freePort(t))
	s.ready = func() bool {
		info := s.ask("CLUSTER", "INFO")
		if strings.Contains(info, "cluster_slots_assigned:0\r\n") {
			s.ask("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
		}
		return strings.Contains(info, "cluster_state:ok")
	}
	s.Restart()
	return s
}

// StartClusterReplica adds a node to a cluster of one that has what master has. Call TakeOver
// when master is gone: with it went the majority that would have chosen.
func StartClusterReplica(t testing.TB, master *Server) *Server {
	t.Helper()
	s := prepare(t, "redis+cluster", "--cluster-enabled", "yes", "--cluster-port", freePort(t))
	host, port, _ := net.SplitHostPort(master.Addr)
	id := master.ask("CLUSTER", "MYID")
	bus := master.args[len(master.args)-1]
	s.ready = func() bool {
		switch nodes := s.ask("CLUSTER", "NODES"); {
		case !strings.Contains(nodes, id):
			s.ask("CLUSTER", "MEET", host, port, bus)
		case !strings.Contains(nodes, "slave "+id):
			s.ask("CLUSTER", "REPLICATE", id)
		default:
			return s.replication("master_link_status") == "up" && master.mapped() == 2
		}
		return false
	}
	s.Restart()
	return s
}

// mapped is how many nodes the map of a cluster names for its first slots.
func (s *Server) mapped() int {
	client := s.client()
	defer client.Close()
	slots, err := client.Do(context.Background(), "CLUSTER", "SLOTS").Slice()
	if err != nil || len(slots) == 0 {
		return 0
	}
	first, _ := slots[0].([]any)
	return len(first) - 2 // behind the first and the last slot
}

// TakeOver makes a replica of a cluster the master.
func (s *Server) TakeOver() {
	s.t.Helper()
	if answer := s.ask("CLUSTER", "FAILOVER", "TAKEOVER"); answer != "OK" {
		s.t.Fatalf("CLUSTER FAILOVER: %s", answer)
	}
}

// StartReplica runs a Redis that has what master has, and whatever it is told from then on.
func StartReplica(t testing.TB, master *Server) *Server {
	t.Helper()
	host, port, _ := net.SplitHostPort(master.Addr)
	s := prepare(t, "redis", "--replicaof", host, port)
	s.ready = func() bool { return s.replication("master_link_status") == "up" }
	s.Restart()
	return s
}

// StartSentinel runs a Sentinel of its own that watches master, and the replicas that it
// has by then, under the name main: when master was silent for two seconds, one of them
// takes its place.
func StartSentinel(t testing.TB, master *Server) *Server {
	t.Helper()
	s := prepare(t, "redis+sentinel")
	s.URL += "/main"
	host, port, _ := net.SplitHostPort(master.Addr)
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	watch := fmt.Sprintf("sentinel monitor main %s %s 1\nsentinel down-after-milliseconds main 2000\nsentinel failover-timeout main 3000\n", host, port)
	if err := os.WriteFile(file, []byte(watch), 0o600); err != nil {
		t.Fatal(err)
	}
	s.args = append([]string{file, "--sentinel"}, s.args[:4]...)
	replicas := master.replication("connected_slaves")
	s.ready = func() bool {
		return strings.Contains(s.ask("SENTINEL", "CKQUORUM", "main"), "OK 1") &&
			strings.Contains(s.ask("INFO", "sentinel"), "slaves="+replicas+",")
	}
	s.Restart()
	return s
}

// Offset is how far a server is in what it and its replicas are told: a replica that is
// where its master is has all of it.
func (s *Server) Offset() string { return s.replication("master_repl_offset") }

// replication is one field of what a server says about it.
func (s *Server) replication(field string) string {
	_, rest, _ := strings.Cut(s.ask("INFO", "replication"), field+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

func prepare(t testing.TB, scheme string, more ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal(install)
	}
	port := freePort(t)
	s := &Server{Addr: "127.0.0.1:" + port, t: t}
	s.URL = scheme + "://" + s.Addr
	s.args = append([]string{
		"--bind", "127.0.0.1", "--port", port, "--dir", t.TempDir(),
		"--save", "", "--appendonly", "yes", "--appendfsync", "always",
		"--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", // for replicas that are there at once
	}, more...)
	t.Cleanup(s.Kill)
	return s
}

// freePort may lose its port to another process before the server takes it; the test
// fails with the server's log then.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// Restart stops the server if it runs, and starts it with what it kept.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.log, s.exited = &bytes.Buffer{}, make(chan struct{})
	run := exec.Command("redis-server", s.args...)
	run.Stdout, run.Stderr, run.SysProcAttr = s.log, s.log, endWithParent()
	if err := run.Start(); err != nil {
		s.t.Fatalf("start redis-server: %v", err)
	}
	s.run = run
	go func() {
		defer close(s.exited)
		run.Wait() // how it ended is in its log
	}()
	s.await()
}

func (s *Server) await() {
	s.t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	late := time.After(patience)
	for !s.ready() {
		select {
		case <-poll.C:
		case <-s.exited:
			s.t.Fatalf("redis-server ended:\n%s", s.log)
		case <-late:
			s.Kill()
			s.t.Fatalf("redis-server was not ready within %v:\n%s", patience, s.log)
		}
	}
}

// Stop ends the server in good order. What it was told is kept.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Kill ends the server as a crash does.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

func (s *Server) end(how syscall.Signal) {
	if s.run == nil {
		return
	}
	s.signal(how)
	<-s.exited
	s.run = nil
}

// Pause makes the server hang: connections stay and open, but nothing is answered.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume ends what Pause began.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(which syscall.Signal) {
	if err := s.run.Process.Signal(which); err != nil {
		s.t.Errorf("signal redis-server: %v", err)
	}
}

// Hurry has the server answer before it has written anything.
func (s *Server) Hurry() {
	s.t.Helper()
	if answer := s.ask("CONFIG", "SET", "appendfsync", "no"); answer != "OK" {
		s.t.Fatalf("CONFIG SET: %s", answer)
	}
}

// Flush empties the server.
func (s *Server) Flush() {
	s.t.Helper()
	if answer := s.ask("FLUSHALL"); answer != "OK" {
		s.t.Fatalf("FLUSHALL: %s", answer)
	}
}

// Keys returns the names of all keys.
func (s *Server) Keys() []string {
	client := s.client()
	defer client.Close()
	keys, err := client.Keys(context.Background(), "*").Result()
	if err != nil {
		s.t.Fatal(err)
	}
	return keys
}

// ask returns the answer to one command, or the error's text.
func (s *Server) ask(command ...any) string {
	client := s.client()
	defer client.Close()
	answer, err := client.Do(context.Background(), command...).Text()
	if err != nil {
		return err.Error()
	}
	return answer
}

func (s *Server) client() *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: s.Addr, Protocol: 2, MaxRetries: -1, DialerRetries: 1, DisableIdentity: true,
	})
}
