package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// weighing is a store that counts the bytes of the changes it is given.
type weighing struct {
	session.Store
	bytes atomic.Int64
}

func (w *weighing) Apply(ctx context.Context, changes []session.Change) ([]session.ID, error) {
	for _, c := range changes {
		raw, err := json.Marshal(c)
		if err != nil {
			return nil, err
		}
		w.bytes.Add(int64(len(raw)))
	}
	return w.Store.Apply(ctx, changes)
}

// What one more item costs the store does not grow with the conversation.
func TestItemsCostTheStoreTheSame(t *testing.T) {
	var store *weighing
	fx := start(t, func(o *hub.Options) {
		store = &weighing{Store: o.Store}
		o.Store = store
	})
	c, up := fx.open(session.Spec{})
	n := 0
	cost := func(items int) int64 {
		before := store.bytes.Load()
		for range items {
			n++
			tell(t, fx, c, up, fmt.Sprintf(`{"type":"conversation.item.added","event_id":"e","previous_item_id":%q,"item":{"id":"item_%05d","type":"message","role":"user","content":[{"type":"input_text","text":"x"}]}}`,
				fmt.Sprintf("item_%05d", n-1), n))
		}
		if err := fx.hub.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		return store.bytes.Load() - before
	}
	first := cost(100)
	cost(1000)
	if last := cost(100); last > first*3/2 {
		t.Errorf("100 items cost %d bytes at first and %d after 1,100", first, last)
	}
}

// conversationOf adds items with texts of a size to a session.
func conversationOf(t *testing.T, fx *fixture, c *hub.Controller, up interface{ Send(string) error }, items, size int) {
	t.Helper()
	for i := range items {
		tell(t, fx, c, up, fmt.Sprintf(`{"type":"conversation.item.added","event_id":"e","item":{"id":"item_%05d","type":"message","role":"user","content":[{"type":"input_text","text":%q}]}}`,
			i, strings.Repeat("x", size)))
	}
}

// A client that comes back too late is told the conversation a page at a time.
func TestResetComesInPages(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	conversationOf(t, fx, c, up, 100, 3000)
	cl, _ := fx.attachAt(c, hub.Attachment{Policy: session.Voice(), LastEventID: "unknown"})
	var items []string
	for typ, more := "switchboard.session.reset", true; more; typ = "switchboard.session.items" {
		event, err := cl.Receive()
		if err != nil {
			t.Fatal(err)
		}
		page := gjson.Parse(event)
		if page.Get("type").Str != typ || len(event) > 80<<10 || !strings.HasPrefix(page.Get("event_id").Str, "event_at_") {
			t.Fatalf("%.200s of %d bytes", event, len(event))
		}
		for _, it := range page.Get("items").Array() {
			items = append(items, it.Get("id").Str)
		}
		more = page.Get("more").Bool()
	}
	if len(items) != 100 || items[0] != "item_00000" || items[99] != "item_00099" {
		t.Errorf("items %v", items)
	}
	send(t, up, `{"type":"after","event_id":"e_after"}`)
	want(t, cl, "e_after")
}

// A client that does not read costs a page of the conversation, not all of it.
func TestResetWaitsForItsReader(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	conversationOf(t, fx, c, up, 100, 30000)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	var ours []*sessiontest.Conn
	for range 20 {
		cl, theirs := sessiontest.Pipe()
		cl.Stall()
		go c.Attach(theirs, &hub.Attachment{Policy: session.Voice(), LastEventID: "unknown"})
		ours = append(ours, cl)
	}
	sessiontest.Eventually(t, "all are attached", func() bool { return c.Record().Clients == len(ours) })
	if grown := heap() - before; grown > int64(len(ours))*300<<10 {
		t.Errorf("%d clients that do not read cost %d KiB", len(ours), grown>>10)
	}
	for _, cl := range ours {
		cl.Release()
		for more := true; more; {
			event, err := cl.Receive()
			if err != nil {
				t.Fatal(err)
			}
			more = gjson.Get(event, "type").Str == "session.created" || gjson.Get(event, "more").Bool()
		}
	}
}

