package hub_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/access"
	"switchboard/session/hub"
	"switchboard/session/realtime"
	"switchboard/session/sessiontest"
)

func TestLimitsOfTime(t *testing.T) {
	for _, c := range []struct {
		limit  string
		limits session.Limits
	}{
		{"idle_seconds", session.Limits{IdleSeconds: 30}},
		{"max_seconds", session.Limits{MaxSeconds: 30}},
	} {
		t.Run(c.limit, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fx := start(t)
				defer fx.stop()
				ctl, up := fx.open(session.Spec{Limits: c.limits})
				cl, left := fx.attach(ctl, session.Voice())
				for range 2 { // what a client does keeps it from being idle, and no more
					time.Sleep(14 * time.Second)
					send(t, cl, `{"type":"input_audio_buffer.clear"}`)
					want(t, up, "clear")
				}
				begun := time.Now()
				var closed *session.CloseError
				if _, err := cl.Read(); !errors.As(err, &closed) || closed.Code != session.CloseLimit || !strings.Contains(closed.Reason, c.limit) {
					t.Errorf("client saw %v", err)
				}
				if want := map[string]time.Duration{"idle_seconds": 30, "max_seconds": 2}[c.limit] * time.Second; time.Since(begun) != want {
					t.Errorf("ended after %v, want %v", time.Since(begun), want)
				}
				<-left
			})
		})
	}
}

func TestLimitsLongerThanTimeIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		ctl, up := fx.open(session.Spec{Limits: session.Limits{IdleSeconds: math.MaxInt64, MaxSeconds: math.MaxInt64}})
		cl, left := fx.attach(ctl, session.Voice())
		time.Sleep(time.Minute)
		send(t, cl, `{"type":"input_audio_buffer.clear"}`)
		want(t, up, "clear")
		cl.Close(session.CloseNormal, "")
		<-left
	})
}

func TestTokenLimit(t *testing.T) {
	fx := start(t)
	ctl, up := fx.open(session.Spec{Limits: session.Limits{MaxTokens: 10}})
	cl, left := fx.attach(ctl, session.Voice())
	up.Send(`{"type":"response.done","event_id":"e","response":{"id":"r","status":"completed","usage":{"total_tokens":12}}}`)
	want(t, cl, "response.done")
	var closed *session.CloseError
	if _, err := cl.Read(); !errors.As(err, &closed) || closed.Code != session.CloseLimit {
		t.Errorf("client saw %v", err)
	}
	<-left
}

func TestKeyLimits(t *testing.T) {
	fx := start(t, func(o *hub.Options) {
		o.KeyLimits = func(string) access.KeyLimits { return access.KeyLimits{Sessions: 1, Tokens: 100} }
	})
	c, up := fx.open(session.Spec{Key: "k"})
	cl, left := fx.attach(c, session.Voice())
	var limit *session.LimitError
	if _, err := fx.hub.Create(context.Background(), session.Spec{ID: "two", Key: "k"}); !errors.As(err, &limit) || limit.Limit != "key_sessions" {
		t.Fatalf("second session: %v", err)
	}
	up.Send(`{"type":"response.done","event_id":"e","response":{"id":"r","status":"completed","usage":{"total_tokens":120}}}`)
	want(t, cl, "response.done")
	var closed *session.CloseError
	if _, err := cl.Read(); !errors.As(err, &closed) || closed.Code != session.CloseLimit || !strings.Contains(closed.Reason, "key_tokens of 100") {
		t.Fatalf("client saw %v", err)
	}
	<-left
	if err := c.End(context.Background(), hub.Ending{}); err != nil && !errors.Is(err, hub.ErrEnded) { // until it is counted
		t.Fatal(err)
	}
	if _, err := fx.hub.Create(context.Background(), session.Spec{ID: "three", Key: "k"}); !errors.As(err, &limit) || limit.Limit != "key_tokens" {
		t.Fatalf("after its tokens are used: %v", err)
	}
}

// A client that takes nothing loses its connection, with a code that says come back, and
// nobody else notices.
func TestSlowClientIsLetGo(t *testing.T) {
	fx := start(t, func(o *hub.Options) { o.ClientQueue = 64 << 10 })
	c, up := fx.open(session.Spec{})
	slow, left := fx.attach(c, session.Voice())
	quick, _ := fx.attach(c, session.Voice())
	slow.Stall()
	pad := strings.Repeat("A", 4000)
	for i := range 100 {
		e := fmt.Sprintf(`{"type":"response.output_audio.delta","event_id":"e%d","item_id":"i","response_id":"r","delta":"%s"}`, i, pad)
		send(t, up, e)
		if got := want(t, quick); got != e {
			t.Fatalf("the other client got %.60s", got)
		}
	}
	<-left
	if n := fx.hub.Stats().SlowClients; n != 1 {
		t.Errorf("%d slow clients counted", n)
	}
}

