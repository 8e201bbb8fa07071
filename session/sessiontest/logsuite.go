package sessiontest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"switchboard/session"
)

func wantEvents(t *testing.T, s session.Store, id session.ID, after string, limit int, want ...string) {
	t.Helper()
	events, err := s.Events(t.Context(), id, after, limit)
	must(t, err)
	var got []string
	for _, e := range events {
		got = append(got, e.ID)
		if wantRaw := logged(id, e.ID).Event.Raw; e.Type != "test" || string(e.Raw) != string(wantRaw) {
			t.Fatalf("event %s is %s %s, want %s", e.ID, e.Type, e.Raw, wantRaw)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("events are %v, want %v", got, want)
	}
	if after != "" || len(events) >= limit {
		return
	}
	if l, err := s.Load(t.Context(), id); err != nil || !reflect.DeepEqual(l.Events, events) {
		t.Fatalf("Load has events %v, %v", l.Events, err)
	}
}

func testLog(t *testing.T, s session.Store) {
	apply(t, s, recorded("s-1"), logged("s-1", "9-1"), logged("s-1", "9-10"), logged("s-1", "9-9"),
		logged("s-1", "10-0"), logged("s-1", "9-11"), logged("s-1", "10-0"))
	wantEvents(t, s, "s-1", "", 10, "9-1", "9-10", "10-0")
	wantEvents(t, s, "s-1", "9-1", 10, "9-10", "10-0")
	wantEvents(t, s, "s-1", "9-1", 1, "9-10")
	wantEvents(t, s, "s-1", "9-5", 10, "9-10", "10-0")
	wantEvents(t, s, "s-1", "1-0", 10, "9-1", "9-10", "10-0")
	wantEvents(t, s, "s-1", "10-0", 10)
	wantEvents(t, s, "s-1", "", 0)
	for _, after := range []string{"x", "-", "+", "1", "1-", "-1", "1-2-3", "(1-1", "1-1 ", "$", "99999999999999999999-0"} {
		_, err := s.Events(t.Context(), "s-1", after, 10)
		wantInvalid(t, err, "after")
	}
	_, err := s.Apply(t.Context(), []session.Change{logged("s-1", "*")})
	wantInvalid(t, err, "changes[0]")
}

func testLogBound(t *testing.T, s session.Store) {
	changes := []session.Change{recorded("s-1")}
	for i := range 3000 {
		changes = append(changes, logged("s-1", fmt.Sprint("1-", i+1)))
	}
	apply(t, s, changes...)
	events, err := s.Events(t.Context(), "s-1", "", 4000)
	must(t, err)
	if len(events) < 2000 || len(events) > 2200 || events[len(events)-1].ID != "1-3000" {
		t.Fatalf("of 3000 events %d were kept", len(events))
	}
}

func testLogBytes(t *testing.T, s session.Store) {
	large := func(n int) session.Change {
		raw := fmt.Sprintf(`{"n":%d,"pad":%q}`, n, strings.Repeat("x", 200<<10))
		return session.Change{ID: "s-1", Epoch: 1, Event: &session.LoggedEvent{ID: fmt.Sprint("1-", n), Type: "test", Raw: json.RawMessage(raw)}}
	}
	apply(t, s, recorded("s-1"), logged("s-1", "1-1"))
	for n := range 28 {
		apply(t, s, large(n+2))
	}
	events, err := s.Events(t.Context(), "s-1", "", 4000)
	must(t, err)
	if len(events) != 10 || events[0].ID != "1-20" || events[9].ID != "1-29" {
		t.Fatalf("of 5.6 MB of events, %d are kept", len(events))
	}
	huge := large(100)
	huge.Event.Raw = json.RawMessage(fmt.Sprintf("%q", strings.Repeat("x", 3<<20)))
	apply(t, s, huge)
	if events, err = s.Events(t.Context(), "s-1", "", 10); err != nil || len(events) != 1 || events[0].ID != "1-100" {
		t.Fatalf("of a newest event that is too large, %d events are kept: %v", len(events), err)
	}
	apply(t, s, logged("s-1", "1-101"))
	wantEvents(t, s, "s-1", "", 10, "1-101")
}

func delta(id session.ID, eventID, draft string) session.Change {
	c := logged(id, eventID)
	c.Draft = draft
	return c
}

func settled(id session.ID, eventID, draft string) session.Change {
	c := logged(id, eventID)
	c.Settled = draft
	return c
}

func testSettle(t *testing.T, s session.Store) {
	batch := []session.Change{
		recorded("s-1"), logged("s-1", "1-0"), delta("s-1", "1-1", "r1"), delta("s-1", "1-2", "i}1"),
		logged("s-1", "1-3"), delta("s-1", "1-4", "r1"), delta("s-1", "1-5", "r2"),
	}
	apply(t, s, batch...)
	apply(t, s, batch...)
	wantEvents(t, s, "s-1", "", 10, "1-0", "1-1", "1-2", "1-3", "1-4", "1-5")
	wantEvents(t, s, "s-1", "1-1", 3, "1-2", "1-3", "1-4")
	apply(t, s, settled("s-1", "1-6", "r1"))
	apply(t, s, append(batch, settled("s-1", "1-6", "r1"))...) // a write that was sent again
	wantEvents(t, s, "s-1", "", 10, "1-0", "1-2", "1-3", "1-5", "1-6")
	wantEvents(t, s, "s-1", "1-1", 10, "1-2", "1-3", "1-5", "1-6") // was seen, and is gone
	apply(t, s, settled("s-1", "1-7", "r2"), settled("s-1", "1-8", "never was"), delta("s-1", "1-8", "late"), delta("s-1", "1-9", "r3"))
	wantEvents(t, s, "s-1", "1-1", 10, "1-2", "1-3", "1-6", "1-7", "1-8", "1-9")
	apply(t, s, settled("s-1", "2-0", session.AllDrafts))
	wantEvents(t, s, "s-1", "", 10, "1-0", "1-3", "1-6", "1-7", "1-8", "2-0")
	changes := []session.Change{}
	for i := range 3000 {
		changes = append(changes, delta("s-1", fmt.Sprint("3-", i+1), "endless"))
	}
	apply(t, s, changes...)
	if events, err := s.Events(t.Context(), "s-1", "", 4000); err != nil || len(events) > 2300 || events[len(events)-1].ID != "3-3000" {
		t.Fatalf("of 3000 deltas, %d are stored: %v", len(events), err)
	}
}

func testPack(t *testing.T, s session.Store) {
	pack := func() {
		t.Helper()
		must(t, s.Pack(t.Context(), "s-1"))
	}
	must(t, s.Pack(t.Context(), "nobody"))
	must(t, s.Pack(t.Context(), "}{"))
	ended := recorded("s-1")
	ended.Record.Status = session.StatusEnded
	changes := []session.Change{recorded("s-1"), said("s-1", "a", "1"), said("s-1", "b", "2 \u2028"), saidAfter("s-1", "c", "3", "a")}
	var ids []string
	for i := range 1000 {
		ids = append(ids, fmt.Sprint("7-", i))
		changes = append(changes, logged("s-1", ids[i]))
	}
	changes[100].Draft = "cut off"
	apply(t, s, append(changes, ended)...)
	for range 2 { // packing again changes nothing
		pack()
		wantItems(t, s, "s-1", "a:1", "c:3", "b:2 \u2028")
		wantEvents(t, s, "s-1", "", 2000, ids...)
		wantEvents(t, s, "s-1", "", 2, ids[:2]...)
		wantEvents(t, s, "s-1", ids[500], 300, ids[501:801]...)
		wantEvents(t, s, "s-1", ids[999], 300)
		if r, err := s.Record(t.Context(), "s-1"); err != nil || r.Status != session.StatusEnded {
			t.Fatalf("record of a packed session: %+v, %v", r, err)
		}
	}
	apply(t, s, logged("s-1", ids[3]), logged("s-1", "8-0"), said("s-1", "a", "late"), said("s-1", "d", "4"))
	wantItems(t, s, "s-1", "a:late", "c:3", "b:2 \u2028", "d:4")
	wantEvents(t, s, "s-1", ids[998], 300, ids[999], "8-0")
	big := logged("s-2", "1-1")
	big.Event.Raw = json.RawMessage(`"` + strings.Repeat("€\u0000", 1<<18) + `"`)
	ended.ID, ended.Record.ID = "s-2", "s-2"
	apply(t, s, recorded("s-2"), logged("s-2", "1-0"), big, ended)
	must(t, s.Pack(t.Context(), "s-2"))
	wantItems(t, s, "s-2")
	if events, err := s.Events(t.Context(), "s-2", "1-0", 1); err != nil || len(events) != 1 || string(events[0].Raw) != string(big.Event.Raw) {
		t.Fatalf("a large packed event changed: %v", err)
	}
}

func testPackRunning(t *testing.T, s session.Store) {
	apply(t, s, recorded("s-1"), said("s-1", "a", "1"), logged("s-1", "1-0"), delta("s-1", "1-1", "r"))
	must(t, s.Pack(t.Context(), "s-1"))
	apply(t, s, saidAfter("s-1", "b", "2", ""), removed("s-1", "a"), settled("s-1", "1-2", "r"))
	wantItems(t, s, "s-1", "b:2")
	wantEvents(t, s, "s-1", "", 10, "1-0", "1-2")
}