// A token has one rate, over however many sockets and reconnects.
func TestTokenHasOneRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in which no time passes
		fx := start(t)
		c, up := fx.open(session.Spec{})
		p := session.Voice()
		p.EventsPerSecond = 1 // a burst of four
		a := hub.Attachment{Policy: p, Token: "one"}
		first, _ := fx.attachAt(c, a)
		second, left := fx.attachAt(c, a)
		for _, cl := range []*sessiontest.Conn{first, second, first, second} {
			send(t, cl, `{"type":"response.cancel","event_id":"c"}`)
			want(t, up, "response.cancel")
		}
		second.Drop()
		<-left
		again, _ := fx.attachAt(c, a)
		send(t, again, `{"type":"response.cancel","event_id":"c"}`)
		want(t, again, "rate_limit_exceeded")
		other, _ := fx.attachAt(c, hub.Attachment{Policy: p, Token: "two"})
		send(t, other, `{"type":"response.cancel","event_id":"other"}`)
		want(t, up, "other")
		fx.stop()
	})
}

func TestSocketsOfATokenAreLimited(t *testing.T) {
	fx := start(t, func(o *hub.Options) { o.TokenClients, o.SessionClients = 2, 3 })
	c, _ := fx.open(session.Spec{})
	attach := func(token string) { fx.attachAt(c, hub.Attachment{Policy: session.Voice(), Token: token}) }
	attach("one")
	attach("one")
	for token, limit := range map[string]string{"one": "token_clients", "two": ""} {
		err := c.Room(hub.Attachment{Token: token})
		if full, ok := errors.AsType[*session.LimitError](err); ok != (limit != "") || ok && full.Limit != limit {
			t.Errorf("token %s: %v", token, err)
		}
	}
	attach("two")
	_, theirs := sessiontest.Pipe()
	full, ok := errors.AsType[*session.LimitError](c.Attach(theirs, &hub.Attachment{Token: "three"}))
	if !ok || full.Limit != "session_clients" {
		t.Errorf("a fourth socket: %v", full)
	}
}

// A client that sends large events to an upstream that does not take them is not read further,
// instead of being refused or filling the memory: all arrive once the upstream takes them.
func TestLargeEventsWaitForTheUpstream(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	cl, _ := fx.attach(c, session.Open())
	up.Stall()
	text := strings.Repeat("x", 1<<20)
	for i := range 6 {
		send(t, cl, fmt.Sprintf(`{"type":"input_audio_buffer.append","event_id":"large_%d","audio":"%s"}`, i, text))
	}
	up.Release()
	for i := range 6 {
		want(t, up, fmt.Sprintf("large_%d", i))
	}
	send(t, up, `{"type":"after","event_id":"e_after"}`)
	want(t, cl, "e_after") // and nothing was refused
}

// An event that is larger than all that may wait is not refused while the upstream does not take it
// or is being replaced: its client is not read further, and the others are.
func TestLargestEventsWaitForTheUpstream(t *testing.T) {
	large := `{"type":"conversation.item.create","event_id":"large","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"` + strings.Repeat("x", 3<<20) + `"}]}}`
	const after, other = `{"type":"response.create","event_id":"after"}`, `{"type":"response.create","event_id":"other"}`
	for name, back := range map[string]func(fx *fixture, up *sessiontest.Conn) *sessiontest.Conn{
		"stalled": func(_ *fixture, up *sessiontest.Conn) *sessiontest.Conn { up.Release(); return up },
		"replaced": func(fx *fixture, _ *sessiontest.Conn) *sessiontest.Conn {
			up, _ := fx.next("sess_2", time.Hour, 0)
			return up
		},
	} {
		t.Run(name, func(t *testing.T) {
			talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
				second, _ := fx.attach(c, session.Open())
				up.Stall()
				if name == "replaced" {
					up.Drop()
				} else {
					send(t, cl, `{"type":"session.update","event_id":"first","session":{}}`)
				}
				synctest.Wait()
				send(t, cl, large)
				send(t, cl, after)
				synctest.Wait()
				send(t, second, other)
				synctest.Wait()
				time.Sleep(5 * time.Second)
				up = back(fx, up)
				if name == "stalled" {
					want(t, up, `"first"`)
				}
				want(t, up, `"other"`)
				want(t, up, `"large"`)
				want(t, up, `"after"`)
				untold(t, up)
				for _, cl := range []*sessiontest.Conn{cl, second} {
					for cl.Buffered() {
						if event := want(t, cl); strings.Contains(event, `"error"`) {
							t.Errorf("refused: %s", event)
						}
					}
				}
			})
		})
	}
}
