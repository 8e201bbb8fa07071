package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/broadcast"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// pair is two nodes over one memory; a reaches it through a wire that can be cut.
func pair(t *testing.T, change ...func(*hub.Options)) (a, b *fixture, cut *away) {
	t.Helper()
	mem := sessiontest.NewMemory()
	cut = &away{Memory: mem}
	var second *fixture
	network := &peers{cut: cut}
	a = start(t, append(change, func(o *hub.Options) {
		o.Node, o.Store, o.Directory, o.Fleet, o.Broadcasts = "http://a", cut, cut, cut, mem
		o.Peers = network
		o.Meter = cut
		o.HandOver = func(ctx context.Context, to session.Node, s session.Snapshot) error {
			if to.URL != "http://b" {
				return fmt.Errorf("handed to %s", to.URL)
			}
			_, err := second.hub.Claim(ctx, s.Record.ID) // as a sweep would, or a request
			if held := new(session.HeldError); !errors.As(err, &held) {
				return fmt.Errorf("claimed on the way: %w", err)
			}
			body, err := json.Marshal(s)
			if err != nil {
				return err
			}
			if a.onTheWay != nil {
				body = a.onTheWay(body)
			}
			arrived, err := session.ParseSnapshot(body)
			if err != nil {
				return err
			}
			return second.hub.Adopt(ctx, arrived)
		}
	})...)
	b = start(t, append(change, func(o *hub.Options) {
		o.Node, o.Store, o.Directory, o.Fleet, o.Broadcasts = "http://b", mem, mem, mem, mem
		o.Peers = network
		o.Meter = mem
	})...)
	second = b
	a.mem, b.mem = mem, mem
	network.nodes = map[string]*fixture{"http://a": a, "http://b": b}
	return a, b, cut
}

// holderB is a node that is not there.
var holderB = session.Holder{Node: "http://b", Incarnation: "b1"}

// peers is the network between nodes, down while the store of the first one is.
type peers struct {
	cut   *away
	nodes map[string]*fixture
}

func (p *peers) Incarnation(_ context.Context, url string) (string, error) {
	if err := p.cut.err(); err != nil {
		return "", err
	}
	return p.nodes[url].hub.Incarnation(), nil
}

func (p *peers) Vouch(ctx context.Context, url string, b session.Heartbeat) (hub.Voucher, error) {
	if err := p.cut.err(); err != nil {
		return hub.Voucher{}, err
	}
	return p.nodes[url].hub.Vouch(ctx, b)
}

// In a rolling upgrade, nodes of two releases hand sessions to each other. What an older release
// made is understood; what a newer one made is refused, and the session is claimed from the store.
func TestHandOverBetweenReleases(t *testing.T) {
	for name, version := range map[string]int{"older": 0, "same": session.SnapshotVersion, "newer": session.SnapshotVersion + 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b, _ := pair(t)
				defer b.stop()
				a.onTheWay = func(body []byte) []byte {
					var fields map[string]any
					if err := json.Unmarshal(body, &fields); err != nil {
						t.Error(err)
					}
					if fields["version"] = version; version == 0 {
						delete(fields, "version")
					}
					if version > session.SnapshotVersion {
						fields["items"] = "told otherwise by then"
					}
					body, err := json.Marshal(fields)
					if err != nil {
						t.Error(err)
					}
					return body
				}
				time.Sleep(6 * time.Second) // until both are announced
				c, up := a.openFor(time.Hour)
				cl, _ := a.attach(c, session.Voice())
				send(t, up, item("i1", "user", "input_text", "hello"))
				want(t, cl, "i1")
				go a.stop()
				up, told := b.next("sess_2", time.Hour, 1)
				if len(told) != 1 || !strings.Contains(told[0], "hello") {
					t.Errorf("the next upstream was told %v", told)
				}
				defer up.Drop()
				again, err := b.hub.Claim(t.Context(), "s")
				if err != nil || len(again.Items()) != 1 {
					t.Errorf("%v", err)
				}
				if b.hub.Stats().Claimed != map[bool]int64{true: 1}[version > session.SnapshotVersion] {
					t.Errorf("%d sessions were claimed from the store", b.hub.Stats().Claimed)
				}
			})
		})
	}
}

