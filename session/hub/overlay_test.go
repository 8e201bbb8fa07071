package hub_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/broadcast"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// acknowledged answers an update as the upstream does, with the instructions that now hold.
func acknowledged(t *testing.T, up *sessiontest.Conn, instructions string) {
	t.Helper()
	send(t, up, strings.Replace(strings.Replace(createdFor("sess_1", time.Hour), "session.created", "session.updated", 1), "be kind", instructions, 1))
}

// toldTo reads the next update and answers it; it must set these instructions and nothing else.
func toldTo(t *testing.T, up *sessiontest.Conn, instructions string) {
	t.Helper()
	want(t, up, `"session.update"`, `"session":{"type":"realtime","instructions":"`+instructions+`"}`)
	acknowledged(t, up, instructions)
}

// publish sends a broadcast to append.
func (fx *fixture) publish(text string) session.Broadcast {
	fx.t.Helper()
	b, err := fx.mem.Publish(fx.t.Context(), session.Broadcast{Instructions: text, Mode: broadcast.ModeAppend, By: "ops"})
	if err != nil {
		fx.t.Fatal(err)
	}
	return b
}

func (fx *fixture) withdraw(b session.Broadcast) {
	fx.t.Helper()
	if _, err := fx.mem.Withdraw(fx.t.Context(), b.ID, "ops"); err != nil {
		fx.t.Fatal(err)
	}
}

// lone is a node of its own with the log of broadcasts.
func lone(t *testing.T) *fixture {
	mem := sessiontest.NewMemory()
	fx := start(t, func(o *hub.Options) {
		o.Store, o.Directory, o.Meter, o.Broadcasts = mem, mem, mem, mem
	})
	fx.mem = mem
	return fx
}

// What a client changes beside the instructions leaves what broadcasts stand on as it
// was; what it says of the instructions is what they stand on from then on.
func TestClientUpdatesUnderABroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := lone(t)
		defer fx.stop()
		c, up := fx.openFor(time.Hour)
		cl, _ := fx.attach(c, session.Open())
		b := fx.publish("close at 8")
		toldTo(t, up, `be kind\n\nclose at 8`)
		want(t, cl, "session.updated")

		send(t, cl, `{"type":"session.update","session":{"type":"realtime","tool_choice":"none"}}`)
		want(t, up, "tool_choice")
		acknowledged(t, up, `be kind\n\nclose at 8`)
		want(t, cl, "session.updated")

		send(t, cl, `{"type":"session.update","session":{"type":"realtime","instructions":"be brief"}}`)
		want(t, up, "be brief")
		acknowledged(t, up, "be brief")
		want(t, cl, "session.updated")
		toldTo(t, up, `be brief\n\nclose at 8`)
		want(t, cl, "session.updated")

		fx.withdraw(b)
		toldTo(t, up, "be brief")
		want(t, cl, "session.updated")
		synctest.Wait()
		if n := fx.hub.Stats().Entries; n != 2 { // the broadcast and its withdrawal
			t.Errorf("%d entries were told", n)
		}
	})
}

// A broadcast that comes while an update of something else is under way stands on the
// session's own instructions.
func TestBroadcastDuringAnUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := lone(t)
		defer fx.stop()
		c, up := fx.openFor(time.Hour)
		done := make(chan error, 1)
		go func() {
			_, err := c.Update(t.Context(), []byte(`{"tool_choice":"none"}`))
			done <- err
		}()
		want(t, up, "tool_choice")
		fx.publish("close at 8")
		want(t, up, `"instructions":"be kind\n\nclose at 8"`)
		acknowledged(t, up, "be kind")
		if err := <-done; err != nil {
			t.Error(err)
		}
		acknowledged(t, up, `be kind\n\nclose at 8`)
	})
}

// A withdrawal that the upstream never acknowledged holds for the next one.
func TestWithdrawalOutlivesTheUpstream(t *testing.T) {
	for name, withdraw := range map[string]func(fx *fixture, up *sessiontest.Conn, b session.Broadcast){
		"before it is lost": func(fx *fixture, up *sessiontest.Conn, b session.Broadcast) {
			fx.withdraw(b)
			want(fx.t, up, `"instructions":"be kind"`)
			up.Drop()
		},
		"after": func(fx *fixture, up *sessiontest.Conn, b session.Broadcast) {
			up.Drop()
			synctest.Wait()
			fx.withdraw(b)
			synctest.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fx := lone(t)
				defer fx.stop()
				c, up := fx.openFor(time.Hour)
				b := fx.publish("close at 8")
				toldTo(t, up, `be kind\n\nclose at 8`)
				synctest.Wait()
				withdraw(fx, up, b)
				second := <-fx.ends
				send(t, second, createdFor("sess_2", time.Hour))
				if told := want(t, second, `"session.update"`); strings.Contains(told, "close") {
					// It may have been made ready before the withdrawal came; then it is told behind that.
					acknowledged(t, second, `be kind\n\nclose at 8`)
					want(t, second, `"instructions":"be kind"`)
				}
				acknowledged(t, second, "be kind")
				synctest.Wait()
				if got := string(c.Record().Session); strings.Contains(got, "close") || !strings.Contains(got, "be kind") {
					t.Errorf("session %s", got)
				}
				s, err := fx.mem.Broadcast(t.Context(), b.ID)
				if err != nil || s.Withdrawal == nil || s.Withdrawal.Outcomes[broadcast.Deferred] != 1 {
					t.Errorf("%+v, %v", s, err)
				}
			})
		})
	}
}

// forgetful is a log that does not take reports for a while.
type forgetful struct {
	*sessiontest.Memory
	back time.Time
}

