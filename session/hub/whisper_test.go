package hub_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/realtime"
	"switchboard/session/sessiontest"
)

// whispered whispers a secret to a session, behind an item i1, and has an item i2 follow.
func whispered(t *testing.T, c *hub.Controller, up *sessiontest.Conn) (id string) {
	t.Helper()
	send(t, up, item("i1", "user", "input_text", "hello"))
	done := make(chan error, 1)
	go func() {
		_, err := c.Whisper(t.Context(), "offer a discount")
		done <- err
	}()
	var ev struct{ Item struct{ ID, Role string } }
	if err := json.Unmarshal([]byte(want(t, up, "conversation.item.create", "offer a discount")), &ev); err != nil || ev.Item.Role != "system" {
		t.Fatalf("%+v, %v", ev, err)
	}
	id = ev.Item.ID
	for _, typ := range []string{"added", "done"} {
		send(t, up, `{"type":"conversation.item.`+typ+`","event_id":"w_`+typ+`","previous_item_id":"i1","item":{"id":"`+id+`","type":"message","role":"system","status":"completed","content":[{"type":"input_text","text":"offer a discount"}]}}`)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	send(t, up, strings.Replace(item("i2", "user", "input_text", "bye"), `"item":`, `"previous_item_id":"`+id+`","item":`, 1))
	synctest.Wait()
	return id
}

// public reads what a client is sent, in which nothing of a whisper is.
func public(t *testing.T, cl *sessiontest.Conn, id string) (all string) {
	t.Helper()
	synctest.Wait()
	for cl.Buffered() {
		event := want(t, cl)
		if strings.Contains(event, "discount") || strings.Contains(event, id) {
			t.Errorf("a client is told %s", event)
		}
		all += event + "\n"
	}
	return all
}

// The model knows what was whispered, before and after a renewal and on other nodes; the
// application sees it; and no client is told of it, however it joins.
func TestWhisper(t *testing.T) {
	for name, move := range map[string]func(t *testing.T, a, b *fixture, up *sessiontest.Conn) *fixture{
		"stays":   func(t *testing.T, a, b *fixture, up *sessiontest.Conn) *fixture { return a },
		"renewed": func(t *testing.T, a, b *fixture, up *sessiontest.Conn) *fixture { up.Drop(); return a },
		"handed over": func(t *testing.T, a, b *fixture, up *sessiontest.Conn) *fixture {
			a.stop()
			return b
		},
		"claimed": func(t *testing.T, a, b *fixture, up *sessiontest.Conn) *fixture {
			a.onTheWay = func([]byte) []byte { return []byte(`{"version":999}`) }
			a.stop()
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b, _ := pair(t)
				defer b.stop()
				time.Sleep(6 * time.Second)
				c, up := a.openFor(time.Hour)
				cl, _ := a.attach(c, session.Open())
				id := whispered(t, c, up)
				if told := public(t, cl, id); !strings.Contains(told, `"previous_item_id":"i1"`) {
					t.Errorf("the next item follows the private one: %s", told)
				}
				for _, event := range []string{"retrieve", "delete"} {
					send(t, cl, `{"type":"conversation.item.`+event+`","item_id":"`+id+`"}`)
					want(t, cl, "item_not_found")
				}
				at := move(t, a, b, up)
				if name != "stays" {
					up, told := at.next("sess_2", time.Hour, 3)
					if len(told) != 3 || !strings.Contains(told[1], "offer a discount") {
						t.Errorf("the next upstream is told %q", told)
					}
					synctest.Wait()
					public(t, cl, id)
					send(t, up, strings.Replace(item("i3", "user", "input_text", "wait"), `"item":`, `"previous_item_id":"i2","item":`, 1))
				} else {
					defer a.stop()
				}
				if name == "renewed" {
					defer a.stop()
				}
				synctest.Wait()
				if c, _ = at.hub.Controller("s"); c == nil {
					t.Fatal("the session is gone")
				}
				for _, last := range []string{"", "e_i1", "unknown"} {
					cl, _ := at.attachAt(c, hub.Attachment{Policy: session.Open(), LastEventID: last})
					told := public(t, cl, id)
					if last == "unknown" && (!strings.Contains(told, "session.reset") || !strings.Contains(told, `"previous_item_id":"i1"`)) {
						t.Errorf("a reset is %s", told)
					}
					cl.Drop()
				}
				private := 0
				for _, it := range c.Items() {
					if it.Private && it.ID == id && it.Text == "offer a discount" {
						private++
					}
				}
				if private != 1 {
					t.Errorf("items are %+v", c.Items())
				}
				if err := at.hub.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				events, err := b.mem.Events(t.Context(), "s", "", 1000)
				logged := 0
				for _, e := range events {
					if e.Type == realtime.TypWhisper && strings.Contains(string(e.Raw), "discount") {
						logged++
					}
				}
				if err != nil || logged != 1 {
					t.Errorf("the log has it %d times, %v", logged, err)
				}
			})
		})
	}
}

// How long a response was waited for is noted with its first item.
func TestLatencyOfATurn(t *testing.T) {
	for kind, event := range map[string]string{
		"audio": `{"type":"response.output_audio.delta","event_id":"e2","response_id":"r1","item_id":"i1","delta":"AAAA"}`,
		"text":  `{"type":"response.output_text.delta","event_id":"e2","response_id":"r1","item_id":"i1","delta":"yes"}`,
	} {
		t.Run(kind, func(t *testing.T) {
			talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
				send(t, cl, `{"type":"response.create"}`)
				want(t, up)
				time.Sleep(300 * time.Millisecond)
				send(t, up, `{"type":"response.created","event_id":"e1","response":{"id":"r1","conversation_id":"c"}}`)
				send(t, up, `{"type":"conversation.item.added","event_id":"e3","item":{"id":"i1","type":"message","role":"assistant","status":"in_progress","content":[]}}`)
				time.Sleep(200 * time.Millisecond)
				send(t, up, event)
				time.Sleep(time.Second)
				send(t, up, strings.Replace(event, "e2", "e4", 1))
				send(t, up, `{"type":"response.done","event_id":"e5","response":{"id":"r1","status":"completed"}}`)
				synctest.Wait()
				if items := c.Items(); len(items) != 1 || items[0].LatencyMS != 500 {
					t.Errorf("items are %+v", items)
				}
			})
		})
	}
}