// A node that is cut off stops before another may start; the other claims the session,
// tells its upstream what was said, and clients go on there. Nothing that the first
// writes later is kept.
func TestLostNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, cut := pair(t)
		defer b.stop()
		defer a.stop()
		c, up := a.openFor(time.Hour)
		cl, left := a.attach(c, session.Voice())
		send(t, up, item("i1", "user", "input_text", "the code is 42"))
		want(t, cl, "i1")
		time.Sleep(10 * time.Second)
		cut.set(true)
		begun := time.Now()
		send(t, up, item("i2", "user", "input_text", "said while cut off"))
		want(t, cl, "i2")
		var closed *session.CloseError
		if _, err := cl.Read(); !errors.As(err, &closed) || closed.Code != session.CloseMoved {
			t.Fatalf("client saw %v", err)
		}
		<-left
		second, told := b.next("sess_2", time.Hour, 1)
		if d := time.Since(begun); d > 5*time.Second {
			t.Errorf("claimed after %v", d)
		}
		if len(told) != 1 || !strings.Contains(told[0], "the code is 42") {
			t.Errorf("told %v", told)
		}
		again, ok := b.hub.Controller("s")
		if !ok {
			t.Fatal("not running on the second node")
		}
		cl, _ = b.attachAt(again, hub.Attachment{Policy: session.Voice(), LastEventID: "e_i1"})
		want(t, cl, "switchboard.session.renewed", "moved")
		send(t, second, `{"type":"marker","event_id":"m"}`)
		want(t, cl, "marker")

		cut.set(false)
		time.Sleep(10 * time.Second)
		if items, err := b.mem.Items(t.Context(), "s"); err != nil || len(items) != 1 {
			t.Errorf("the store has %+v, %v: the lost node wrote", items, err)
		}
		if r, err := b.mem.Record(t.Context(), "s"); err != nil || r.Node != "http://b" || r.Status != session.StatusActive {
			t.Errorf("record %+v, %v", r, err)
		}
	})
}

// A node that stops hands its sessions over: the client that comes back on the other node
// has every event once, and what waited for the upstream arrives.
func TestHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t)
		defer b.stop()
		time.Sleep(6 * time.Second) // until both are announced
		c, up := a.openFor(time.Hour)
		cl, left := a.attach(c, session.Voice())
		send(t, up, item("i1", "user", "input_text", "hello"))
		want(t, cl, "i1")
		send(t, up, `{"type":"response.created","event_id":"e1","response":{"id":"r1","conversation_id":"c"}}`)
		want(t, cl, "response.created")
		stopped := make(chan struct{})
		go func() { a.stop(); close(stopped) }()
		time.Sleep(3 * time.Second) // a response is under way: nothing moves
		done := ` { "type":"response.done","event_id":"e2","response":{"id":"r1","status":"completed","metadata":{"a":"<b>"}}}`
		send(t, up, done)
		want(t, cl, "response.done")
		var closed *session.CloseError
		if _, err := cl.Read(); !errors.As(err, &closed) || closed.Code != session.CloseMoved {
			t.Fatalf("client saw %v", err)
		}
		<-left
		<-stopped
		again, ok := b.hub.Controller("s")
		if !ok {
			t.Fatal("the other node does not run it")
		}
		cl, _ = b.attachAt(again, hub.Attachment{Policy: session.Voice(), LastEventID: "e1"})
		if again := want(t, cl, `"e2"`); again != done { // as if it had not seen the last one
			t.Errorf("told %s, which was %s", again, done)
		}
		send(t, cl, `{"type":"response.create"}`)
		second, told := b.next("sess_2", time.Hour, 1)
		want(t, second, "response.create")
		want(t, cl, "renewed", "moved")
		if len(told) != 1 {
			t.Errorf("told %v", told)
		}
		if n, err := b.mem.Nodes(t.Context()); err != nil || len(n) != 1 {
			t.Errorf("nodes %v, %v", n, err)
		}
	})
}

// obey answers session.update with session.updated, as the upstream does, and tells the
// instructions it was given.
func obey(up *sessiontest.Conn, told chan<- string) {
	for {
		f, err := up.Read()
		if err != nil {
			close(told)
			return
		}
		var instructions string
		if _, after, ok := strings.Cut(string(f.Payload()), `"instructions":"`); ok {
			instructions, _, _ = strings.Cut(after, `"`)
		}
		if strings.Contains(string(f.Payload()), `"session.update"`) {
			told <- instructions
			up.Send(`{"type":"session.updated","event_id":"u","session":{"type":"realtime","instructions":"` + instructions + `"}}`)
		}
	}
}

func TestBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t)
		defer b.stop()
		defer a.stop()
		told := map[string]chan string{}
		open := func(fx *fixture, id, team string) *hub.Controller {
			c, up := fx.open(session.Spec{ID: session.ID(id), Labels: map[string]string{"team": team}})
			told[id] = make(chan string, 16)
			go obey(up, told[id])
			return c
		}
		expect := func(id, instructions string) {
			t.Helper()
			synctest.Wait()
			select {
			case got := <-told[id]:
				if got != instructions {
					t.Errorf("%s was told %q, want %q", id, got, instructions)
				}
			default:
				if instructions != "" {
					t.Errorf("%s was told nothing, want %q", id, instructions)
				}
			}
		}
		ctx := t.Context()
		publish := func(b session.Broadcast) session.Broadcast {
			t.Helper()
			out, err := a.mem.Publish(ctx, b)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			return out
		}
		one := open(a, "one", "red")
		open(b, "two", "red")
		open(b, "three", "blue")
		if _, err := one.Update(ctx, []byte(`{"instructions":"be kind"}`)); err != nil {
			t.Fatal(err)
		}
		expect("one", "be kind")

		all := publish(session.Broadcast{Instructions: "shop closes at 8", Mode: broadcast.ModeAppend, By: "ops", Sticky: true})
		expect("one", `be kind\n\nshop closes at 8`)
		expect("two", "shop closes at 8")
		expect("three", "shop closes at 8")

		red := publish(session.Broadcast{Instructions: "only red", Mode: broadcast.ModeReplace, By: "ops", Select: map[string]string{"team": "red"}})
		expect("one", "only red")
		expect("two", "only red")
		expect("three", "")

		open(a, "late", "red") // the sticky one is for it, the other was before its time
		expect("late", "shop closes at 8")

		if _, err := one.Update(ctx, []byte(`{"instructions":"be brief"}`)); err != nil {
			t.Fatal(err)
		}
		expect("one", "only red")

		if _, err := a.mem.Withdraw(ctx, red.ID, "ops"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		expect("one", `be brief\n\nshop closes at 8`)
		expect("two", "shop closes at 8")
		expect("three", "")
		expect("late", "")

		for id, matched := range map[string]int{all.ID: 4, red.ID: 2} {
			s, err := a.mem.Broadcast(ctx, id)
			if err != nil || s.Matched != matched || s.Outcomes[broadcast.Applied] != matched {
				t.Errorf("broadcast %s: %+v, %v", id, s, err)
			}
		}
	})
}

// While a session is on its way to another node nothing is taken in that would be lost,
// and nothing but the move ends it here.
func TestNothingIsLostOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := sessiontest.NewMemory()
		var c *hub.Controller
		asked := make(chan struct{})
		fx := start(t, func(o *hub.Options) {
			o.Store, o.Directory, o.Fleet, o.Broadcasts = mem, mem, mem, mem
			o.HandOver = func(ctx context.Context, _ session.Node, s session.Snapshot) error {
				defer close(asked)
				if _, err := c.Message(ctx, hub.Message{Text: "hello"}); !errors.Is(err, hub.ErrMoved) {
					t.Errorf("message: %v", err)
				}
				if err := c.End(ctx, hub.Ending{}); !errors.Is(err, hub.ErrMoved) {
					t.Errorf("end: %v", err)
				}
				_, conn := sessiontest.Pipe()
				if err := c.Attach(conn, &hub.Attachment{Policy: session.Open()}); !errors.Is(err, hub.ErrMoved) {
					t.Errorf("attach: %v", err)
				}
				if !c.Leaving() || len(s.Waiting) > 0 {
					t.Errorf("leaving %v, waiting %s", c.Leaving(), s.Waiting)
				}
				_, err := mem.Transfer(ctx, session.Lease{ID: s.Record.ID, Holder: session.Holder{Node: s.Record.Node}, Epoch: s.Record.Epoch}, holderB)
				return err
			}
		})
		if _, err := mem.Beat(t.Context(), session.Heartbeat{Incarnation: holderB.Incarnation, Node: session.Node{URL: "http://b"}, Counter: 1}); err != nil {
			t.Fatal(err)
		}
		c, _ = fx.openFor(time.Hour)
		fx.stop()
		<-asked
		if err := c.End(t.Context(), hub.Ending{}); err == nil {
			t.Error("a session was ended that another node runs")
		}
		if r, err := mem.Record(t.Context(), "s"); err != nil || r.Status == session.StatusEnded {
			t.Errorf("record %+v, %v", r, err)
		}
	})
}

