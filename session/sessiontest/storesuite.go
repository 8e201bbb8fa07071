package sessiontest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/session"
)

// TestStore is what every [session.Store] must pass. open returns an empty one.
func TestStore(t *testing.T, open func(t *testing.T) session.Store) {
	for name, test := range map[string]func(*testing.T, session.Store){
		"record round trip":             testRecord,
		"unknown session":               testUnknown,
		"older epoch is refused":        testEpoch,
		"epochs within a batch":         testEpochsInBatch,
		"changes of many sessions":      testManySessions,
		"items keep their order":        testItems,
		"many items":                    testManyItems,
		"log":                           testLog,
		"log is bounded":                testLogBound,
		"log is bounded in bytes":       testLogBytes,
		"deltas go when they are whole": testSettle,
		"packed session":                testPack,
		"a running session stays":       testPackRunning,
		"notes":                         testNotes,
		"applied again":                 testApplyAgain,
		"unicode and braces":            testUnicode,
		"list is newest first":          testList,
		"list by key, status, labels":   testListFilter,
		"list pages":                    testListPages,
		"list refuses a foreign page":   testListCursor,
		"list of what is rare":          testListRare,
		"totals":                        testTotals,
		"survey":                        testSurvey,
		"survey by state":               testSurveyStates,
		"survey pages":                  testSurveyPages,
		"survey follows":                testSurveyFollows,
		"survey of odd texts":           testSurveyOddTexts,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func apply(t *testing.T, s session.Store, changes ...session.Change) {
	t.Helper()
	if stale, err := s.Apply(t.Context(), changes); err != nil || len(stale) > 0 {
		t.Fatalf("Apply: stale %v, error %v", stale, err)
	}
}

func recorded(id session.ID) session.Change {
	r := record(id)
	return session.Change{ID: id, Epoch: 1, Record: &r}
}

func logged(id session.ID, eventID string) session.Change {
	raw := json.RawMessage(`{"type": "test",  "of":"` + eventID + `"}`)
	return session.Change{ID: id, Epoch: 1, Event: &session.LoggedEvent{ID: eventID, Type: "test", Raw: raw}}
}

func said(id session.ID, itemID, text string) session.Change {
	return session.Change{ID: id, Epoch: 1, Item: &session.Item{
		ID: itemID, Type: "message", Role: "user", Status: "completed", Text: text, CreatedAt: created,
	}}
}

func saidAfter(id session.ID, itemID, text, after string) session.Change {
	c := said(id, itemID, text)
	c.After = &after
	return c
}

func removed(id session.ID, itemID string) session.Change {
	return session.Change{ID: id, Epoch: 1, Removed: itemID}
}

func testRecord(t *testing.T, s session.Store) {
	want := record("s-1")
	want.Labels = map[string]string{"team": "a"}
	want.Limits = session.Limits{MaxSeconds: 60}
	want.Policy = session.Voice()
	want.Session = json.RawMessage(`{"voice":"marin"}`)
	want.Usage = session.Usage{Responses: 3, TotalTokens: 1 << 40, Seconds: 1.5}
	want.CreatedAt = created.Add(123456789)
	want.ExpiresAt = created.Add(time.Hour)
	apply(t, s, recorded("s-1"), session.Change{ID: "s-1", Epoch: 1, Record: &want})
	got, err := s.Record(t.Context(), "s-1")
	must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
	if l, err := s.Load(t.Context(), "s-1"); err != nil || !reflect.DeepEqual(l, session.Stored{Record: want}) {
		t.Fatalf("Load has %+v, %v", l, err)
	}
	got.Labels["team"] = "changed"
	if again, _ := s.Record(t.Context(), "s-1"); again.Labels["team"] != "a" {
		t.Fatal("what Record returned is shared with the store")
	}
}

func testUnknown(t *testing.T, s session.Store) {
	for _, id := range []session.ID{"nobody", "", "}{", "a b"} {
		_, err := s.Record(t.Context(), id)
		wantNotFound(t, err)
		_, err = s.Items(t.Context(), id)
		wantNotFound(t, err)
		_, err = s.Events(t.Context(), id, "", 10)
		wantNotFound(t, err)
		_, err = s.Load(t.Context(), id)
		wantNotFound(t, err)
	}
	_, err := s.Apply(t.Context(), []session.Change{recorded("good"), recorded("}bad{")})
	wantInvalid(t, err, "changes[1]")
	_, err = s.Record(t.Context(), "good")
	wantNotFound(t, err)
	if page, err := s.Records(t.Context(), session.Query{}); len(page.Records) > 0 || page.Next != "" || page.Total != 0 || err != nil {
		t.Fatalf("an empty store lists %+v, %v", page, err)
	}
}

func testEpoch(t *testing.T, s session.Store) {
	newer, older := recorded("s-1"), recorded("s-1")
	newer.Epoch, older.Epoch = 7, 6
	newer.Record.Node, older.Record.Node = "http://new", "http://old"
	apply(t, s, newer)
	stale, err := s.Apply(t.Context(), []session.Change{older, logged("s-1", "1-1"), recorded("s-2")})
	must(t, err)
	if !slices.Equal(stale, []session.ID{"s-1"}) {
		t.Fatalf("stale is %v", stale)
	}
	got, err := s.Record(t.Context(), "s-1")
	must(t, err)
	if got.Node != "http://new" {
		t.Fatalf("an older epoch wrote: %+v", got)
	}
	if events, err := s.Events(t.Context(), "s-1", "", 10); err != nil || len(events) > 0 {
		t.Fatalf("an older epoch logged %v, %v", events, err)
	}
	if _, err := s.Record(t.Context(), "s-2"); err != nil {
		t.Fatalf("the other session was not written: %v", err)
	}
}

// A node that lost a lease and took it again may still hold writes of the older one.
func testEpochsInBatch(t *testing.T, s session.Store) {
	event := func(eventID string, epoch int64) session.Change {
		c := logged("s-1", eventID)
		c.Epoch = epoch
		return c
	}
	apply(t, s, recorded("s-1"), event("1-0", 1), event("2-0", 2))
	wantEvents(t, s, "s-1", "", 10, "1-0", "2-0")
	apply(t, s, event("3-0", 2), event("4-0", 1)) // refuses the last, yet the lease is not lost
	wantEvents(t, s, "s-1", "", 10, "1-0", "2-0", "3-0")
	stale, err := s.Apply(t.Context(), []session.Change{event("5-0", 1), event("6-0", 0)})
	must(t, err)
	if !slices.Equal(stale, []session.ID{"s-1"}) {
		t.Fatalf("stale is %v", stale)
	}
	wantEvents(t, s, "s-1", "", 10, "1-0", "2-0", "3-0")
}

func testManySessions(t *testing.T, s session.Store) {
	var changes []session.Change
	id := func(i int) session.ID { return session.ID(fmt.Sprint("s-", i)) }
	const sessions, events = 150, 12
	for i := range sessions {
		changes = append(changes, recorded(id(i)))
	}
	for e := range events {
		for i := range sessions {
			changes = append(changes, logged(id(i), fmt.Sprint(e+1, "-0")))
		}
	}
	apply(t, s, changes...)
	for i := range sessions {
		if got, err := s.Events(t.Context(), id(i), "", 100); err != nil || len(got) != events {
			t.Fatalf("session %d has %d events, %v", i, len(got), err)
		}
	}
}

func wantItems(t *testing.T, s session.Store, id session.ID, want ...string) {
	t.Helper()
	items, err := s.Items(t.Context(), id)
	must(t, err)
	var got []string
	for _, item := range items {
		got = append(got, item.ID+":"+item.Text)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("items are %v, want %v", got, want)
	}
	if l, err := s.Load(t.Context(), id); err != nil || !reflect.DeepEqual(l.Items, items) {
		t.Fatalf("Load has items %v, %v", l.Items, err)
	}
}

func testItems(t *testing.T, s session.Store) {
	apply(t, s, recorded("s-1"))
	wantItems(t, s, "s-1")
	apply(t, s, said("s-1", "a", "1"), said("s-1", "b", "2"))
	wantItems(t, s, "s-1", "a:1", "b:2")
	apply(t, s, saidAfter("s-1", "c", "3", ""), said("s-1", "a", "4"))
	wantItems(t, s, "s-1", "c:3", "a:4", "b:2")
	apply(t, s, saidAfter("s-1", "d", "5", "c"), saidAfter("s-1", "e", "6", "b"), saidAfter("s-1", "f", "7", "nobody"))
	wantItems(t, s, "s-1", "c:3", "d:5", "a:4", "b:2", "e:6", "f:7")
	apply(t, s, saidAfter("s-1", "d", "8", "f"), removed("s-1", "a")) // has its place
	wantItems(t, s, "s-1", "c:3", "d:8", "b:2", "e:6", "f:7")
	apply(t, s, removed("s-1", "c"), said("s-1", "c", "9"), saidAfter("s-1", "a", "10", "d"))
	wantItems(t, s, "s-1", "d:8", "a:10", "b:2", "e:6", "f:7", "c:9")
}

func testManyItems(t *testing.T, s session.Store) {
	const n = 1501 // over what a script handles at a time
	changes := []session.Change{recorded("s-1")}
	var want []string
	for i := range n {
		name := fmt.Sprintf("item_%04d", i)
		want = append(want, name+":x")
		changes = append(changes, said("s-1", name, "x"))
	}
	apply(t, s, append(changes, saidAfter("s-1", "late", "x", "item_0700"))...)
	wantItems(t, s, "s-1", slices.Insert(want, 701, "late:x")...)
}

func testApplyAgain(t *testing.T, s session.Store) {
	batch := []session.Change{
		recorded("s-1"), said("s-1", "a", "1"), logged("s-1", "1-0"), saidAfter("s-1", "b", "2", ""),
		said("s-1", "c", "3"), removed("s-1", "c"), said("s-1", "a", "4"), logged("s-1", "2-0"),
	}
	// A write that broke off after any change, and was sent again in whole.
	for begun := range batch {
		apply(t, s, batch[:begun]...)
		apply(t, s, batch...)
		wantItems(t, s, "s-1", "b:2", "a:4")
		wantEvents(t, s, "s-1", "", 10, "1-0", "2-0")
	}
}

func testUnicode(t *testing.T, s session.Store) {
	r := record("s-1")
	r.Key = "}{näme:*"
	r.Labels = map[string]string{"}{": "{s:other}", "città": "東京 \u0000 😀"}
	item := said("s-1", "it}em{", "héllo \"😀\" \u2028</script>")
	apply(t, s, session.Change{ID: "s-1", Epoch: 1, Record: &r}, item)
	page, err := s.Records(t.Context(), session.Query{Key: r.Key, Labels: r.Labels})
	must(t, err)
	if len(page.Records) != 1 || !reflect.DeepEqual(page.Records[0], r) {
		t.Fatalf("listed %+v", page)
	}
	wantItems(t, s, "s-1", "it}em{:"+item.Item.Text)
	big := logged("s-1", "1-0")
	big.Event.Raw = json.RawMessage(`"` + strings.Repeat("€", 1<<19) + `"`)
	apply(t, s, big)
	if events, err := s.Events(t.Context(), "s-1", "", 1); err != nil || string(events[0].Raw) != string(big.Event.Raw) {
		t.Fatalf("a large event changed: %v", err)
	}
}

func testNotes(t *testing.T, s session.Store) {
	note := func(i int) session.Note {
		return session.Note{ID: fmt.Sprint("n-", i), At: created, By: "o}ps", Text: "call back \u0000 <b>é\n}"}
	}
	for _, id := range []session.ID{"nobody", "}{"} {
		wantNotFound(t, s.AddNote(t.Context(), id, note(1)))
		_, err := s.Notes(t.Context(), id)
		wantNotFound(t, err)
	}
	ended := recorded("s-1")
	ended.Record.Status = session.StatusEnded
	apply(t, s, recorded("s-1"), logged("s-1", "1-0"))
	var want []session.Note
	for i := range session.NotesMost {
		if i == 20 {
			apply(t, s, ended)
			must(t, s.Pack(t.Context(), "s-1"))
		}
		want = append(want, note(i))
		must(t, s.AddNote(t.Context(), "s-1", note(i)))
		must(t, s.AddNote(t.Context(), "s-1", note(i/2))) // sent again
	}
	var full *session.LimitError
	if err := s.AddNote(t.Context(), "s-1", note(-1)); !errors.As(err, &full) || full.Max != session.NotesMost {
		t.Fatalf("a note too many: %v", err)
	}
	if got, err := s.Notes(t.Context(), "s-1"); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("notes are %+v, %v", got, err)
	}
}
