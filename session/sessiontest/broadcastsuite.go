package sessiontest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"switchboard/session"
	"switchboard/session/broadcast"
)

// BroadcastLog is what the suite is about: the nodes' side and the operators'.
type BroadcastLog interface {
	broadcast.Log
	Publish(ctx context.Context, b session.Broadcast) (session.Broadcast, error)
	Withdraw(ctx context.Context, id, by string) (session.Broadcast, error)
	Broadcast(ctx context.Context, id string) (broadcast.BroadcastStatus, error)
	BroadcastChange(ctx context.Context, was broadcast.BroadcastStatus) (broadcast.BroadcastStatus, error)
	BroadcastList(ctx context.Context, limit int, before string) ([]session.Broadcast, error)
	BroadcastOutcomes(ctx context.Context, id string, withdrawn bool, status, after string, limit int) (page []broadcast.Outcome, next string, err error)
}

// TestBroadcasts is what every [session.Broadcasts] must pass. open returns an empty one.
func TestBroadcasts(t *testing.T, open func(t *testing.T) BroadcastLog) {
	for name, test := range map[string]func(*testing.T, BroadcastLog){
		"publish and follow":      testPublish,
		"withdraw":                testWithdraw,
		"unknown broadcast":       testUnknownBroadcast,
		"followers wait":          testFollowWaits,
		"follower leaves":         testFollowLeaves,
		"followers see one order": testFollowOrder,
		"log is bounded":          testBroadcastBound,
		"list":                    testBroadcastList,
		"report":                  testReport,
		"watchers wait":           testBroadcastChange,
		"report of a withdrawal":  testReportWithdrawn,
		"report that is invalid":  testReportInvalid,
		"outcomes in pages":       testOutcomePages,
		"reports that race":       testReportRace,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func publish(t *testing.T, l BroadcastLog, b session.Broadcast) session.Broadcast {
	t.Helper()
	b, err := l.Publish(t.Context(), b)
	must(t, err)
	return b
}

func follow(t *testing.T, l BroadcastLog, after string) []broadcast.Entry {
	t.Helper()
	entries, err := l.Follow(t.Context(), after)
	must(t, err)
	return entries
}

func wantSame[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s is %+v, want %+v", what, got, want)
	}
}

func testPublish(t *testing.T, l BroadcastLog) {
	want := session.Broadcast{
		ID: "ours to give", CreatedAt: created, WithdrawnBy: "nobody", WithdrawnAt: created,
		Instructions: "Say }{ ü\n\"twice\".", Mode: broadcast.ModeAppend,
		Select: map[string]string{"team": "ä b"}, Sessions: []session.ID{"s-1", "s-2"}, Sticky: true, By: "ops 1",
	}
	got := publish(t, l, want)
	if age := time.Since(got.CreatedAt); age > time.Hour || age < -time.Hour || !isEventID(got.ID) {
		t.Fatalf("published as %s at %v", got.ID, got.CreatedAt)
	}
	want.ID, want.CreatedAt, want.WithdrawnBy, want.WithdrawnAt = got.ID, got.CreatedAt, "", time.Time{}
	wantSame(t, "the broadcast", got, want)
	next := publish(t, l, session.Broadcast{Instructions: "Now.", Mode: broadcast.ModeReplace})
	if session.CompareEventIDs(next.ID, got.ID) <= 0 {
		t.Fatalf("%s was followed by %s", got.ID, next.ID)
	}
	first := broadcast.Entry{ID: got.ID, Broadcast: got}
	second := broadcast.Entry{ID: next.ID, Broadcast: next}
	wantSame(t, "the log", follow(t, l, ""), []broadcast.Entry{first, second})
	wantSame(t, "the end of the log", follow(t, l, got.ID), []broadcast.Entry{second})
	wantSame(t, "the log from before it", follow(t, l, "1-0"), []broadcast.Entry{first, second})
	_, err := l.Follow(t.Context(), "$")
	wantInvalid(t, err, "after")
}

func testWithdraw(t *testing.T, l BroadcastLog) {
	b := publish(t, l, session.Broadcast{Instructions: "Wait.", Mode: broadcast.ModeReplace, By: "ops"})
	other := publish(t, l, session.Broadcast{Instructions: "Go on.", Mode: broadcast.ModeReplace})
	gone, err := l.Withdraw(t.Context(), b.ID, "ops 2")
	must(t, err)
	if gone.WithdrawnAt.Before(b.CreatedAt) {
		t.Fatalf("withdrawn at %v", gone.WithdrawnAt)
	}
	want := b
	want.WithdrawnBy, want.WithdrawnAt = "ops 2", gone.WithdrawnAt
	wantSame(t, "the withdrawn", gone, want)

	entries := follow(t, l, other.ID)
	if len(entries) != 1 || !entries[0].Withdrawn || session.CompareEventIDs(entries[0].ID, other.ID) <= 0 {
		t.Fatalf("the log goes on with %+v", entries)
	}
	wantSame(t, "the withdrawal", entries[0].Broadcast, want)
	wantSame(t, "what was published", follow(t, l, "")[0].Broadcast, b)

	_, err = l.Withdraw(t.Context(), b.ID, "ops 3")
	if !errors.Is(err, session.ErrExists) {
		t.Fatalf("withdrawn twice: %v", err)
	}
	_, err = l.Withdraw(t.Context(), entries[0].ID, "ops 3")
	wantNotFound(t, err)
	status, err := l.Broadcast(t.Context(), b.ID)
	must(t, err)
	wantSame(t, "the status", status.Broadcast, want)
	list, err := l.BroadcastList(t.Context(), 10, "")
	must(t, err)
	wantSame(t, "the list", list, []session.Broadcast{other, want})
}

func testUnknownBroadcast(t *testing.T, l BroadcastLog) {
	for _, id := range []string{"1-0", "", "$", "}{"} {
		_, err := l.Broadcast(t.Context(), id)
		wantNotFound(t, err)
		_, err = l.Withdraw(t.Context(), id, "ops")
		wantNotFound(t, err)
		_, _, err = l.BroadcastOutcomes(t.Context(), id, false, "", "", 10)
		wantNotFound(t, err)
	}
	list, err := l.BroadcastList(t.Context(), 10, "")
	if err != nil || len(list) > 0 {
		t.Fatalf("listed %v, %v", list, err)
	}
	_, err = l.BroadcastList(t.Context(), 10, "$")
	wantInvalid(t, err, "before")
}

func testFollowWaits(t *testing.T, l BroadcastLog) {
	var wg sync.WaitGroup
	defer wg.Wait()
	last := ""
	for i := range 3 {
		got := make(chan string, 4)
		for range cap(got) {
			after := last
			wg.Go(func() {
				entries, err := l.Follow(t.Context(), after)
				if err != nil || len(entries) != 1 {
					t.Errorf("followed %v, %v", entries, err)
				}
				for _, e := range entries {
					got <- e.ID
				}
			})
		}
		last = publish(t, l, session.Broadcast{Instructions: fmt.Sprint(i)}).ID
		for range cap(got) {
			if id := <-got; id != last {
				t.Fatalf("got %s, want %s", id, last)
			}
		}
	}
}

func testFollowLeaves(t *testing.T, l BroadcastLog) {
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := l.Follow(ctx, "")
		done <- err
	}()
	cancel(gone)
	if err := <-done; !errors.Is(err, gone) && !errors.Is(err, context.Canceled) {
		t.Fatalf("left with %v", err)
	}
}

