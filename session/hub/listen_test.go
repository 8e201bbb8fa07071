package hub_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/realtime"
	"switchboard/session/sessiontest"
)

// hears begins to listen in and reads the session.created.
func hears(t *testing.T, c *hub.Controller) *hub.Listener {
	t.Helper()
	l, err := c.Listen("ops")
	if err != nil {
		t.Fatal(err)
	}
	if first := next(t, l); gjson.Get(first, "session.audio.output.format.rate").Int() != 24000 {
		t.Fatalf("the first event is %s", first)
	}
	return l
}

func next(t *testing.T, l *hub.Listener) string {
	t.Helper()
	event, err := l.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return string(event)
}

// ending is how listening ends, after what is left to hear.
func ending(t *testing.T, l *hub.Listener) session.CloseError {
	t.Helper()
	for {
		if _, err := l.Next(t.Context()); err != nil {
			var closed *session.CloseError
			if !errors.As(err, &closed) {
				t.Fatalf("ended with %v", err)
			}
			return *closed
		}
	}
}

// replaced is the upstream that takes another's place.
func replaced(t *testing.T, fx *fixture) *sessiontest.Conn {
	t.Helper()
	up := <-fx.ends
	send(t, up, created)
	want(t, up, "session.update")
	send(t, up, strings.Replace(created, "session.created", "session.updated", 1))
	synctest.Wait()
	return up
}

func appended(audio string) string {
	return `{"type":"input_audio_buffer.append","audio":"` + audio + `"}`
}

func delta(audio string) string {
	return `{"type":"response.output_audio.delta","event_id":"e1","response_id":"r1","item_id":"i1","output_index":0,"content_index":0,"delta":"` + audio + `"}`
}

// A session that does not allow it cannot be heard, whatever it has been through.
func TestSessionWithoutPermissionIsNotHeard(t *testing.T) {
	for _, permission := range []session.ListenIn{"", session.ListenNever, "Allowed", "unknown"} {
		synctest.Test(t, func(t *testing.T) {
			a, b, _ := pair(t)
			defer b.stop()
			time.Sleep(6 * time.Second)
			c, _ := a.open(session.Spec{ID: "s", ListenIn: permission})
			if _, err := c.Listen("ops"); !errors.Is(err, hub.ErrNotHeard) {
				t.Errorf("%q: %v", permission, err)
			}
			a.stop()
			replaced(t, b)
			c, _ = b.hub.Controller("s")
			if _, err := c.Listen("ops"); !errors.Is(err, hub.ErrNotHeard) {
				t.Errorf("%q, on another node: %v", permission, err)
			}
		})
	}
}