// What is withheld meanwhile, until it is kept, gives nobody more time.
func TestStalledClientIsLetGoInTime(t *testing.T) {
	for name, events := range map[string][]string{
		"nothing is withheld":  {`{"type":"marker"}`},
		"something again, too": {`{"type":"marker"}`, itemDone},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fx := start(t, func(o *hub.Options) { o.StallLimit = 5 * time.Second })
				defer fx.stop()
				c, up := fx.open(session.Spec{})
				slow, left := fx.attach(c, session.Voice())
				slow.Stall()
				for range 8 {
					for _, e := range events {
						send(t, up, e)
					}
					time.Sleep(time.Second)
				}
				select {
				case <-left:
				default:
					t.Error("it is still there")
					slow.Drop()
				}
			})
		})
	}
}

// Audio of a response that was cancelled is not kept for a client that is behind;
// everything else is.
func TestCancelledAudioIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		c, up := fx.open(session.Spec{})
		cl, _ := fx.attach(c, session.Voice())
		cl.Stall()
		delta := `{"type":"response.output_audio.delta","event_id":"e","item_id":"i","response_id":"r1","delta":"AAAA"}`
		for range 10 {
			send(t, up, delta)
			synctest.Wait() // one at a time, so that they are not gathered into one write
		}
		send(t, up, `{"type":"response.output_audio_transcript.delta","event_id":"e","item_id":"i","response_id":"r1","delta":"word"}`)
		send(t, up, `{"type":"response.done","event_id":"e","response":{"id":"r1","status":"cancelled"}}`)
		synctest.Wait()
		cl.Release()
		want(t, cl, delta) // the one that was on its way already
		want(t, cl, "transcript.delta")
		want(t, cl, "response.done")
		if n := fx.hub.Stats().DroppedDown; n != 9 {
			t.Errorf("%d events dropped, want 9", n)
		}
	})
}

// When the upstream takes nothing the oldest audio goes, never a control event.
func TestStalledUpstream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t, func(o *hub.Options) { o.UpstreamQueue = 32 << 10 })
		defer fx.stop()
		c, up := fx.open(session.Spec{})
		cl, _ := fx.attach(c, session.Open())
		up.Stall()
		send(t, cl, `{"type":"response.cancel"}`) // on its way, not taken
		synctest.Wait()
		send(t, cl, `{"type":"input_audio_buffer.commit"}`)
		for i := range 40 {
			send(t, cl, fmt.Sprintf(`{"type":"input_audio_buffer.append","n":%d,"audio":"%s"}`, i, strings.Repeat("A", 2000)))
			synctest.Wait()
		}
		up.Release()
		want(t, up, "response.cancel")
		want(t, up, "commit")
		first := want(t, up, "append")
		if field(t, first, "n") == "0" {
			t.Error("the oldest audio was kept")
		}
		if fx.hub.Stats().DroppedUp == 0 {
			t.Error("nothing was counted as dropped")
		}
	})
}

func TestFirstClientGetsWhatItMissed(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	feed := c.Subscribe()
	send(t, up, `{"type":"one","event_id":"e1"}`)
	send(t, up, `{"type":"two","event_id":"e2"}`)
	for range 2 {
		if _, err := feed.Next(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	feed.Close()
	cl, left := fx.attach(c, session.Voice())
	want(t, cl, `"e1"`)
	want(t, cl, `"e2"`)
	cl.Drop()
	<-left
	cl, left = fx.attachAt(c, hub.Attachment{Policy: session.Voice(), LastEventID: "e1"})
	want(t, cl, `"e2"`)
	cl.Drop()
	<-left
	cl, _ = fx.attachAt(c, hub.Attachment{Policy: session.Voice(), LastEventID: "unknown"})
	want(t, cl, "switchboard.session.reset", "too_far_back")
}

// TestSessionThatEndsWithItsClientKeepsNoHistory: nobody can resume it, so that its events cost
// no memory once its client is there. Until then they are kept for that client.
func TestSessionThatEndsWithItsClientKeepsNoHistory(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{EndWithClient: true})
	feed := c.Subscribe()
	send(t, up, `{"type":"one","event_id":"e1"}`)
	if _, err := feed.Next(context.Background()); err != nil {
		t.Fatal(err)
	}
	feed.Close()
	cl, _ := fx.attach(c, session.Open())
	want(t, cl, `"e1"`)
	send(t, up, `{"type":"two","event_id":"e2"}`)
	send(t, up, `{"type":"three","event_id":"e3"}`)
	want(t, cl, `"e2"`)
	want(t, cl, `"e3"`)
	other, _ := fx.attachAt(c, hub.Attachment{Policy: session.Open(), LastEventID: "e2"})
	want(t, other, "switchboard.session.reset", "too_far_back")
	send(t, up, `{"type":"four","event_id":"e4"}`)
	want(t, cl, `"e4"`)
	want(t, other, `"e4"`)
}

// away is a store that can be made to fail.
type away struct {
	*sessiontest.Memory
	mu   sync.Mutex
	down bool
}

func (a *away) set(down bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.down = down
}

// err is what every call returns while the store is away.
func (a *away) err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.down {
		return errors.New("connection refused")
	}
	return nil
}

