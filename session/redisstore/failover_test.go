package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/redisstore"
	"switchboard/session/redisstore/redistest"
	"switchboard/session/sessiontest"
)

// dialer hands the test the other end of the upstream that it makes.
type dialer chan *sessiontest.Conn

func (d dialer) Dial(context.Context, session.DialRequest) (session.Conn, error) {
	ours, theirs := sessiontest.Pipe()
	d <- ours
	return theirs, nil
}

// Each of these takes a Redis away and waits, for it or for another in its place.
func TestRedisIsLost(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"stopped":           func(t *testing.T) { awayAndBack(t, redistest.Start(t), (*redistest.Server).Stop) },
		"killed":            func(t *testing.T) { awayAndBack(t, redistest.Start(t), (*redistest.Server).Kill) },
		"cluster killed":    func(t *testing.T) { awayAndBack(t, redistest.StartCluster(t), (*redistest.Server).Kill) },
		"sentinel failover": testSentinelFailover,
		"cluster failover":  testClusterFailover,
		"follow":            testFollowFailsWithoutRedis,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// A Redis is lost while a session runs, and its replica takes its place. What happens
// meanwhile reaches the client at once and the store in the end; the session keeps its
// lease and epoch, and nobody else gets it.
func testSentinelFailover(t *testing.T) {
	master := redistest.Start(t)
	replica := redistest.StartReplica(t, master)
	sentinel := redistest.StartSentinel(t, master)
	s := redisstore.New(connect(t, sentinel.URL), redisstore.Options{})
	upstreams := make(dialer, 1)
	h := hub.New(hub.Options{Node: "http://a", Dialer: upstreams, Store: s, Directory: s, Fleet: s})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = h.Run(ctx) })
	defer running.Wait()
	defer cancel()

	up := make(chan *sessiontest.Conn, 1)
	go func() {
		end := <-upstreams
		_ = end.Send(`{"type":"session.created","event_id":"event_0","session":{"type":"realtime","id":"sess_1"}}`)
		up <- end
	}()
	c, err := h.Create(t.Context(), session.Spec{ID: "s-1", Key: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	upstream := <-up
	ours, theirs := sessiontest.Pipe()
	running.Go(func() { _ = c.Attach(theirs, &hub.Attachment{}) })
	hear(t, ours, "session.created")
	said := func(id string) {
		t.Helper()
		event := `{"type":"conversation.item.done","event_id":"e_` + id + `","item":{"id":"` + id + `","type":"message","role":"user","status":"completed","content":[{"type":"input_text","text":"hello"}]}}`
		if err := upstream.Send(event); err != nil {
			t.Fatal(err)
		}
		hear(t, ours, id)
	}
	said("before")
	if err := h.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	lease, err := s.Owner(t.Context(), "s-1")
	if err != nil {
		t.Fatal(err)
	}
	sessiontest.Eventually(t, "the replica has it", func() bool { return replica.Offset() == master.Offset() })
	master.Kill()
	said("meanwhile")

	sessiontest.Eventually(t, "the replica takes over", func() bool {
		items, err := s.Items(t.Context(), "s-1")
		return err == nil && len(items) == 2 && items[0].ID == "before" && items[1].ID == "meanwhile"
	})
	if owner, err := s.Owner(t.Context(), "s-1"); err != nil || owner != lease {
		t.Errorf("owner %+v, %v; was %+v", owner, err, lease)
	}
	var held *session.HeldError
	if _, err := s.Acquire(t.Context(), "s-1", nodeB); !errors.As(err, &held) {
		t.Errorf("another node got it: %v", err)
	}
	if r, err := s.Record(t.Context(), "s-1"); err != nil || r.Epoch != lease.Epoch || r.Status != session.StatusActive {
		t.Errorf("record %+v, %v", r, err)
	}
	said("after")
}

// The master of a cluster is lost, and its replica takes over: that is known within moments,
// not when the client happens to read the cluster's map again.
func testClusterFailover(t *testing.T) {
	master := redistest.StartCluster(t)
	replica := redistest.StartClusterReplica(t, master)
	s := redisstore.New(connect(t, master.URL), redisstore.Options{})
	lease, err := s.Acquire(t.Context(), "s-1", nodeA)
	if err != nil {
		t.Fatal(err)
	}
	sessiontest.Eventually(t, "the replica has it", func() bool { return replica.Offset() == master.Offset() })
	master.Kill()
	replica.TakeOver()
	sessiontest.Eventually(t, "the new master is asked", func() bool {
		lost, err := s.Restore(t.Context(), []session.Lease{lease})
		return err == nil && len(lost) == 0
	})
}

// hear reads the next event, which must hold part.
func hear(t *testing.T, c *sessiontest.Conn, part string) {
	t.Helper()
	f, err := c.Read()
	if err != nil || !strings.Contains(string(f.Payload()), part) {
		t.Fatalf("heard %s, %v; want %s", f.Payload(), err, part)
	}
}
