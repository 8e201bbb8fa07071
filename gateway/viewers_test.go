package gateway_test

import (
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"switchboard/cmd/simulator/standin"
)

// Pages are told who else views their session, when they come and when others come or leave.
func TestViewers(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.open("one")
	const path, viewers = "/realtime/sessions/one", "switchboard.session.viewers"
	names := func(event string) string {
		var all []string
		for _, v := range gjson.Get(event, "viewers").Array() {
			all = append(all, v.Get("by").Str+" "+v.Get("pages").Raw)
		}
		return gjson.Get(event, "you").Str + ": " + strings.Join(all, ", ")
	}
	program, _ := r.follow("one", "")
	first, _ := r.followAs(operator, path+"/events?viewer=true", "0")
	if got := names(first(viewers).Data); got != "ops: ops 1" {
		t.Errorf("the first page is told %q", got)
	}
	second, leave := r.followAs(app, path+"/events?viewer=true", "")
	_, leaveThird := r.followAs(app, path+"/events?viewer=true", "")
	if got := names(second(viewers).Data); !strings.HasPrefix(got, "app: ops 1, app ") {
		t.Errorf("the second page is told %q", got)
	}
	until := func(want string) {
		t.Helper()
		for {
			e := first(viewers)
			if e.Data == "" {
				t.Fatalf("the first page is never told %q", want)
			}
			if names(e.Data) == want {
				return
			}
		}
	}
	until("ops: ops 1, app 2")
	if got := gjson.GetBytes(r.must(200, "GET", path, app, "").body, "viewers.#.by").Raw; got != `["ops","app"]` {
		t.Errorf("the session's viewers are %s", got)
	}
	leave()
	until("ops: ops 1, app 1")
	leaveThird()
	until("ops: ops 1")

	r.must(200, "POST", path+"/message", app, `{"text":"hello","respond":false}`)
	for e := first(""); e.Type != "switchboard.session.command"; e = first("") {
		if e.Type == "" {
			t.Fatal("a page is not told what happens")
		}
	}
	if e := program(""); e.Type == viewers {
		t.Error("a program is told who views the session")
	}
	r.must(422, "GET", path+"/events?viewer=maybe", app, "")
	r.must(404, "GET", path+"/events?viewer=true", other, "")
}

// What is read at the end of a conversation says from where its log goes on.
func TestNewestItems(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.open("one")
	const path = "/realtime/sessions/one"
	for _, text := range []string{"one", "two", "three"} {
		r.must(200, "POST", path+"/message", app, `{"text":"`+text+`","respond":false}`)
	}
	body := r.must(200, "GET", path+"/items?newest=2", app, "").body
	if got := gjson.GetBytes(body, "items.#.text").Raw; got != `["two","three"]` {
		t.Errorf("the newest two are %s", got)
	}
	after := gjson.GetBytes(body, "last_event_id").Str
	next, _ := r.follow("one", after)
	r.must(200, "POST", path+"/message", app, `{"text":"four","respond":false}`)
	if e := next("conversation.item.added"); !strings.Contains(e.Data, "four") {
		t.Errorf("after the items comes %s", e.Data)
	}
	r.must(422, "GET", path+"/items?newest=0", app, "")
	r.must(200, "DELETE", path, app, "")
	if body := r.must(200, "GET", path+"/items", app, "").body; gjson.GetBytes(body, "last_event_id").Exists() || gjson.GetBytes(body, "items.#").Int() != 4 {
		t.Errorf("the items of an ended session are %s", body)
	}
}