func (a *away) Apply(ctx context.Context, changes []session.Change) ([]session.ID, error) {
	if err := a.err(); err != nil {
		return nil, err
	}
	return a.Memory.Apply(ctx, changes)
}

func (a *away) Count(ctx context.Context, key string, spent []access.Spent, ttl time.Duration) (access.Sums, error) {
	if err := a.err(); err != nil {
		return access.Sums{}, err
	}
	return a.Memory.Count(ctx, key, spent, ttl)
}

func (a *away) Record(ctx context.Context, id session.ID) (session.Record, error) {
	if err := a.err(); err != nil {
		return session.Record{}, err
	}
	return a.Memory.Record(ctx, id)
}

func (a *away) Acquire(ctx context.Context, id session.ID, by session.Holder) (session.Lease, error) {
	if err := a.err(); err != nil {
		return session.Lease{}, err
	}
	return a.Memory.Acquire(ctx, id, by)
}

func (a *away) Transfer(ctx context.Context, from session.Lease, to session.Holder) (session.Lease, error) {
	if err := a.err(); err != nil {
		return session.Lease{}, err
	}
	return a.Memory.Transfer(ctx, from, to)
}

func (a *away) Restore(ctx context.Context, l []session.Lease) ([]session.ID, error) {
	if err := a.err(); err != nil {
		return nil, err
	}
	return a.Memory.Restore(ctx, l)
}

func (a *away) Beat(ctx context.Context, b session.Heartbeat) (session.Census, error) {
	if err := a.err(); err != nil {
		return session.Census{}, err
	}
	return a.Memory.Beat(ctx, b)
}

func (a *away) Declare(ctx context.Context, by string, dead session.Heartbeat) (bool, error) {
	if err := a.err(); err != nil {
		return false, err
	}
	return a.Memory.Declare(ctx, by, dead)
}

func (a *away) Offer(ctx context.Context, incarnation string) (int, error) {
	if err := a.err(); err != nil {
		return 0, err
	}
	return a.Memory.Offer(ctx, incarnation)
}

func (a *away) Orphans(ctx context.Context, limit int) ([]session.ID, error) {
	if err := a.err(); err != nil {
		return nil, err
	}
	return a.Memory.Orphans(ctx, limit)
}

// What was said is in the store before any time passes: a node may be killed.
func TestItemsAreWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		_, up := fx.open(session.Spec{ID: "s"})
		for i := range 5 {
			send(t, up, fmt.Sprintf(`{"type":"conversation.item.done","event_id":"e%d","item":{"id":"item_%d","type":"message","role":"user","status":"completed","content":[{"type":"input_text","text":"x"}]}}`, i, i))
			synctest.Wait()
			if items, err := fx.mem.Items(t.Context(), "s"); err != nil || len(items) != i+1 {
				t.Errorf("%d items of %d, %v", len(items), i+1, err)
			}
		}
	})
}