// A session that was being opened on a node that is declared dead meanwhile does not begin there.
func TestSlowOpeningLosesItsLease(t *testing.T) {
	for name, dead := range map[string]bool{"alive": false, "declared dead": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fx := start(t, func(o *hub.Options) { o.Fleet = fxFleet(o) })
				defer fx.stop()
				done := make(chan error, 1)
				go func() {
					_, err := fx.hub.Create(t.Context(), session.Spec{ID: "s"})
					done <- err
				}()
				up := <-fx.ends
				time.Sleep(7 * time.Second)
				if dead {
					census, err := fx.mem.Beat(t.Context(), session.Heartbeat{Incarnation: holderB.Incarnation, Node: session.Node{URL: "http://b"}, Counter: 1})
					if err != nil {
						t.Fatal(err)
					}
					for _, m := range census.Members {
						if m.Incarnation == fx.hub.Incarnation() {
							if done, err := fx.mem.Declare(t.Context(), holderB.Incarnation, m.Heartbeat); !done || err != nil {
								t.Fatal(done, err)
							}
						}
					}
					time.Sleep(time.Second)
				}
				send(t, up, createdFor("sess_1", time.Hour))
				if err := <-done; dead != errors.Is(err, hub.ErrLeaseLost) || !dead && err != nil {
					t.Errorf("create: %v", err)
				}
				if _, ok := fx.hub.Controller("s"); ok == dead {
					t.Errorf("runs: %v", ok)
				}
			})
		})
	}
}

// The first client of a session hears what was said before it came, also on another node.
func TestFirstClientAfterAHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t)
		defer b.stop()
		time.Sleep(6 * time.Second)
		_, up := a.openFor(time.Hour)
		send(t, up, item("i1", "assistant", "output_text", "welcome"))
		synctest.Wait()
		a.stop()
		b.next("sess_2", time.Hour, 1)
		synctest.Wait()
		c, _ := b.hub.Controller("s")
		cl, _ := b.attach(c, session.Voice())
		want(t, cl, "welcome")
	})
}

// Audio that the log of a lost node does not have is missing on the third node, too: a client
// that has not heard it is told how things are.
func TestHandOverAfterAClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t)
		defer b.stop()
		time.Sleep(6 * time.Second)
		left := session.Record{ID: "s", Status: session.StatusActive, CreatedAt: time.Now(), Session: []byte(`{"type":"realtime","instructions":"be kind"}`)}
		log := []session.Change{{ID: "s", Epoch: 1, Record: &left}}
		for _, id := range []string{"1-1", "1-2"} {
			e := session.LoggedEvent{ID: id, Type: "response.output_audio.done", Raw: []byte(`{"type":"response.output_audio.done","event_id":"e_` + id + `"}`)}
			log = append(log, session.Change{ID: "s", Epoch: 1, Event: &e})
		}
		if stale, err := b.mem.Apply(t.Context(), log); err != nil || len(stale) > 0 {
			t.Fatal(stale, err)
		}
		c, err := a.hub.Claim(t.Context(), "s")
		if err != nil {
			t.Fatal(err)
		}
		a.attach(c, session.Voice())
		a.next("sess_1", time.Hour, 0)
		a.stop()
		b.next("sess_2", time.Hour, 0)
		synctest.Wait()
		c, _ = b.hub.Controller("s")
		for last, event := range map[string]string{"e_1-1": "session.reset", "e_1-2": "session.renewed"} {
			cl, _ := b.attachAt(c, hub.Attachment{Policy: session.Voice(), LastEventID: last})
			want(t, cl, event)
		}
	})
}

// A session that came from another node is renewed in its time.
func TestRenewalAfterAHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t)
		defer b.stop()
		time.Sleep(6 * time.Second)
		a.openFor(time.Hour)
		a.stop()
		b.next("sess_2", 20*time.Second, 0)
		begun := time.Now()
		b.next("sess_3", time.Hour, 0)
		if at := time.Since(begun); at > 19*time.Second {
			t.Errorf("renewed after %v of 20 s", at)
		}
	})
}

