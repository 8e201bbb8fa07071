package hub_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// watched is a store that notes what is asked of it for each session, and holds loads up.
type watched struct {
	*sessiontest.Memory
	held chan struct{} // loads of all sessions but "wanted" wait until it is closed

	mu sync.Mutex
	// Guarded by mu.
	calls         map[session.ID][]string
	loading, most int
}

func (w *watched) note(id session.ID, call string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[id] = append(w.calls[id], call)
}

func (w *watched) load(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loading += n
	w.most = max(w.most, w.loading)
}

func (w *watched) Record(ctx context.Context, id session.ID) (session.Record, error) {
	w.note(id, "Record")
	return w.Memory.Record(ctx, id)
}

func (w *watched) Load(ctx context.Context, id session.ID) (session.Stored, error) {
	w.note(id, "Load")
	w.load(1)
	defer w.load(-1)
	if id != "wanted" {
		<-w.held
	}
	return w.Memory.Load(ctx, id)
}

func (w *watched) Acquire(ctx context.Context, id session.ID, h session.Holder) (session.Lease, error) {
	w.note(id, "Acquire")
	return w.Memory.Acquire(ctx, id, h)
}

func (w *watched) Transfer(ctx context.Context, from session.Lease, h session.Holder) (session.Lease, error) {
	w.note(from.ID, "Transfer")
	return w.Memory.Transfer(ctx, from, h)
}

// noUpstream is one that cannot be reached.
type noUpstream struct{}

func (noUpstream) Dial(context.Context, session.DialRequest) (session.Conn, error) {
	return nil, errors.New("no upstream")
}

// startWatched is a node whose store is watched and notes nothing yet.
func startWatched(t *testing.T) (*fixture, *watched) {
	w := &watched{calls: map[session.ID][]string{}, held: make(chan struct{})}
	fx := start(t, func(o *hub.Options) {
		w.Memory = o.Store.(*sessiontest.Memory)
		o.Store, o.Directory, o.Fleet, o.Dialer = w, w, w, noUpstream{}
	})
	time.Sleep(1250 * time.Millisecond) // it has joined the fleet, and is between two sweeps, which would claim too
	return fx, w
}

// lost makes a session that a node has left behind, with its lease or without.
func (w *watched) lost(t *testing.T, id session.ID, released bool) session.Lease {
	t.Helper()
	lease, err := w.Memory.Acquire(t.Context(), id, session.Holder{Node: "http://lost", Incarnation: "lost"})
	if err != nil {
		t.Fatal(err)
	}
	r := session.Record{ID: id, Status: session.StatusActive, Epoch: lease.Epoch, CreatedAt: time.Now(), Session: []byte("{}")}
	_, err = w.Apply(t.Context(), []session.Change{{ID: id, Epoch: lease.Epoch, Record: &r}})
	if released {
		err = errors.Join(err, w.Release(t.Context(), lease))
	}
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// A claim asks the store one thing after the other: each is a round trip that its client waits for.
func TestClaimTakesFewCalls(t *testing.T) {
	for name, tc := range map[string]struct {
		released bool
		claim    func(h *hub.Hub, l session.Lease) (*hub.Controller, error)
		want     []string
	}{
		"of a dead node": {false, func(h *hub.Hub, l session.Lease) (*hub.Controller, error) { return h.Seize(context.Background(), l) }, []string{"Transfer", "Load"}},
		"given up":       {true, func(h *hub.Hub, l session.Lease) (*hub.Controller, error) { return h.Claim(context.Background(), l.ID) }, []string{"Record", "Acquire", "Load"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fx, w := startWatched(t)
				defer fx.stop()
				defer close(w.held)
				c, err := tc.claim(fx.hub, w.lost(t, "wanted", tc.released))
				if err != nil || c.Record().ID != "wanted" {
					t.Fatal(err)
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				if !slices.Equal(w.calls["wanted"], tc.want) {
					t.Errorf("asked for %v, want %v", w.calls["wanted"], tc.want)
				}
			})
		})
	}
}

// Sessions whose clients wait do not queue behind the many that a sweep has found, and what all
// claims have in memory is bounded.
func TestClaimsForClientsComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx, w := startWatched(t)
		defer fx.stop()
		var clients sync.WaitGroup
		defer clients.Wait()
		defer close(w.held)
		for i := range 100 {
			w.lost(t, session.ID(fmt.Sprint("s-", i)), true)
		}
		time.Sleep(2 * time.Second)
		wanted := w.lost(t, "wanted", false)
		if _, err := fx.hub.Seize(t.Context(), wanted); err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			lease := w.lost(t, session.ID(fmt.Sprint("client-", i)), false)
			clients.Go(func() { _, _ = fx.hub.Seize(t.Context(), lease) })
		}
		synctest.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.most != 16 {
			t.Errorf("%d sessions were loaded at once", w.most)
		}
	})
}
