// Package redistest gives tests every kind of Redis that the product runs on: miniredis in the process, a redis-server,
// and a redis-server in cluster mode. The servers start once per test binary, on free ports, in a temporary folder.
package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// Server is a redis-server process that a test may stop and start again.
type Server struct {
	Addr    string
	args    []string
	process *exec.Cmd
}

var (
	mu      sync.Mutex
	folder  string
	servers = map[string]*Server{}
)

// Main runs a package's tests and stops the servers that they started. Call it from TestMain.
func Main(m *testing.M, verify func() error) {
	code := m.Run()
	mu.Lock()
	for _, s := range servers {
		s.Stop()
	}
	os.RemoveAll(folder)
	mu.Unlock()
	if code == 0 && verify != nil {
		if err := verify(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// Each runs a test on all three kinds of Redis, each empty. The servers are shared by the tests of a package, which
// therefore do not run in parallel.
func Each(t *testing.T, test func(t *testing.T, rdb redis.UniversalClient)) {
	t.Helper()
	t.Run("miniredis", func(t *testing.T) { test(t, Mini(t)) })
	t.Run("redis", func(t *testing.T) { test(t, empty(t, client(t, shared(t, "redis"), false))) })
	t.Run("cluster", func(t *testing.T) {
		test(t, empty(t, client(t, shared(t, "cluster", "--cluster-enabled", "yes"), true)))
	})
}

// Mini returns a client of a miniredis of its own.
func Mini(t testing.TB) redis.UniversalClient {
	t.Helper()
	m := miniredis.RunT(t)
	return client(t, m.Addr(), false)
}

// Redis returns a client of the shared redis-server.
func Redis(t testing.TB) redis.UniversalClient {
	t.Helper()
	return empty(t, client(t, shared(t, "redis"), false))
}

func client(t testing.TB, addr string, cluster bool) redis.UniversalClient {
	t.Helper()
	o := &redis.UniversalOptions{Addrs: []string{addr}, IsClusterMode: cluster}
	rdb := redis.NewUniversalClient(o)
	t.Cleanup(func() { rdb.Close() })
	return rdb
}

func empty(t testing.TB, rdb redis.UniversalClient) redis.UniversalClient {
	t.Helper()
	if err := rdb.FlushAll(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	return rdb
}

func shared(t testing.TB, name string, args ...string) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if s, ok := servers[name]; ok {
		return s.Addr
	}
	if folder == "" {
		dir, err := os.MkdirTemp("", "redistest")
		if err != nil {
			t.Fatal(err)
		}
		folder = dir
	}
	s := Start(t, filepath.Join(folder, name), append(args, "--appendonly", "no")...)
	servers[name] = s
	if name == "cluster" {
		formCluster(t, s.Addr)
	}
	return s.Addr
}

// Start runs a redis-server of its own with its data in dir; stop it with Stop.
func Start(t testing.TB, dir string, args ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("these tests need redis-server 7 on the PATH (Debian: apt-get install redis-server; macOS: brew install redis)")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	s := &Server{
		Addr: net.JoinHostPort("127.0.0.1", port),
		args: append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", ""}, args...),
	}
	s.Restart(t)
	return s
}

// Restart starts the server again on the same port and data, and waits until it answers.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.process = exec.Command("redis-server", s.args...)
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1})
	defer rdb.Close()
	await(t, "redis-server answers", func() error { return rdb.Ping(context.Background()).Err() })
}

// Stop ends the process as kill -9 does.
func (s *Server) Stop() {
	s.process.Process.Kill()
	s.process.Wait()
}

func formCluster(t testing.TB, addr string) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	defer rdb.Close()
	ctx := context.Background()
	if err := rdb.ClusterAddSlotsRange(ctx, 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	await(t, "cluster is formed", func() error { return rdb.Set(ctx, "ready", 1, time.Minute).Err() })
}

func await(t testing.TB, what string, try func() error) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited for: %s: %v", what, err)
		}
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	// A cluster node also listens on port + 10000, so the port must be below 55536.
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if port < 55000 {
			return strconv.Itoa(port)
		}
	}
}
