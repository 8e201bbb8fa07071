package hub_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"
	"pgregory.net/rapid"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

// line is an upstream that keeps a conversation, as far as this test needs one.
type line struct {
	conn  *sessiontest.Conn
	items []string // "id text", in order
}

// lines are the upstreams of one session, one after the other. They may be lost with an event
// in hand: before they have done what was asked, or after that, without a word.
type lines struct {
	mu    sync.Mutex
	luck  *rand.Rand
	last  *line
	since time.Time
}

func (ls *lines) open(up *sessiontest.Conn) *line {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.last, ls.since = &line{conn: up}, time.Now()
	return ls.last
}

// work answers until the connection ends.
func (ls *lines) work(l *line) {
	for f, err := l.conn.Read(); err == nil && ls.answer(l, gjson.ParseBytes(f.Payload())); f, err = l.conn.Read() {
	}
}

func (ls *lines) answer(l *line, event gjson.Result) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	luck := ls.luck.IntN(6)
	own := strings.HasPrefix(event.Get("event_id").Str, "event_gw_")
	if own || time.Since(ls.since) < 6*time.Second { // one that lives for less counts as refused
		luck = 6
	}
	if luck == 0 {
		l.conn.Drop()
		return false
	}
	answers := l.do(event)
	if luck == 1 {
		l.conn.Drop()
		return false
	}
	for _, a := range answers {
		_ = l.conn.Send(a)
	}
	return true
}

func (l *line) do(event gjson.Result) []string {
	switch event.Get("type").Str {
	case "session.update":
		return []string{strings.Replace(createdFor("sess", time.Hour), "session.created", "session.updated", 1)}
	case "conversation.item.create":
		return l.add(event.Get("item.id").Str, event.Get("item.role").Str, event.Get("item.content.0.text").Str)
	case "response.create":
		r := session.NewID("resp_")
		said := l.add("", "assistant", "answer "+r)
		return append(append([]string{`{"type":"response.created","event_id":"` + session.NewID("e") + `","response":{"id":"` + r + `","conversation_id":"c"}}`}, said...),
			`{"type":"response.done","event_id":"`+session.NewID("e")+`","response":{"id":"`+r+`","conversation_id":"c","status":"completed"}}`)
	}
	return nil
}

func (l *line) add(id, role, text string) []string {
	if id == "" {
		id = session.NewID("item_")
	}
	previous := "null"
	if n := len(l.items); n > 0 {
		before, _, _ := strings.Cut(l.items[n-1], " ")
		previous = `"` + before + `"`
	}
	l.items = append(l.items, id+" "+text)
	kind := "input_text"
	if role == "assistant" {
		kind = "output_text"
	}
	var out []string
	for _, what := range []string{"added", "done"} {
		out = append(out, fmt.Sprintf(`{"type":"conversation.item.%s","event_id":"%s","previous_item_id":%s,"item":{"id":"%s","type":"message","role":"%s","status":"completed","content":[{"type":"%s","text":"%s"}]}}`,
			what, session.NewID("e"), previous, id, role, kind, text))
	}
	return out
}

// Whatever a client says, and whenever upstreams are lost over it, is in the conversation once
// and in its order: of the gateway, of the client and of the last upstream.
func TestLossesProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
			ls := &lines{luck: rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "luck"), 0))}
			go ls.work(ls.open(up))
			go func() {
				for up := range fx.ends {
					l := ls.open(up)
					_ = up.Send(createdFor("sess", time.Hour))
					go ls.work(l)
				}
			}()
			defer close(fx.ends)
			var said []string
			for n := range rapid.IntRange(1, 20).Draw(rt, "events") {
				id := ""
				if rapid.Bool().Draw(rt, "named") {
					id = fmt.Sprintf(`"id":"mine%d",`, n)
				}
				switch rapid.IntRange(0, 2).Draw(rt, "event") {
				case 0:
					send(t, cl, `{"type":"response.create"}`)
				default:
					said = append(said, fmt.Sprint("words", n))
					send(t, cl, `{"type":"conversation.item.create","item":{`+id+`"type":"message","role":"user","content":[{"type":"input_text","text":"`+said[len(said)-1]+`"}]}}`)
				}
				time.Sleep(time.Duration(rapid.IntRange(0, 3).Draw(rt, "pause")) * time.Second)
			}
			time.Sleep(20 * time.Second)
			synctest.Wait()
			var kept, all, heard []string
			for _, it := range c.Items() {
				all = append(all, it.ID+" "+it.Text)
				if it.Role == "user" {
					kept = append(kept, it.Text)
				}
			}
			for cl.Buffered() {
				e := gjson.Parse(want(t, cl))
				if e.Get("type").Str == "conversation.item.done" && e.Get("item.role").Str == "user" {
					heard = append(heard, e.Get("item.content.0.text").Str)
				}
			}
			for who, got := range map[string][]string{"the gateway": kept, "the client": heard} {
				if strings.Join(got, " ") != strings.Join(said, " ") {
					t.Errorf("%s has %v, want %v", who, got, said)
				}
			}
			if told := ls.last.items; strings.Join(told, "|") != strings.Join(all, "|") {
				t.Errorf("the last upstream has %v, want %v", told, all)
			}
		})
	})
}
