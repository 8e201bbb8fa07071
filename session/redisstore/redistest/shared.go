package redistest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// shared are the servers that the tests of a package have in common. They start when the first test asks for them.
var shared struct {
	sync.Mutex
	redis, cluster *Server
	ends           []func() // of the run of all tests
}

// forRun is a test as a server sees it that outlives it.
type forRun struct{ testing.TB }

// Cleanup registers what Main does behind the last test.
func (forRun) Cleanup(do func()) { shared.ends = append(shared.ends, do) }

// TempDir returns a directory that Main removes.
func (r forRun) TempDir() string {
	dir, err := os.MkdirTemp("", "redistest")
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Main runs a package's tests and stops the servers that they share. Call it from TestMain.
func Main(m *testing.M, verify func() error) {
	code := m.Run()
	for i := range shared.ends {
		shared.ends[len(shared.ends)-1-i]()
	}
	if code == 0 && verify != nil {
		if err := verify(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// Each runs a test on every kind of Redis that the product runs on: miniredis in the process, a server, and one in cluster
// mode, each of them empty. The tests of a package share the servers, and therefore do not run in parallel.
func Each(t *testing.T, test func(t *testing.T, rdb redis.UniversalClient)) {
	t.Helper()
	t.Run("miniredis", func(t *testing.T) { test(t, Mini(t)) })
	t.Run("redis", func(t *testing.T) { test(t, Redis(t)) })
	t.Run("cluster", func(t *testing.T) { test(t, emptied(t, &shared.cluster, StartCluster)) })
}

// Mini returns a client of a miniredis of its own.
func Mini(t testing.TB) redis.UniversalClient {
	t.Helper()
	return connect(t, miniredis.RunT(t).Addr(), false)
}

// Redis returns a client of the shared server, which is empty.
func Redis(t testing.TB) redis.UniversalClient {
	t.Helper()
	return emptied(t, &shared.redis, Start)
}

func emptied(t testing.TB, server **Server, start func(testing.TB) *Server) redis.UniversalClient {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if *server == nil {
		s := start(forRun{t})
		s.Hurry()
		*server = s
	}
	rdb := connect(t, (*server).Addr, strings.Contains((*server).URL, "+cluster:"))
	if err := rdb.FlushAll(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	return rdb
}

func connect(t testing.TB, addr string, cluster bool) redis.UniversalClient {
	t.Helper()
	rdb := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{addr}, IsClusterMode: cluster})
	t.Cleanup(func() { rdb.Close() })
	return rdb
}
