package hub_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/hub"
)

// drain starts to drain a node; what it returns takes that back.
func drain(fx *fixture) (end func()) {
	ctx, cancel := context.WithCancel(fx.t.Context())
	var draining sync.WaitGroup
	draining.Go(func() { fx.hub.Drain(ctx) })
	return sync.OnceFunc(func() { cancel(); draining.Wait() })
}

// A node that an operator drains moves its sessions and takes no others, and goes on; when the
// operator has changed their mind it takes sessions again.
func TestDrainedNodeGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t)
		defer b.stop()
		defer a.stop()
		time.Sleep(6 * time.Second) // until both are announced
		c, _ := a.openFor(time.Hour)
		cl, left := a.attach(c, session.Voice())
		end := drain(a)
		defer end()
		time.Sleep(3 * time.Second)
		var closed *session.CloseError
		if _, err := cl.Read(); !errors.As(err, &closed) || closed.Code != session.CloseMoved {
			t.Fatalf("client saw %v", err)
		}
		<-left
		synctest.Wait() // the client is gone a moment before its session
		if _, ok := b.hub.Controller("s"); !ok || a.hub.Stats().Sessions != 0 || !a.hub.Draining() {
			t.Fatal("the session was not moved")
		}
		if _, err := a.hub.Create(t.Context(), session.Spec{ID: "other"}); !errors.Is(err, hub.ErrDraining) {
			t.Fatalf("another session: %v", err)
		}
		end()
		opened := make(chan error, 1)
		go func() {
			_, err := a.hub.Create(t.Context(), session.Spec{ID: "other"})
			opened <- err
		}()
		for up := <-a.ends; up.Send(createdFor("sess_1", time.Hour)) != nil; up = <-a.ends { // of the session that moved
		}
		if err := <-opened; err != nil {
			t.Fatalf("when it takes sessions again: %v", err)
		}
	})
}

// Without another node, sessions stay where they are.
func TestDrainOfTheOnlyNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t)
		b.stop()
		defer a.stop()
		time.Sleep(6 * time.Second)
		c, up := a.openFor(time.Hour)
		cl, _ := a.attach(c, session.Voice())
		end := drain(a)
		defer end()
		time.Sleep(2 * time.Minute)
		send(t, up, item("i1", "user", "input_text", "still here"))
		want(t, cl, "i1")
		if n := a.hub.Stats().Sessions; n != 1 {
			t.Errorf("%d sessions", n)
		}
	})
}