// The store may be away for half a minute: relaying goes on, and what happened meanwhile
// is there afterwards, in order.
func TestStoreAwayAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &away{Memory: sessiontest.NewMemory()}
		fx := start(t, func(o *hub.Options) { o.Store, o.Directory = store, store })
		defer fx.stop()
		c, up := fx.open(session.Spec{ID: "s"})
		cl, _ := fx.attach(c, session.Voice())
		store.set(true)
		for i := range 30 {
			send(t, up, fmt.Sprintf(`{"type":"conversation.item.done","event_id":"e%d","item":{"id":"item_%02d","type":"message","role":"user","content":[{"type":"input_text","text":"%d"}]}}`, i, i, i))
			want(t, cl, fmt.Sprintf(`"e%d"`, i))
			time.Sleep(time.Second)
		}
		if fx.hub.Stats().StoreAway < 20*time.Second {
			t.Errorf("stats say the store was away for %v", fx.hub.Stats().StoreAway)
		}
		store.set(false)
		time.Sleep(5 * time.Second)
		if s := fx.hub.Stats(); s.StoreAway != 0 || s.JournalPending != 0 || s.JournalDropped != 0 {
			t.Errorf("afterwards: %+v", s)
		}
		items, err := store.Items(context.Background(), "s")
		if err != nil || len(items) != 30 {
			t.Fatalf("%d items, %v", len(items), err)
		}
		for i, it := range items {
			if it.ID != fmt.Sprintf("item_%02d", i) {
				t.Errorf("item %d is %s", i, it.ID)
			}
		}
		events, err := store.Events(context.Background(), "s", "", 100)
		if err != nil || len(events) != 32 || events[0].Type != "session.created" || events[1].Type != realtime.TypClient {
			t.Errorf("%d events, %v", len(events), err)
		}
	})
}

// A node without Redis goes on for most of a lease, and then stops: another may have joined that
// it does not know of.
func TestLeaseInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &away{Memory: sessiontest.NewMemory()}
		fx := start(t, func(o *hub.Options) { o.Store, o.Directory, o.Fleet = store, store, store })
		defer fx.stop()
		c, _ := fx.open(session.Spec{ID: "s"})
		cl, left := fx.attach(c, session.Voice())
		store.set(true)
		begun := time.Now()
		var closed *session.CloseError
		if _, err := cl.Read(); !errors.As(err, &closed) || closed.Code != session.CloseMoved {
			t.Errorf("client saw %v", err)
		}
		if age := time.Since(begun); age > time.Minute || age < 30*time.Second {
			t.Errorf("stopped after %v, with a lease of a minute", age)
		}
		<-left
		store.set(false)
	})
}

// lostAnswer is a directory whose answer to one Acquire is lost, when it has taken the lease.
type lostAnswer struct {
	session.Directory
	lose atomic.Bool
}

func (d *lostAnswer) Acquire(ctx context.Context, id session.ID, h session.Holder) (session.Lease, error) {
	l, err := d.Directory.Acquire(ctx, id, h)
	if err == nil && d.lose.Swap(false) {
		return session.Lease{}, errors.New("the answer is lost")
	}
	return l, err
}

// A lease of which the node does not know is not held for as long as the node lives.
func TestLeaseWithoutSessionIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := sessiontest.NewMemory()
		d := &lostAnswer{Directory: store}
		fx := start(t, func(o *hub.Options) { o.Store, o.Directory, o.Fleet = store, d, store })
		defer fx.stop()
		d.lose.Store(true)
		if _, err := fx.hub.Create(t.Context(), session.Spec{ID: "s"}); err == nil {
			t.Fatal("created without a lease")
		}
		if _, err := store.Owner(t.Context(), "s"); err != nil {
			t.Fatalf("the lease was not taken: %v", err)
		}
		time.Sleep(5 * time.Second)
		if l, err := store.Owner(t.Context(), "s"); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("five seconds later it is held: %+v, %v", l, err)
		}
	})
}

func TestNodeStops(t *testing.T) {
	fx := start(t)
	c, _ := fx.open(session.Spec{ID: "s"})
	cl, left := fx.attach(c, session.Voice())
	go fx.stop()
	var closed *session.CloseError
	if _, err := cl.Read(); !errors.As(err, &closed) || closed.Code != session.CloseMoved {
		t.Errorf("client saw %v", err)
	}
	<-left
}

func TestFeedBehind(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	cl, _ := fx.attach(c, session.Voice())
	feed := c.Subscribe()
	for i := range 1100 {
		send(t, up, fmt.Sprintf(`{"type":"x","event_id":"e%d"}`, i))
		want(t, cl, "x")
	}
	var n int
	for {
		e, err := feed.Next(context.Background())
		if err != nil {
			if !errors.Is(err, hub.ErrFeedBehind) {
				t.Errorf("ended with %v", err)
			}
			break
		}
		if n++; e.Type != "x" {
			t.Errorf("event %+v", e)
		}
	}
	if n != 1024 {
		t.Errorf("%d events before the end", n)
	}
}
