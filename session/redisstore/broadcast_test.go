package redisstore_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
	"switchboard/session/broadcast"
	"switchboard/session/redisstore"
	"switchboard/session/redisstore/redistest"
	"switchboard/session/sessiontest"
)

func publishAndWithdraw(ctx context.Context, s *redisstore.Store) error {
	b, err := s.Publish(ctx, session.Broadcast{Instructions: "x", Mode: broadcast.ModeReplace})
	if err != nil {
		return err
	}
	_, err = s.Withdraw(ctx, b.ID, "ops")
	return err
}

// reports is one of each outcome.
func reports(id string) broadcast.Report {
	return broadcast.Report{Broadcast: id, Node: "http://a", Matched: 5, Outcomes: []broadcast.Outcome{
		{Session: "s-1", Status: broadcast.Applied}, {Session: "s-2", Status: broadcast.Deferred},
		{Session: "s-3", Status: broadcast.Refused}, {Session: "s-4", Status: broadcast.Ended},
		{Session: "s-5", Status: broadcast.Silent},
	}}
}

func publish(t testing.TB, s *redisstore.Store) session.Broadcast {
	t.Helper()
	b, err := s.Publish(t.Context(), session.Broadcast{Instructions: "x", Mode: broadcast.ModeAppend})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// followed is what Follow returned.
type followed struct {
	entries []broadcast.Entry
	err     error
}

// subscribed has Follow wait, and returns when it does.
func subscribed(t *testing.T, ctx context.Context, s *redisstore.Store, client redis.UniversalClient, after string) chan followed {
	t.Helper()
	done := make(chan followed, 1)
	go func() {
		entries, err := s.Follow(ctx, after)
		done <- followed{entries, err}
	}()
	sessiontest.Eventually(t, "Follow waits", func() bool {
		n, err := client.PubSubNumSub(t.Context(), "gw:{bc}:log").Result()
		return err == nil && n["gw:{bc}:log"] == 1
	})
	return done
}

func TestFollowLeavesWhileItWaits(t *testing.T) {
	client := connect(t, redistest.Start(t).URL)
	ctx, cancel := context.WithCancel(t.Context())
	done := subscribed(t, ctx, redisstore.New(client, redisstore.Options{}), client, "")
	cancel()
	if got := <-done; !errors.Is(got.err, context.Canceled) {
		t.Fatalf("left with %v", got.err)
	}
	sessiontest.Eventually(t, "its connection is closed", func() bool {
		return client.PubSubNumSub(t.Context(), "gw:{bc}:log").Val()["gw:{bc}:log"] == 0
	})
}

// An entry that is appended while the connection for wake-ups is lost is not missed.
func TestFollowMissesNoWakeUp(t *testing.T) {
	client := connect(t, redistest.Start(t).URL)
	s := redisstore.New(client, redisstore.Options{})
	for range 3 {
		last := publish(t, s).ID
		done := subscribed(t, t.Context(), s, client, last)
		if err := client.ClientKillByFilter(t.Context(), "TYPE", "pubsub").Err(); err != nil {
			t.Fatal(err)
		}
		want := publish(t, s)
		if got := <-done; got.err != nil || len(got.entries) != 1 || got.entries[0].ID != want.ID {
			t.Fatalf("followed %v, %v", got.entries, got.err)
		}
	}
}

func testFollowFailsWithoutRedis(t *testing.T) {
	server := redistest.Start(t)
	client := connect(t, server.URL)
	s := redisstore.New(client, redisstore.Options{})
	last := publish(t, s).ID
	done := subscribed(t, t.Context(), s, client, last)
	server.Kill()
	if got := <-done; got.err == nil {
		t.Fatalf("followed %v without Redis", got.entries)
	}
	server.Restart()
	sessiontest.Eventually(t, "Redis is reached again", func() bool { return client.Ping(t.Context()).Err() == nil })
	want := publish(t, s)
	if entries, err := s.Follow(t.Context(), last); err != nil || len(entries) != 1 || entries[0].ID != want.ID {
		t.Fatalf("followed %v, %v", entries, err)
	}
}

// Broadcasts stand for longer than a log that nobody reads is kept.
func TestLogThatIsFollowedIsKept(t *testing.T) {
	client := connect(t, redistest.Start(t).URL)
	s := redisstore.New(client, redisstore.Options{Forget: 10 * time.Hour})
	if err := publishAndWithdraw(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"gw:{bc}:log", "gw:{bc}:withdrawn"} {
		if err := client.PExpire(t.Context(), key, time.Hour).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Follow(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"gw:{bc}:log", "gw:{bc}:withdrawn"} {
		if left := client.PTTL(t.Context(), key).Val(); left < 9*time.Hour {
			t.Errorf("%s is kept for %v", key, left)
		}
	}
}

// forgetful loses the answer to what it sends next, and the connection with it, once.
type forgetful struct {
	net.Conn
	lose *atomic.Bool
}

func (c forgetful) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil && c.lose.CompareAndSwap(true, false) {
		c.Close() // or who reads again waits for the rest
		return 0, io.EOF
	}
	return n, err
}

// The client sends a call again whose answer was lost. It must not count twice.
func TestLostAnswersCountOnce(t *testing.T) {
	server := redistest.Start(t)
	var lose atomic.Bool
	client := redis.NewClient(&redis.Options{
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			c, err := net.Dial("tcp", server.Addr)
			return forgetful{c, &lose}, err
		},
		MaxRetries: 1, DisableIdentity: true,
	})
	t.Cleanup(func() { client.Close() })
	s := redisstore.New(client, redisstore.Options{})
	b := publish(t, s)
	if err := s.Report(t.Context(), reports(b.ID)); err != nil { // scripts are loaded from here on
		t.Fatal(err)
	}
	lose.Store(true)
	second := publish(t, s)
	lose.Store(true)
	if _, err := s.Withdraw(t.Context(), b.ID, "ops"); err != nil {
		t.Fatal(err)
	}
	lose.Store(true)
	r := reports(second.ID)
	if err := s.Report(t.Context(), r); err != nil || lose.Load() {
		t.Fatalf("report: %v", err)
	}
	entries, err := s.Follow(t.Context(), "")
	if err != nil || len(entries) != 3 || entries[1].ID != second.ID || !entries[2].Withdrawn {
		t.Fatalf("the log is %+v, %v", entries, err)
	}
	status, err := s.Broadcast(t.Context(), second.ID)
	if err != nil || status.Matched != r.Matched || status.Outcomes[broadcast.Applied] != 1 {
		t.Fatalf("counted %+v, %v", status.Tally, err)
	}
}

