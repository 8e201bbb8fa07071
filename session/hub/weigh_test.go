package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// picture is an item with an image of a size, and a word about it.
func picture(typ, id string, size int) string {
	return fmt.Sprintf(`{"type":%q,"event_id":"e_%s","item":{"id":%q,"type":"message","role":"user","status":"completed","content":[{"type":"input_text","text":"\"image_url\":\"data:"},{"type":"input_image","image_url":"data:image\/png;base64,%s","detail":"auto"}]}}`,
		typ, id, id, strings.Repeat("A", size))
}

func written(id, text string) string {
	return fmt.Sprintf(`{"type":"conversation.item.added","event_id":"e_%s","item":{"id":%q,"type":"message","role":"user","status":"completed","content":[{"type":"input_text","text":%q}]}}`, id, id, text)
}

// bytesOf is what a store holds of a session: its items, and the events of its log.
func bytesOf(t *testing.T, store session.Store, id session.ID) (items, log int) {
	t.Helper()
	kept, err := store.Items(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range kept {
		raw, err := json.Marshal(it)
		if err != nil {
			t.Fatal(err)
		}
		items += len(raw)
	}
	events, err := store.Events(t.Context(), id, "", 10000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		log += len(e.Raw)
	}
	return items, log
}

// A camera that shows a frame a second for five minutes costs memory and the store a few MB, and
// the next upstream is told the last frames only.
func TestCameraIsBounded(t *testing.T) { talking(t, time.Hour, camera) }

func camera(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
	for n := range 300 {
		id := fmt.Sprintf("item_%03d", n)
		send(t, up, picture("conversation.item.added", id, 150000))
		send(t, up, picture("conversation.item.done", id, 150000))
		for range 2 {
			for typ := ""; !strings.HasPrefix(typ, "conversation.item"); {
				event, err := cl.Receive()
				if err != nil {
					t.Fatal(err)
				}
				if typ = gjson.Get(event, "type").Str; typ == "switchboard.session.dropped" && gjson.Get(event, "images.#").Int() != 1 {
					t.Fatalf("dropped %s", event)
				}
			}
		}
	}
	if err := fx.hub.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	items, log := bytesOf(t, fx.mem, c.Record().ID)
	if items > 3<<20 || log > 2<<20 {
		t.Errorf("the store holds %d bytes of items and %d of the log", items, log)
	}
	if d := c.Record().Dropped; d.Images != 287 || d.Items != 0 || fx.hub.Stats().Content != d {
		t.Errorf("dropped %+v", d)
	}
	first, last := string(c.Items()[0].Raw), string(c.Items()[299].Raw)
	if gjson.Get(first, "content.1.dropped_bytes").Int() < 150000 || gjson.Get(first, "content.1.image_url").Exists() || !json.Valid([]byte(first)) {
		t.Errorf("the first item is %.300s", first)
	}
	if !strings.Contains(last, "AAAA") {
		t.Errorf("the last item is %.300s", last)
	}
	events, err := fx.mem.Events(t.Context(), c.Record().ID, "", 10000)
	if err != nil || slices.ContainsFunc(events, func(e session.LoggedEvent) bool { return strings.Contains(string(e.Raw), "AAAA") || !json.Valid(e.Raw) }) {
		t.Errorf("the log has an image, or no JSON: %v", err)
	}
	up.Close(1011, "gone")
	_, told := fx.next("sess_2", time.Hour, 300)
	if images := strings.Count(strings.Join(told, ""), "input_image:"); images != 13 {
		t.Errorf("the next upstream was told %d images", images)
	}
	if !strings.Contains(told[0], "input_text:[An image was here. It is no longer available.]") {
		t.Errorf("it was told %.300s", told[0])
	}
}

// Texts are bounded too: the oldest items go, a function call with its output.
func TestTextsAreBounded(t *testing.T) {
	fx := start(t, func(o *hub.Options) { o.ConversationBytes, o.ConversationItems = 64<<10, 10 })
	c, up := fx.open(session.Spec{})
	cl, _ := fx.attach(c, session.Open())
	tell(t, fx, c, up,
		`{"type":"conversation.item.done","event_id":"e","item":{"id":"call","type":"function_call","status":"completed","call_id":"c1","name":"f","arguments":"{}"}}`,
		written("first", "a"),
		`{"type":"conversation.item.done","event_id":"e","item":{"id":"output","type":"function_call_output","call_id":"c1","output":"42"}}`,
		written("large", strings.Repeat("x", 25000)), written("last", strings.Repeat("y", 10000)))
	if got := ids(c.Items()); got != "last" {
		t.Errorf("items %s", got)
	}
	for event := ""; !strings.Contains(event, "switchboard.session.dropped"); {
		event, _ = cl.Receive()
		if event == "" || strings.Contains(event, "dropped") && !strings.Contains(event, `"items":["call","output","first","large"]`) {
			t.Fatalf("client got %s", event)
		}
	}
	for n := range 12 {
		tell(t, fx, c, up, written(fmt.Sprint(n), "x"))
	}
	if got := ids(c.Items()); got != "2 3 4 5 6 7 8 9 10 11" {
		t.Errorf("items %s", got)
	}
	if err := fx.hub.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	if kept, err := fx.mem.Items(t.Context(), c.Record().ID); err != nil || ids(kept) != ids(c.Items()) {
		t.Errorf("the store has %s: %v", ids(kept), err)
	}
	// One that is too large by itself goes at once, and its end does not bring it back.
	whole := written("huge", strings.Repeat("x", 100<<10))
	tell(t, fx, c, up, whole, strings.Replace(whole, "item.added", "item.done", 1))
	if got := ids(c.Items()); got != "" {
		t.Errorf("items %s", got)
	}
	if d := c.Record().Dropped; d.Items != 4+3+11 {
		t.Errorf("dropped %+v", d)
	}
}

func ids(items []session.Item) string {
	var all []string
	for _, it := range items {
		all = append(all, it.ID)
	}
	return strings.Join(all, " ")
}

// What is deleted makes room.
func TestDeletedItemsMakeRoom(t *testing.T) {
	fx := start(t, func(o *hub.Options) { o.ConversationImages = 250000 })
	c, up := fx.open(session.Spec{})
	tell(t, fx, c, up, picture("conversation.item.added", "a", 100000), picture("conversation.item.added", "b", 100000),
		`{"type":"conversation.item.deleted","event_id":"e","item_id":"b"}`, picture("conversation.item.added", "c", 100000))
	if d := c.Record().Dropped; d != (session.Dropped{}) {
		t.Errorf("dropped %+v", d)
	}
}

// A session that an older version kept without limits is bounded once it is claimed.
func TestClaimedSessionIsBounded(t *testing.T) {
	fx := start(t, func(o *hub.Options) { o.ConversationImages = 10 << 20 })
	c, up := fx.open(session.Spec{})
	for n := range 10 {
		tell(t, fx, c, up, picture("conversation.item.added", fmt.Sprint(n), 300000))
	}
	id := c.Record().ID
	if err := fx.hub.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	fx.stop()
	other := start(t, func(o *hub.Options) {
		o.Node, o.Store, o.Directory, o.Meter = "http://other", fx.mem, fx.mem, fx.mem
	}).hub
	claimed, err := other.Claim(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	sessiontest.Eventually(t, "images are dropped", func() bool { return claimed.Record().Dropped.Images == 4 })
	if err := other.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	if items, _ := bytesOf(t, fx.mem, id); items > 3<<20 {
		t.Errorf("the store holds %d bytes", items)
	}
}

// A follower that does not read costs a few MB, however large the events are.
func TestFeedIsBoundedInBytes(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	stalled := c.Subscribe()
	defer stalled.Close()
	for n := range 10 {
		tell(t, fx, c, up, written(fmt.Sprint(n), strings.Repeat("x", 1<<20)))
	}
	read := 0
	for ; ; read++ {
		if _, err := stalled.Next(t.Context()); errors.Is(err, hub.ErrFeedBehind) {
			break
		} else if err != nil || read > 20 {
			t.Fatalf("after %d events: %v", read, err)
		}
	}
	if read < 3 || read > 12 {
		t.Errorf("%d events waited", read)
	}
}