// followAll returns the IDs of n entries as one node sees them.
func followAll(ctx context.Context, l broadcast.Log, n int) ([]string, error) {
	var ids []string
	last := ""
	for len(ids) < n {
		entries, err := l.Follow(ctx, last)
		if err != nil {
			return ids, err
		}
		for _, e := range entries {
			ids = append(ids, e.ID)
			last = e.ID
		}
	}
	return ids, nil
}

func testFollowOrder(t *testing.T, l BroadcastLog) {
	const publishers, each = 4, 15
	var wg sync.WaitGroup
	for range publishers {
		wg.Go(func() {
			for range each {
				if _, err := l.Publish(t.Context(), session.Broadcast{Instructions: "x"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen := make([][]string, 3)
	for i := range seen {
		wg.Go(func() {
			var err error
			if seen[i], err = followAll(t.Context(), l, publishers*each); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(seen[0]) != publishers*each || !slices.IsSortedFunc(seen[0], session.CompareEventIDs) {
		t.Fatalf("saw %v", seen[0])
	}
	for _, ids := range seen[1:] {
		wantSame(t, "what another node saw", ids, seen[0])
	}
}

func testBroadcastBound(t *testing.T, l BroadcastLog) {
	first := publish(t, l, session.Broadcast{Instructions: "first"})
	_, err := l.Withdraw(t.Context(), first.ID, "ops")
	must(t, err)
	second := publish(t, l, session.Broadcast{Instructions: "second"})
	for range broadcastLog - 1 {
		publish(t, l, session.Broadcast{Instructions: "more"})
	}
	ids, err := followAll(t.Context(), l, broadcastLog)
	must(t, err)
	if len(ids) != broadcastLog || ids[0] != second.ID {
		t.Fatalf("%d entries, from %s on; the second is %s", len(ids), ids[0], second.ID)
	}
	_, err = l.Withdraw(t.Context(), first.ID, "ops")
	wantNotFound(t, err)
	_, err = l.Broadcast(t.Context(), first.ID)
	wantNotFound(t, err)
}

func testBroadcastList(t *testing.T, l BroadcastLog) {
	var all []session.Broadcast
	for i := range 130 {
		b := publish(t, l, session.Broadcast{Instructions: fmt.Sprint(i)})
		if i%2 == 0 {
			var err error
			b, err = l.Withdraw(t.Context(), b.ID, "ops")
			must(t, err)
		}
		all = append(all, b)
	}
	slices.Reverse(all)
	var got []session.Broadcast
	for before := ""; ; before = got[len(got)-1].ID {
		page, err := l.BroadcastList(t.Context(), 40, before)
		must(t, err)
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
	}
	wantSame(t, "the list", got, all)
	for limit, want := range map[int]int{-1: 50, 0: 50, 3: 3, 1000: 130} {
		page, err := l.BroadcastList(t.Context(), limit, "")
		must(t, err)
		wantSame(t, fmt.Sprint("a page of ", limit), page, all[:want])
	}
}
