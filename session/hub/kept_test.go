package hub_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// unhurried is a store whose writes take their time, and fail if they do.
type unhurried struct {
	*sessiontest.Memory
	takes atomic.Int64 // ns
	fails atomic.Bool
}

func (s *unhurried) Apply(ctx context.Context, changes []session.Change) ([]session.ID, error) {
	select {
	case <-time.After(time.Duration(s.takes.Load())):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if s.fails.Load() {
		return nil, errors.New("away")
	}
	return s.Memory.Apply(ctx, changes)
}

// startUnhurried is a node with a session and a client, whose writes take as long as that
// once all of this is written.
func startUnhurried(t *testing.T, takes time.Duration, fails bool) (fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
	store := &unhurried{Memory: sessiontest.NewMemory()}
	fx = start(t, func(o *hub.Options) {
		o.Store, o.Directory, o.Meter, o.ClientQueue = store, store, store, 64<<10
	})
	fx.mem = store.Memory
	c, up = fx.openFor(time.Hour)
	cl, _ = fx.attach(c, session.Open())
	time.Sleep(time.Second)
	store.takes.Store(int64(takes))
	store.fails.Store(fails)
	return fx, c, up, cl
}

const itemDone = `{"type":"conversation.item.done","event_id":"e_done","item":{"id":"i","type":"message","role":"user","status":"completed","content":[{"type":"input_text","text":"hello"}]}}`

// A client is told of an item once the store has it, with all that follows in its order;
// a store that is slow or away does not keep it from the client.
func TestClientsAreToldWhatIsKept(t *testing.T) {
	for name, tc := range map[string]struct {
		takes time.Duration
		fails bool
		told  time.Duration // at the latest: a write may have begun without the item
		kept  int           // items that the store has by then
	}{
		"a store as they are": {takes: 3 * time.Millisecond, told: 6 * time.Millisecond, kept: 1},
		"a slow one":          {takes: time.Second, told: 500 * time.Millisecond},
		"one that refuses":    {takes: time.Millisecond, fails: true, told: 2 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fx, c, up, cl := startUnhurried(t, tc.takes, tc.fails)
				defer fx.stop()
				begun := time.Now()
				send(t, up, itemDone)
				send(t, up, `{"type":"response.output_audio.delta","event_id":"e_audio","response_id":"r","item_id":"j","delta":"AAAA"}`)
				want(t, cl, "e_done")
				if took := time.Since(begun); took > tc.told {
					t.Errorf("told after %v", took)
				}
				if items, err := fx.mem.Items(t.Context(), c.Record().ID); err != nil || len(items) != tc.kept {
					t.Errorf("%d items were kept, %v", len(items), err)
				}
				want(t, cl, "e_audio")
				if took := time.Since(begun); took > tc.told {
					t.Errorf("told what follows after %v", took)
				}
			})
		})
	}
}

// While the store is known to be away nobody waits for it.
func TestNobodyWaitsForAStoreThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx, _, up, cl := startUnhurried(t, 50*time.Millisecond, true)
		defer fx.stop()
		send(t, up, itemDone)
		want(t, cl, "e_done")
		begun := time.Now()
		send(t, up, `{"type":"response.done","event_id":"e_response","response":{"id":"r","status":"completed","conversation_id":"conv"}}`)
		want(t, cl, "e_response")
		if took := time.Since(begun); took != 0 {
			t.Errorf("told after %v", took)
		}
	})
}

// More than half of what may wait for a client is not withheld: it would be let go as one
// that stays behind.
func TestLittleIsWithheld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx, _, up, cl := startUnhurried(t, time.Second, false)
		defer fx.stop()
		begun := time.Now()
		send(t, up, itemDone)
		for range 100 {
			send(t, up, `{"type":"response.output_audio.delta","event_id":"e_audio","response_id":"r","item_id":"j","delta":"`+strings.Repeat("A", 2000)+`"}`)
		}
		want(t, cl, "e_done")
		for range 100 {
			want(t, cl, "e_audio")
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("told after %v", took)
		}
	})
}

// What a client was not told yet it is told before the session ends, or moves on.
func TestNothingIsWithheldAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx, c, up, cl := startUnhurried(t, time.Second, false)
		defer fx.stop()
		send(t, up, itemDone)
		synctest.Wait()
		late, _ := fx.attach(c, session.Open()) // waits with the others
		send(t, up, `{"type":"rate_limits.updated","event_id":"e_limits"}`)
		synctest.Wait()
		go c.End(t.Context(), hub.Ending{})
		want(t, cl, "e_done")
		want(t, cl, "e_limits")
		want(t, late, "e_limits")
	})
}

// Who asked for an item is answered once the store has it.
func TestCallersAreAnsweredWhatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx, c, up, _ := startUnhurried(t, 3*time.Millisecond, false)
		defer fx.stop()
		done := make(chan error, 1)
		go func() {
			_, err := c.Message(t.Context(), hub.Message{Text: "hello"})
			done <- err
		}()
		id := field(t, want(t, up, "conversation.item.create"), "item.id")
		send(t, up, `{"type":"conversation.item.added","event_id":"e","item":{"id":"`+id+`","type":"message","role":"user","status":"completed","content":[{"type":"input_text","text":"hello"}]}}`)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if items, err := fx.mem.Items(t.Context(), c.Record().ID); err != nil || len(items) != 1 {
			t.Errorf("%d items were kept, %v", len(items), err)
		}
	})
}

// A client that comes back while something is not kept yet waits for it with the others.
func TestWhoComesBackIsToldWhatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx, c, up, cl := startUnhurried(t, 3*time.Millisecond, false)
		defer fx.stop()
		send(t, up, `{"type":"x","event_id":"e_x"}`)
		want(t, cl, "e_x")
		send(t, up, itemDone)
		synctest.Wait()
		back, _ := fx.attachAt(c, hub.Attachment{Policy: session.Open(), LastEventID: "e_x"})
		want(t, back, "e_done")
		if items, err := fx.mem.Items(t.Context(), c.Record().ID); err != nil || len(items) != 1 {
			t.Errorf("%d items were kept, %v", len(items), err)
		}
	})
}
