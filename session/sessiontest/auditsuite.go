package sessiontest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/session"
	"switchboard/session/audit"
)

// TestAudit is what every [audit.Log] must pass. open returns an empty one.
func TestAudit(t *testing.T, open func(t *testing.T) audit.Log) {
	t.Run("append", func(t *testing.T) { testAuditAppend(t, open(t)) })
	t.Run("bounds", func(t *testing.T) { testAuditBounds(t, open(t)) })
	t.Run("pages", func(t *testing.T) { testAuditPages(t, open(t)) })
	t.Run("queries", func(t *testing.T) { testAuditQueries(t, open(t)) })
	t.Run("follow", func(t *testing.T) { testAuditFollow(t, open(t)) })
}

func audited(by, role, action string) audit.Entry {
	return audit.Entry{By: by, KeyID: "key_" + by, Role: role, Action: action, At: created, Status: 200, Node: "http://a"}
}

func appendAudit(t *testing.T, l audit.Log, call string, entries ...audit.Entry) []audit.Entry {
	t.Helper()
	out, err := l.AppendAudit(t.Context(), call, entries)
	must(t, err)
	return out
}

func testAuditAppend(t *testing.T, l audit.Log) {
	if id, err := l.NewestAudit(t.Context()); id != "" || err != nil {
		t.Fatalf("newest of an empty log: %q, %v", id, err)
	}
	full := audited("desk }{", "operator", "update-session")
	full.Session, full.Object, full.Fields, full.ID = "s-1", "ä\n\"b\"", []string{"instructions", "voice"}, "ours to give"
	first := appendAudit(t, l, "1", full, audited("shop", "app", "end-session"))
	second := appendAudit(t, l, "2", audited("desk", "admin", "create-key"))
	all := slices.Concat(first, second)
	if len(all) != 3 {
		t.Fatalf("appended %+v", all)
	}
	for i, e := range all {
		if !isEventID(e.ID) || i > 0 && session.CompareEventIDs(e.ID, all[i-1].ID) <= 0 {
			t.Fatalf("entry %d has ID %s", i, e.ID)
		}
	}
	full.ID = first[0].ID
	wantSame(t, "the entry", first[0], full)
	wantSame(t, "an append sent again", appendAudit(t, l, "1", full, audited("shop", "app", "end-session")), first)
	if none := appendAudit(t, l, "3"); len(none) > 0 {
		t.Fatalf("appended nothing: %+v", none)
	}
	page, err := l.AuditEntries(t.Context(), audit.Query{}, "", 10)
	must(t, err)
	slices.Reverse(all)
	wantSame(t, "the log", page, audit.Page{Entries: all})
	newest, err := l.NewestAudit(t.Context())
	must(t, err)
	wantSame(t, "the newest", newest, all[0].ID)
}

func testAuditBounds(t *testing.T, l audit.Log) {
	long := strings.Repeat("é", 10_000)
	e := audited(long, "operator", long)
	e.Object = long
	for range 1000 {
		e.Fields = append(e.Fields, long)
	}
	got := appendAudit(t, l, "1", e)[0]
	size := len(got.By) + len(got.Action) + len(got.Object)
	for _, name := range got.Fields {
		size += len(name)
	}
	if size > 4<<10 || !strings.HasPrefix(long, got.By) {
		t.Fatalf("an entry of %d bytes: %.200q", size, got.By)
	}
	page, err := l.AuditEntries(t.Context(), audit.Query{}, "", 10)
	must(t, err)
	wantSame(t, "the log", page.Entries, []audit.Entry{got})
}