// A listener hears both sides with their words, and nothing else of the session; the caller of a
// session that announces it is told.
func TestListenersHearBothSides(t *testing.T) {
	for permission, told := range map[session.ListenIn]string{session.ListenAllowed: "", session.ListenAnnounced: realtime.TypListeners} {
		synctest.Test(t, func(t *testing.T) {
			fx := start(t)
			defer fx.stop()
			c, up := fx.open(session.Spec{ListenIn: permission})
			cl, _ := fx.attach(c, session.Open())
			heard := func(n int64) {
				t.Helper()
				if told == "" {
					return
				}
				if event := want(t, cl, told); gjson.Get(event, "listeners").Int() != n || gjson.Get(event, "event_id").Str == "" {
					t.Errorf("the caller is told %s, want %d listeners", event, n)
				}
			}
			heard(0)
			l, other := hears(t, c), hears(t, c)
			heard(1)
			heard(2)
			send(t, cl, appended("QUJD"))
			synctest.Wait() // the sides speak at the same time
			send(t, up, `{"type":"input_audio_buffer.speech_started","event_id":"e0","audio_start_ms":0,"item_id":"u1"}`)
			send(t, up, item("i0", "user", "input_text", "typed"))
			send(t, up, delta("REVG"))
			send(t, up, `{"type":"response.output_audio_transcript.delta","event_id":"e2","response_id":"r1","item_id":"i1","output_index":0,"content_index":0,"delta":"hi"}`)
			for _, l := range []*hub.Listener{l, other} {
				synctest.Wait()
				var got []string
				for range 4 {
					event := next(t, l)
					got = append(got, gjson.Get(event, "type").Str+gjson.Get(event, "audio").Str+gjson.Get(event, "delta").Str)
				}
				if all := strings.Join(got, " "); all != "input_audio_buffer.appendQUJD input_audio_buffer.speech_started response.output_audio.deltaREVG response.output_audio_transcript.deltahi" {
					t.Errorf("%s: heard %s", permission, all)
				}
			}
			l.Close()
			for _, typ := range []string{"speech_started", "item.done", "output_audio.delta", "transcript.delta"} {
				want(t, cl, typ)
			}
			heard(1)
			late, _ := fx.attach(c, session.Open())
			if told != "" {
				want(t, late, told, `"listeners":1`)
			}
			if r := c.Record(); r.Listeners != 1 || r.ListenIn != permission {
				t.Errorf("the record has %+v", r)
			}
			if err := c.End(t.Context(), hub.Ending{}); err != nil {
				t.Fatal(err)
			}
			if closed := ending(t, other); closed.Code != session.CloseNormal {
				t.Errorf("ended with %+v", closed)
			}
			if n := fx.hub.Stats().Listeners; n != 0 {
				t.Errorf("%d listeners are left", n)
			}
		})
	}
}

// Listening goes on over a renewal; where the session moves, the listener is told to come again,
// and the next node lets it in.
func TestListeningSurvivesRenewalAndMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t)
		defer b.stop()
		time.Sleep(6 * time.Second)
		c, up := a.open(session.Spec{ID: "s", ListenIn: session.ListenAnnounced})
		cl, _ := a.attach(c, session.Open())
		l := hears(t, c)
		time.Sleep(6 * time.Second)
		up.Drop()
		up = replaced(t, a)
		send(t, up, delta("REVG"))
		if event := next(t, l); !strings.Contains(event, "REVG") {
			t.Errorf("after a renewal: %s", event)
		}
		last := ""
		synctest.Wait()
		for cl.Buffered() {
			last = gjson.Get(want(t, cl), "event_id").Str
		}
		a.stop()
		if closed := ending(t, l); closed.Code != session.CloseMoved || !strings.Contains(closed.Reason, "listen again") {
			t.Errorf("when the session moved: %+v", closed)
		}
		up = replaced(t, b)
		c, _ = b.hub.Controller("s")
		back, _ := b.attachAt(c, hub.Attachment{Policy: session.Open(), LastEventID: last})
		event := want(t, back)
		for synctest.Wait(); back.Buffered(); synctest.Wait() {
			event = want(t, back)
		}
		if gjson.Get(event, "type").Str != realtime.TypListeners || gjson.Get(event, "listeners").Int() != 0 {
			t.Errorf("who resumes is told last %s", event)
		}
		l = hears(t, c)
		send(t, up, delta("REVG"))
		if event := next(t, l); !strings.Contains(event, "REVG") {
			t.Errorf("on the next node: %s", event)
		}
	})
}