// A session that has no quiet moment moves all the same, while there is time: what is being
// said goes on on the other node, and the answer under way ends there.
func TestHandOverWithoutAQuietMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t)
		defer b.stop()
		time.Sleep(6 * time.Second)
		c, up := a.openFor(time.Hour)
		cl, _ := a.attach(c, session.Open())
		send(t, up, `{"type":"response.created","event_id":"e1","response":{"id":"r1","conversation_id":"c"}}`)
		send(t, up, `{"type":"conversation.item.added","event_id":"e2","item":{"id":"i1","type":"message","role":"assistant","status":"in_progress","content":[]}}`)
		send(t, up, `{"type":"response.output_audio_transcript.delta","event_id":"e3","item_id":"i1","response_id":"r1","delta":"once upon"}`)
		send(t, up, `{"type":"input_audio_buffer.speech_started","event_id":"e4","item_id":"u"}`)
		for range 4 {
			want(t, cl)
		}
		said := `{"type":"input_audio_buffer.append","audio":"AAAA"}`
		asked := `{"type":"conversation.item.delete","item_id":"i0"}`
		for _, e := range []string{said, asked} {
			send(t, cl, e)
			want(t, up, e)
		}
		begun := time.Now()
		a.stop()
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("left after %v", took)
		}
		if n := a.hub.Stats().HandedOver; n != 1 {
			t.Errorf("%d sessions were handed over", n)
		}
		c, _ = b.hub.Controller("s")
		cl, _ = b.attachAt(c, hub.Attachment{Policy: session.Open(), LastEventID: "e3"})
		want(t, cl, `"e4"`)
		want(t, cl, "response.done", "r1", "failed")
		up, told := b.next("sess_2", time.Hour, 1)
		if len(told) != 1 || !strings.Contains(told[0], "once upon") {
			t.Errorf("told %v", told)
		}
		want(t, up, said)
		want(t, up, asked)
	})
}

// What was asked of a node that was lost before anything was heard of the answer is asked
// again, as it is when an upstream is lost.
func TestAnswerThatALostNodeOwed(t *testing.T) {
	const vad = `{"type":"realtime","instructions":"be kind","audio":{"input":{"turn_detection":{"type":"server_vad"}}}}`
	const manual = `{"type":"realtime","instructions":"be kind","audio":{"input":{"turn_detection":null}}}`
	for name, tc := range map[string]struct {
		session string
		log     []string // types of events
		asked   bool
	}{
		"nothing was said":      {vad, []string{"session.updated"}, false},
		"said":                  {vad, []string{"response.done", "input_audio_buffer.committed", "conversation.item.done"}, true},
		"said, to be asked for": {manual, []string{"response.done", "input_audio_buffer.committed"}, false},
		"begun":                 {manual, []string{"input_audio_buffer.committed", "response.created", "response.output_item.added"}, true},
		"heard":                 {vad, []string{"response.created", "response.output_audio_transcript.delta", "conversation.item.done"}, false},
		"answered":              {vad, []string{"response.created", "response.done", "rate_limits.updated"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fx := start(t)
				defer fx.stop()
				record := session.Record{ID: "s", Status: session.StatusActive, CreatedAt: time.Now(), Session: []byte(tc.session)}
				changes := []session.Change{{ID: "s", Epoch: 1, Record: &record}}
				for i, typ := range tc.log {
					e := session.LoggedEvent{ID: fmt.Sprintf("1-%d", i+1), Type: typ, Raw: []byte(`{"type":"` + typ + `","event_id":"e","response":{"id":"r","conversation_id":"c"}}`)}
					changes = append(changes, session.Change{ID: "s", Epoch: 1, Event: &e})
				}
				if stale, err := fx.mem.Apply(t.Context(), changes); err != nil || len(stale) > 0 {
					t.Fatal(stale, err)
				}
				if _, err := fx.hub.Claim(t.Context(), "s"); err != nil {
					t.Fatal(err)
				}
				up, _ := fx.next("sess_2", time.Hour, 0)
				synctest.Wait()
				if asked := up.Buffered() && strings.Contains(want(t, up), "response.create"); asked != tc.asked {
					t.Errorf("asked for a response: %v", asked)
				}
			})
		})
	}
}