func (f *forgetful) Report(ctx context.Context, r broadcast.Report) error {
	if time.Now().Before(f.back) {
		return errors.New("away")
	}
	return f.Memory.Report(ctx, r)
}

// What became of a broadcast is counted though the store was away for a while; a node
// that stops does not wait for it.
func TestOutcomesWaitForTheStore(t *testing.T) {
	for name, stops := range map[string]bool{"it comes back": false, "the node stops": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &forgetful{Memory: sessiontest.NewMemory(), back: time.Now().Add(30 * time.Second)}
				fx := start(t, func(o *hub.Options) {
					o.Store, o.Directory, o.Meter, o.Broadcasts = log, log, log, log
				})
				defer fx.stop()
				fx.mem = log.Memory
				_, up := fx.openFor(time.Hour)
				_, mute := fx.openNamed("mute", time.Hour)
				b := fx.publish("close at 8")
				toldTo(t, up, `be kind\n\nclose at 8`)
				want(t, mute, "close at 8")
				counted := 2
				if stops {
					begun := time.Now()
					fx.stop()
					if took := time.Since(begun); took > 10*time.Second {
						t.Errorf("stopped after %v", took)
					}
					counted = 0
				}
				time.Sleep(40 * time.Second)
				s, err := fx.mem.Broadcast(t.Context(), b.ID)
				if err != nil || s.Matched != counted || s.Outcomes[broadcast.Applied]+s.Outcomes[broadcast.Silent] != counted {
					t.Errorf("%+v, %v", s, err)
				}
			})
		})
	}
}

// untold fails when an upstream is told anything from now on.
func untold(t *testing.T, up *sessiontest.Conn) {
	go func() {
		for f, err := up.Read(); err == nil; f, err = up.Read() {
			t.Errorf("an upstream was told %s", f.Payload())
		}
	}()
}

// A broadcast that is not for late comers is none for them on another node either.
func TestLateComersStayLateWhereTheyMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t)
		defer b.stop()
		time.Sleep(6 * time.Second) // until both are announced
		a.publish("close at 8")
		time.Sleep(10 * time.Second)
		_, up := a.openFor(time.Hour)
		untold(t, up)
		time.Sleep(20 * time.Second)
		stopped := make(chan struct{})
		go func() { a.stop(); close(stopped) }()
		second, _ := b.next("sess_2", time.Hour, 0)
		untold(t, second)
		<-stopped
		synctest.Wait()
	})
}

// Late comers hear nothing of what was withdrawn before they came.
func TestWithdrawnBeforeTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := lone(t)
		defer fx.stop()
		b, err := fx.mem.Publish(t.Context(), session.Broadcast{Instructions: "close at 8", Mode: broadcast.ModeAppend, By: "ops", Sticky: true})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		fx.withdraw(b)
		synctest.Wait()
		_, up := fx.openFor(time.Hour)
		untold(t, up)
		synctest.Wait()
	})
}

// A transcription session has no instructions: it is not concerned, and its next upstream is
// not told of any either, which would refuse the whole configuration.
func TestTranscriptionIsNotInstructed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := lone(t)
		defer fx.stop()
		transcription := strings.NewReplacer(`"type":"realtime"`, `"type":"transcription"`, `"instructions":"be kind",`, "").Replace(createdFor("sess_1", time.Hour))
		opened := make(chan error, 1)
		go func() {
			_, err := fx.hub.Create(t.Context(), session.Spec{ID: "s", Intent: "transcription"})
			opened <- err
		}()
		up := <-fx.ends
		send(t, up, transcription)
		if err := <-opened; err != nil {
			t.Fatal(err)
		}
		b := fx.publish("close at 8")
		time.Sleep(time.Minute)
		if s, err := fx.mem.Broadcast(t.Context(), b.ID); err != nil || s.Matched != 0 {
			t.Errorf("%+v, %v", s, err)
		}
		up.Drop()
		second := <-fx.ends
		send(t, second, transcription)
		if told := want(t, second, `"session.update"`); strings.Contains(told, "instructions") {
			t.Errorf("the next upstream is told %s", told)
		}
	})
}

// A session that does not have a label is not one in which it is empty.
func TestBroadcastToAnEmptyLabel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := lone(t)
		defer fx.stop()
		_, up := fx.openFor(time.Hour)
		untold(t, up)
		b, err := fx.mem.Publish(t.Context(), session.Broadcast{Instructions: "close at 8", Mode: broadcast.ModeAppend, By: "ops", Select: map[string]string{"team": ""}})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s, err := fx.mem.Broadcast(t.Context(), b.ID); err != nil || s.Matched != 0 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// An upstream that takes nothing is told with the next one, as one that is lost.
func TestBroadcastToABusyUpstream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := sessiontest.NewMemory()
		fx := start(t, func(o *hub.Options) {
			o.Store, o.Directory, o.Meter, o.Broadcasts = mem, mem, mem, mem
			o.UpstreamQueue, o.StallLimit = 100, time.Hour
		})
		defer fx.stop()
		fx.mem = mem
		c, up := fx.openFor(time.Hour)
		cl, _ := fx.attach(c, session.Open())
		up.Stall()
		for n := range 3 {
			send(t, cl, create(n))
			synctest.Wait()
		}
		want(t, cl, "upstream_busy")
		b := fx.publish("close at 8")
		time.Sleep(time.Second)
		if s, err := mem.Broadcast(t.Context(), b.ID); err != nil || s.Outcomes[broadcast.Deferred] != 1 {
			t.Errorf("%+v, %v", s, err)
		}
		up.Drop()
		up = <-fx.ends
		send(t, up, createdFor("sess_2", time.Hour))
		want(t, up, "session.update", `be kind\n\nclose at 8`)
	})
}
