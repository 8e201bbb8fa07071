package hub_test

import (
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/hub"
)

// A response begins and ends.
const (
	begins = `{"type":"response.created","event_id":"e1","response":{"id":"r1","conversation_id":"c"}}`
	ends   = `{"type":"response.done","event_id":"e2","response":{"id":"r1","conversation_id":"c","status":"completed","output":[]}}`
)

// A renewal and a hand-over wait for a quiet moment, and begin at that moment: nobody looks now and
// then whether it has come.
func TestQuietMomentIsNotMissed(t *testing.T) {
	const busy = 3*time.Second + 13*time.Millisecond
	t.Run("renewal", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			fx := start(t)
			defer fx.stop()
			_, up := fx.openFor(20 * time.Second)
			time.Sleep(14 * time.Second)
			send(t, up, begins)
			synctest.Wait()
			busySince := time.Now()
			time.AfterFunc(busy, func() { _ = up.Send(ends) })
			fx.next("sess_2", time.Hour, 0)
			if took := time.Since(busySince); took != busy {
				t.Errorf("renewed after %v, quiet after %v", took, busy)
			}
		})
	})
	t.Run("hand-over", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, b, _ := pair(t)
			defer b.stop()
			time.Sleep(6 * time.Second) // the nodes know of each other
			_, up := a.openFor(time.Hour)
			send(t, up, begins)
			synctest.Wait()
			busySince := time.Now()
			time.AfterFunc(busy, func() { _ = up.Send(ends) })
			go a.stop()
			b.next("sess_2", time.Hour, 0)
			if took := time.Since(busySince); took != busy {
				t.Errorf("moved after %v, quiet after %v", took, busy)
			}
		})
	})
}

// What only time makes quiet, the pause behind a client's last event, is waited for to its end.
func TestQuietMomentComesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		c, up := fx.openFor(time.Hour)
		cl, _ := fx.attach(c, session.Open())
		asked := time.Now()
		time.Sleep(13 * time.Millisecond)
		send(t, cl, `{"type":"response.cancel"}`)
		want(t, up, "response.cancel")
		done := make(chan hub.Renewal, 1)
		go func() {
			r, err := c.Renew(t.Context())
			if err != nil {
				t.Error(err)
			}
			done <- r
		}()
		fx.next("sess_2", time.Hour, 0)
		if took := time.Since(asked); took != 513*time.Millisecond {
			t.Errorf("renewed %v after the last event", took)
		}
		<-done
	})
}