// Entries of both classes come in one order, whatever the size of a page.
func testAuditPages(t *testing.T, l audit.Log) {
	const many = 1300
	var want []string
	for i := range many / 100 {
		var batch []audit.Entry
		for j := range 100 {
			role := "app"
			if (i*100+j)%7 == 0 {
				role = "operator"
			}
			batch = append(batch, audited("x", role, fmt.Sprintf("act-%d", i*100+j)))
			want = append(want, batch[j].Action)
		}
		appendAudit(t, l, fmt.Sprint(i), batch...)
	}
	slices.Reverse(want)
	for _, size := range []int{1, 170, 650, many, many + 1} {
		var got []string
		for before := ""; ; {
			page, err := l.AuditEntries(t.Context(), audit.Query{}, before, size)
			must(t, err)
			for _, e := range page.Entries {
				got = append(got, e.Action)
			}
			if before = page.Next; before == "" || size == 1 && len(got) == 20 {
				break
			}
			if len(page.Entries) != size {
				t.Fatalf("a page of %d in the middle has %d", size, len(page.Entries))
			}
		}
		wantSame(t, fmt.Sprintf("pages of %d", size), got, want[:len(got)])
	}
	for _, before := range []string{"$", "}{", "now"} {
		_, err := l.AuditEntries(t.Context(), audit.Query{}, before, 10)
		wantInvalid(t, err, "before")
	}
}

func testAuditQueries(t *testing.T, l audit.Log) {
	one, two, three := audited("shop", "app", "end-session"), audited("desk", "operator", "end-session"), audited("desk", "operator", "create-broadcast")
	one.Session, two.Session, three.Object = "s-1", "s-2", "1-1"
	two.Status, two.At, three.At = 404, created.Add(time.Minute), created.Add(time.Hour)
	var all []string
	for _, e := range appendAudit(t, l, "1", one, two, three) {
		all = append(all, e.ID)
	}
	yes, no := true, false
	for name, c := range map[string]struct {
		q    audit.Query
		want []int
	}{
		"all": {audit.Query{}, []int{2, 1, 0}}, "key": {audit.Query{By: "desk"}, []int{2, 1}},
		"action": {audit.Query{Action: "end-session"}, []int{1, 0}}, "actions": {audit.Query{Action: "create-*"}, []int{2}},
		"session": {audit.Query{Session: "s-1"}, []int{0}}, "object": {audit.Query{Object: "1-1"}, []int{2}},
		"class": {audit.Query{Class: audit.People}, []int{2, 1}}, "apps": {audit.Query{Class: audit.Apps}, []int{0}},
		"failed": {audit.Query{Failed: &yes}, []int{1}}, "done": {audit.Query{Failed: &no}, []int{2, 0}},
		"from": {audit.Query{From: created.Add(time.Minute)}, []int{2, 1}}, "to": {audit.Query{To: created.Add(time.Minute)}, []int{0}},
		"future": {audit.Query{From: time.Now().AddDate(1, 0, 0)}, nil}, "both": {audit.Query{By: "shop", Action: "create-*"}, nil},
	} {
		page, err := l.AuditEntries(t.Context(), c.q, "", 10)
		must(t, err)
		var got, want []string
		for _, e := range page.Entries {
			got = append(got, e.ID)
		}
		for _, i := range c.want {
			want = append(want, all[i])
		}
		wantSame(t, name, got, want)
	}
}

func testAuditFollow(t *testing.T, l audit.Log) {
	first := appendAudit(t, l, "1", audited("a", "app", "x"), audited("b", "operator", "y"), audited("c", "app", "z"))
	got, err := l.FollowAudit(t.Context(), "")
	must(t, err)
	wantSame(t, "the log", got, first)
	got, err = l.FollowAudit(t.Context(), first[0].ID)
	must(t, err)
	wantSame(t, "the rest", got, first[1:])
	_, err = l.FollowAudit(t.Context(), "$")
	wantInvalid(t, err, "after")

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	followed := make(chan []audit.Entry, 1)
	go func() {
		got, _ := l.FollowAudit(ctx, first[2].ID)
		followed <- got
	}()
	next := appendAudit(t, l, "2", audited("d", "admin", "x"))
	wantSame(t, "what was waited for", <-followed, next)
}