// A listener that reads nothing loses audio, is told where and how much, and keeps the words in
// order. The caller loses nothing.
func TestSlowListenerLosesAudio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		c, up := fx.open(session.Spec{ListenIn: session.ListenAllowed})
		cl, _ := fx.attach(c, session.Open())
		l := hears(t, c)
		words := func(n int) string {
			return fmt.Sprintf(`{"type":"response.output_audio_transcript.delta","event_id":"w","response_id":"r1","item_id":"i1","delta":"%d"}`, n)
		}
		sent, second := 0, strings.Repeat("A", 64<<10)
		for n := range 100 {
			send(t, up, delta(second))
			send(t, up, words(n))
			want(t, cl, "output_audio.delta")
			want(t, cl, "transcript.delta")
			sent++
		}
		synctest.Wait()
		heard, lost, bytes, n := 0, 0, 0, 0
		for n < 100 {
			event := next(t, l)
			bytes += len(event)
			switch gjson.Get(event, "type").Str {
			case realtime.TypBehind:
				lost += int(gjson.Get(event, "dropped_events").Int())
			case "response.output_audio.delta":
				heard++
			default:
				if gjson.Get(event, "delta").Str != fmt.Sprint(n) {
					t.Fatalf("word %d is %s", n, event)
				}
				n++
			}
		}
		if heard+lost != sent || heard == 0 || bytes > 1<<20+64<<10 {
			t.Errorf("of %d events %d were heard and %d were lost; %d bytes waited", sent, heard, lost, bytes)
		}
		if n := fx.hub.Stats().ListenDropped; n != int64(lost) {
			t.Errorf("the metric says %d", n)
		}
		send(t, cl, appended(strings.Repeat("A", 2<<20))) // larger than a listener may have waiting
		synctest.Wait()
		send(t, up, words(0))
		if event := next(t, l); gjson.Get(event, "type").Str != realtime.TypBehind {
			t.Errorf("of a large one: %.200s", event)
		}
		next(t, l)

		for range 20 { // words only
			send(t, up, words(1)[:80]+strings.Repeat("1", 64<<10)+`"}`)
			want(t, cl, "transcript.delta")
		}
		if closed := ending(t, l); closed.Code != session.CloseSlow {
			t.Errorf("without room for words: %+v", closed)
		}
	})
}

// So many may listen to one session and on one node, and then no more.
func TestListenersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		refused := func(c *hub.Controller, limit string) {
			t.Helper()
			var e *session.LimitError
			if _, err := c.Listen("ops"); !errors.As(err, &e) || e.Limit != limit {
				t.Fatalf("refused with %v, want %s", err, limit)
			}
		}
		var all []*hub.Listener
		open := func(n int) *hub.Controller {
			c, _ := fx.open(session.Spec{ID: session.ID(fmt.Sprint("s", n)), ListenIn: session.ListenAllowed})
			return c
		}
		for n := range 8 {
			c := open(n)
			for range 8 {
				all = append(all, hears(t, c))
			}
			refused(c, "session_listeners")
		}
		late := open(9)
		refused(late, "node_listeners")
		all[0].Close()
		all[0].Close()
		hears(t, late)
		refused(late, "node_listeners")
		for _, l := range all[1:] {
			l.Close()
		}
		if n := fx.hub.Stats().Listeners; n != 1 {
			t.Errorf("%d listen", n)
		}
	})
}

// While one listens, another may stay behind or leave: neither costs the other anything.
func TestReaderMeetsEventsInOrder(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{ListenIn: session.ListenAllowed})
	cl, _ := fx.attach(c, session.Open())
	l := hears(t, c)
	const words = 3000
	ahead := make(chan struct{}, 500) // more than the audio of these fits, and fewer words than fit without it
	go func() {
		for n := range words {
			ahead <- struct{}{}
			_ = up.Send(delta(strings.Repeat("A", 4<<10)))
			_ = up.Send(fmt.Sprintf(`{"type":"response.output_audio_transcript.delta","event_id":"w","response_id":"r1","item_id":"i1","delta":"%d"}`, n))
		}
	}()
	go func() {
		for f, err := cl.Read(); err == nil; f, err = cl.Read() {
			_ = f
		}
	}()
	for n := 0; n < words; {
		event := next(t, l)
		if gjson.Get(event, "type").Str != "response.output_audio_transcript.delta" {
			continue
		}
		if gjson.Get(event, "delta").Str != fmt.Sprint(n) {
			t.Fatalf("word %d is %s", n, event)
		}
		n++
		<-ahead
	}
	fx.stop()
}
