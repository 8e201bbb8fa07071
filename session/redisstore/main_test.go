package redisstore_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"switchboard/session"
	"switchboard/session/access"
	"switchboard/session/audit"
	"switchboard/session/redisstore"
	"switchboard/session/redisstore/embedded"
	"switchboard/session/redisstore/redistest"
	"switchboard/session/series"
	"switchboard/session/sessiontest"
)

func TestMain(m *testing.M) {
	logging.Disable() // of the client: it returns its errors as well
	goleak.VerifyTestMain(m)
}

func connect(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	client, err := redisstore.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Errorf("close client: %v", err)
		}
	})
	return client
}

// patient has a client wait for answers that take a slow machine longer than anybody listens.
func patient(client redis.UniversalClient) redis.UniversalClient {
	switch c := client.(type) {
	case *redis.Client:
		c.Options().ReadTimeout = time.Minute
	case *redis.ClusterClient:
		c.Options().ReadTimeout = time.Minute
	}
	return client
}

// suites runs all of them on one server, which is emptied before each test.
func suites(t *testing.T, url string) {
	t.Helper()
	client := patient(connect(t, url))
	open := func(t *testing.T) *redisstore.Store {
		if err := client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return redisstore.New(client, redisstore.Options{})
	}
	t.Run("store", func(t *testing.T) {
		sessiontest.TestStore(t, func(t *testing.T) session.Store { return open(t) })
	})
	t.Run("directory", func(t *testing.T) {
		sessiontest.TestDirectory(t, func(t *testing.T) session.Directory { return open(t) })
	})
	t.Run("grants", func(t *testing.T) {
		sessiontest.TestGrants(t, func(t *testing.T) access.Grants { return open(t) })
	})
	t.Run("keyring", func(t *testing.T) {
		sessiontest.TestKeyRing(t, func(t *testing.T) access.KeyRing { return open(t) })
	})
	t.Run("audit", func(t *testing.T) {
		sessiontest.TestAudit(t, func(t *testing.T) audit.Log { return open(t) })
	})
	t.Run("series", func(t *testing.T) {
		sessiontest.TestSeries(t, func(t *testing.T) series.Store { return open(t) })
	})
	t.Run("lives", func(t *testing.T) {
		sessiontest.TestLives(t, func(t *testing.T) series.Lives { return open(t) })
	})
	t.Run("meter", func(t *testing.T) {
		sessiontest.TestMeter(t, func(t *testing.T) access.Meter { return open(t) })
	})
	t.Run("fleet", func(t *testing.T) {
		sessiontest.TestFleet(t, func(t *testing.T) sessiontest.Fleet { return open(t) })
	})
	t.Run("broadcasts", func(t *testing.T) {
		sessiontest.TestBroadcasts(t, func(t *testing.T) sessiontest.BroadcastLog { return open(t) })
	})
}

// The suites wait at the same time, for times to live. The tests that take Redis away run
// before them: clients of theirs look for it for another second.

func TestOnEmbedded(t *testing.T) {
	t.Parallel()
	s, err := embedded.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	suites(t, s.URL())
}

func TestOnRedis(t *testing.T) {
	t.Parallel()
	suitesOn(t, redistest.Start(t))
}

func TestOnCluster(t *testing.T) {
	t.Parallel()
	suitesOn(t, redistest.StartCluster(t))
}

func suitesOn(t *testing.T, s *redistest.Server) {
	s.Hurry() // what is lost with a server is not what they are about
	suites(t, s.URL)
}

// Holders of leases.
var (
	nodeA = session.Holder{Node: "http://a", Incarnation: "a1"}
	nodeB = session.Holder{Node: "http://b", Incarnation: "b1"}
)