// Outcomes over the limit are counted but cannot be listed, and long reasons are cut.
func TestOutcomesAreBounded(t *testing.T) {
	s := redisstore.New(connect(t, redistest.Start(t).URL), redisstore.Options{})
	s.SetOutcomesKept(3)
	b := publish(t, s)
	r := reports(b.ID)
	for range 400 {
		r.Outcomes[0].Reason += "ü"
	}
	if err := s.Report(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	status, err := s.Broadcast(t.Context(), b.ID)
	if err != nil || len(status.Outcomes) != 5 {
		t.Fatalf("counted %v, %v", status.Outcomes, err)
	}
	page, next, err := s.BroadcastOutcomes(t.Context(), b.ID, false, "", "", 10)
	if err != nil || len(page) != 3 || next != "" {
		t.Fatalf("listed %v, next %q, %v", page, next, err)
	}
	if n := len(page[0].Reason); n != 300 {
		t.Fatalf("a reason of %d bytes", n)
	}
}

// BenchmarkReport is all outcomes of 10,000 sessions, as a node reports them.
func BenchmarkReport(b *testing.B) {
	server := redistest.Start(b)
	client, err := redisstore.Connect(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	s := redisstore.New(client, redisstore.Options{})
	outcomes := make([]broadcast.Outcome, 10_000)
	for i := range outcomes {
		outcomes[i] = broadcast.Outcome{
			Session: session.ID(session.NewID("s_")), Status: broadcast.Applied, At: time.Now(),
		}
	}
	for b.Loop() {
		id := publish(b, s).ID
		for part := range 10 {
			r := broadcast.Report{Broadcast: id, Node: "http://a", Outcomes: outcomes[part*1000:][:1000]}
			if err := s.Report(b.Context(), r); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkRestore tells a Redis that lost its data of 10,000 sessions.
func BenchmarkRestore(b *testing.B) {
	client, err := redisstore.Connect(redistest.Start(b).URL)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	s := redisstore.New(client, redisstore.Options{})
	leases := make([]session.Lease, 10_000)
	for i := range leases {
		leases[i] = session.Lease{ID: session.ID(session.NewID("s_")), Holder: nodeA, Epoch: 1}
	}
	for b.Loop() {
		if lost, err := s.Restore(b.Context(), leases); err != nil || len(lost) > 0 {
			b.Fatal(len(lost), err)
		}
	}
}
