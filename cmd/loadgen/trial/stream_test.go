package trial

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// heardBy puts together a stream of events given as "type id".
func heardBy(events ...string) *stream {
	s := newStream()
	for _, e := range events {
		kind, id, _ := strings.Cut(e, " ")
		s.add(fmt.Appendf(nil, `{"type":%q,"event_id":%q,"response_id":"r","response":{"id":"r","status":"completed"},`+
			`"item":{"id":"i-%s","status":"completed"},"reason":"moved","error":{"code":"c"}}`, kind, id, id), time.Now())
	}
	return s
}

func TestStream(t *testing.T) {
	s := heardBy("session.created event_at_0", "response.created a", "response.output_audio.delta b", "session.created event_at_1",
		"response.output_audio.delta c", "error event_at_2", "response.output_audio.delta c", "conversation.item.done d", "response.done e",
		"switchboard.session.renewed f", "switchboard.session.reset event_at_3")
	if n := len(s.all()); n != 7 || s.repeats != 1 || s.resets != 1 || s.refusals["c"] != 1 || s.last != "event_at_3" {
		t.Errorf("%d events, %d twice, %d resets, %v, last %s", n, s.repeats, s.resets, s.refusals, s.last)
	}
	if s.count("completed") != 1 || len(s.short(3)) != 0 || len(s.short(2)) != 1 {
		t.Errorf("answers %+v", *s.answers["r"])
	}
	if items := s.toldItems(); len(items) != 1 || items[0].id != "i-d" {
		t.Errorf("items %v", items)
	}
	if _, ok := s.backSince(time.Now()); ok || len(s.renewals) != 1 {
		t.Errorf("renewals %v", s.renewals)
	}
	before := time.Now()
	if _, ok := heardBy("x a", "switchboard.session.reset event_at_1").backSince(before); ok {
		t.Error("a session is back that says nothing")
	}
	if _, ok := heardBy("x a", "switchboard.session.reset event_at_1", "x b").backSince(before); !ok {
		t.Error("a session that says something is not back")
	}
	if !s.quiet(0) || s.quiet(time.Hour) {
		t.Error("quiet is not what it should be")
	}
	if got := asLogged(s.all()); len(got) != 4 {
		t.Errorf("as the log has it: %v", got)
	}
}

func TestDiffers(t *testing.T) {
	whole := heardBy("x a", "x b", "x c", "x d").all()
	other := heardBy("x b", "x c", "x d").all()
	other[1].sum++
	for want, part := range map[string][]heard{
		"":                             whole[1:],
		"nothing was heard":            nil,
		"begins with x e":              heardBy("x e").all(),
		"event 1: x d in the place of": {whole[1], whole[3]},
		"event 1: x c has other bytes": other,
		"4 events were sent, 2 heard":  whole[:2],
		"2 events were sent, 3 heard":  {whole[2], whole[3], whole[3]},
	} {
		if got := differs(whole, part); !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLedger(t *testing.T) {
	now := time.Now()
	items := []told{{"a", "", now}, {"b", "a", now.Add(time.Second)}, {"c", "b", now}, {"d", "x", now}}
	var l ledger
	l.compare("s", []string{"c", "a", "d", "d", "x"}, items, func(at time.Time) time.Duration {
		if at.After(now) {
			return journalTime / 2
		}
		return never
	})
	if l.items != 4 || len(l.unwritten) != 1 || len(l.lost) != 0 || len(l.wrong) != 2 {
		t.Errorf("%+v", l)
	}
	l = ledger{}
	l.compare("s", []string{"a", "c", "b", "d"}, []told{{"a", "", now}, {"b", "c", now}, {"c", "a", now}, {"d", "b", now}}, func(time.Time) time.Duration { return never })
	if len(l.lost)+len(l.wrong) != 0 { // b was said while c was not complete
		t.Errorf("%+v", l)
	}
	l = ledger{}
	l.compare("s", nil, items, func(time.Time) time.Duration { return never })
	if len(l.lost) != 4 {
		t.Errorf("%+v", l)
	}
}

func TestReadLog(t *testing.T) {
	const text = "retry: 1\n\nid: 1\nevent: x\ndata: {\"type\":\"x\",\"event_id\":\"a\"}\n\n: ping\n\ndata: {\"type\":\"y\",\"event_id\":\"b\"}\n\n"
	events, err := readLog(strings.NewReader(text), "b")
	if err != nil || len(events) != 2 || events[1].String() != "y b" {
		t.Errorf("%v, %v", events, err)
	}
	if _, err := readLog(strings.NewReader(text), "c"); err == nil {
		t.Error("an event that did not come was found")
	}
}

func TestOwnersHistory(t *testing.T) {
	upstream := func(key string, first, last int64) (u observed) {
		u.Key, u.Received.FirstNS, u.Received.LastNS = key, first, last
		return u
	}
	var h owners
	h.compare("s", []observed{upstream("n01-…", 1, 5), upstream("n01-…", 4, 8), upstream("n02-…", 8, 12), upstream("n01-…", 13, 14)})
	if h.changes != 2 || len(h.overlaps) != 0 {
		t.Errorf("%+v", h)
	}
	h.compare("s", []observed{upstream("n01-…", 1, 9), upstream("n02-…", 8, 12)})
	if len(h.overlaps) != 1 || !strings.Contains(h.overlaps[0], "node 01") {
		t.Errorf("%+v", h)
	}
	w := &epochWatch{newest: map[string]int64{}}
	for _, epoch := range []int64{3, 3, 5, 4} {
		w.see("e", epoch)
	}
	if len(w.wrong) != 1 {
		t.Errorf("%v", w.wrong)
	}
}

func TestOutcome(t *testing.T) {
	o := newOutcome("some")
	o.figure("time", seconds(1500*time.Millisecond), "≤ "+milliseconds(time.Second))
	o.none("lost", nil)
	o.least("tried", 1, 1)
	if err := o.err(); err != nil {
		t.Error(err)
	}
	o.none("lost", make([]string, 7))
	o.zero("gone", 3)
	o.least("tried", 0, 1)
	if err := o.err(); err == nil || !strings.Contains(err.Error(), "some: tried: 0, at least 1") || !strings.Contains(err.Error(), "and 2 more") || !strings.Contains(err.Error(), "gone: 3") {
		t.Errorf("told as %v", err)
	}
	var text strings.Builder
	if err := o.write(&text); err != nil || !strings.Contains(text.String(), "| time | 1.50 s | ≤ 1000 ms |") {
		t.Errorf("%v: %s", err, text.String())
	}
}
