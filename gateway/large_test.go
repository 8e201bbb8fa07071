package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway"
	"switchboard/session/sessiontest"
)

// A key that has large messages under way waits with its next one, and loses nothing. Another key
// does not wait, nor do the key's own ordinary messages.
func TestLargeMessagesOfOneKeyHoldUpNoOther(t *testing.T) {
	const size = 400_000
	r := newRig(t, standin.Faults{}, func(o *gateway.Options) { o.FrameBytes = 3 * size / 2 })
	load := func() (held, waiting int64) { return gateway.Large(r.gateway) }
	r.open("one")
	r.must(201, "POST", "/realtime/sessions", other, `{"session_id":"two"}`)
	item := func(id string, size int) string {
		return fmt.Sprintf(`{"type":"conversation.item.create","item":{"id":%q,"type":"message","role":"user","content":[{"type":"input_text","text":%q}]}}`, id, strings.Repeat("x", size))
	}
	added := func(p *peer) string {
		return p.until("conversation.item.added")["item"].(map[string]any)["id"].(string)
	}

	slow, _ := r.knock(handshake("/realtime/sessions/one/relay")...)
	frame := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(item("first", size)))))
	slow.write(frame[:size/2])
	sessiontest.Eventually(t, "the first message is under way", func() bool { held, _ := load(); return held > 0 })
	next := r.attach("/realtime/sessions/one/relay", app)
	next.say(item("second", size))
	sessiontest.Eventually(t, "the second waits", func() bool { _, waiting := load(); return waiting > 0 })

	if told := string(r.must(200, "GET", "/metrics", "", "").body); !strings.Contains(told, "switchboard_large_messages_waiting 1\n") {
		t.Error("the metrics do not tell that a message waits")
	}

	free := r.attach("/realtime/sessions/two/relay", other)
	free.say(item("free", size))
	if id := added(free); id != "free" {
		t.Fatalf("the other key's item is %s", id)
	}
	small := r.attach("/realtime/sessions/one/relay", app)
	small.say(item("small", 100))
	if id := added(small); id != "small" {
		t.Fatalf("%s came before the small message", id)
	}
	slow.write(frame[size/2:])
	if a, b := added(small), added(small); a != "first" || b != "second" {
		t.Fatalf("items were added in the order %s, %s", a, b)
	}
	sessiontest.Eventually(t, "all room is given back", func() bool { held, waiting := load(); return held == 0 && waiting == 0 })
}
