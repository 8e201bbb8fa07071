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

func outcome(id session.ID, status string) broadcast.Outcome {
	o := broadcast.Outcome{Session: id, Status: status, At: created}
	if status == broadcast.Refused {
		o.Reason = "upstream: too long: ü }{"
	}
	return o
}

func report(t *testing.T, l broadcast.Log, r broadcast.Report) {
	t.Helper()
	must(t, l.Report(t.Context(), r))
}

func wantTally(t *testing.T, l BroadcastLog, id string, want broadcast.Tally) {
	t.Helper()
	got, err := l.Broadcast(t.Context(), id)
	must(t, err)
	wantSame(t, "the tally", got.Tally, want)
}

func testReport(t *testing.T, l BroadcastLog) {
	b := publish(t, l, session.Broadcast{Instructions: "x"})
	wantTally(t, l, b.ID, broadcast.Tally{Nodes: map[string]int{}, Outcomes: map[string]int{}})
	report(t, l, broadcast.Report{Broadcast: b.ID, Node: nodeA.Node, Matched: 3})
	report(t, l, broadcast.Report{Broadcast: b.ID, Node: nodeB.Node, Matched: 1, Outcomes: []broadcast.Outcome{outcome("s-4", broadcast.Applied)}})
	report(t, l, broadcast.Report{Broadcast: b.ID, Node: nodeB.Node})
	some := broadcast.Report{Broadcast: b.ID, Node: nodeA.Node, Outcomes: []broadcast.Outcome{
		outcome("s-1", broadcast.Applied), outcome("s-2", broadcast.Refused), outcome("s-3", broadcast.Silent),
	}}
	report(t, l, some)
	report(t, l, some) // after an error nobody knows whether it was taken
	want := broadcast.Tally{
		Matched: 4, Nodes: map[string]int{nodeA.Node: 3, nodeB.Node: 1},
		Outcomes: map[string]int{broadcast.Applied: 2, broadcast.Refused: 1, broadcast.Silent: 1},
	}
	wantTally(t, l, b.ID, want)
	report(t, l, broadcast.Report{Broadcast: b.ID, Node: nodeA.Node, Outcomes: []broadcast.Outcome{
		outcome("s-3", broadcast.Ended), outcome("s-3", broadcast.Applied),
	}})
	for range 2 { // one that came later; it was sent again because the answer was lost
		report(t, l, broadcast.Report{ID: "report", Broadcast: b.ID, Node: nodeB.Node, Matched: 1})
	}
	want.Matched, want.Nodes[nodeB.Node] = 5, 2
	want.Outcomes = map[string]int{broadcast.Applied: 3, broadcast.Refused: 1}
	wantTally(t, l, b.ID, want)
	page, next, err := l.BroadcastOutcomes(t.Context(), b.ID, false, "", "", 10)
	must(t, err)
	wantSame(t, "the outcomes", page, []broadcast.Outcome{
		outcome("s-1", broadcast.Applied), outcome("s-2", broadcast.Refused),
		outcome("s-3", broadcast.Applied), outcome("s-4", broadcast.Applied),
	})
	wantSame(t, "next", next, "")
}

func testReportWithdrawn(t *testing.T, l BroadcastLog) {
	b := publish(t, l, session.Broadcast{Instructions: "x"})
	report(t, l, broadcast.Report{Broadcast: b.ID, Node: nodeA.Node, Matched: 1, Outcomes: []broadcast.Outcome{outcome("s-1", broadcast.Applied)}})
	before, err := l.Broadcast(t.Context(), b.ID)
	must(t, err)
	if before.Withdrawal != nil {
		t.Fatalf("withdrawal of one that stands: %+v", before.Withdrawal)
	}
	_, err = l.Withdraw(t.Context(), b.ID, "ops")
	must(t, err)
	report(t, l, broadcast.Report{Broadcast: b.ID, Withdrawn: true, Node: nodeA.Node, Matched: 2, Outcomes: []broadcast.Outcome{outcome("s-1", broadcast.Silent)}})
	after, err := l.Broadcast(t.Context(), b.ID)
	must(t, err)
	wantSame(t, "the tally", after.Tally, before.Tally)
	wantSame(t, "the withdrawal's", *after.Withdrawal, broadcast.Tally{
		Matched: 2, Nodes: map[string]int{nodeA.Node: 2}, Outcomes: map[string]int{broadcast.Silent: 1},
	})
	for withdrawn, status := range map[bool]string{false: broadcast.Applied, true: broadcast.Silent} {
		page, _, err := l.BroadcastOutcomes(t.Context(), b.ID, withdrawn, "", "", 10)
		must(t, err)
		wantSame(t, "the outcomes", page, []broadcast.Outcome{outcome("s-1", status)})
	}
}

func testReportInvalid(t *testing.T, l BroadcastLog) {
	b := publish(t, l, session.Broadcast{Instructions: "x"})
	wantInvalid(t, l.Report(t.Context(), broadcast.Report{Broadcast: "}{", Node: nodeA.Node, Matched: 1}), "broadcast")
	for _, bad := range []broadcast.Outcome{outcome("}{", broadcast.Applied), outcome("s-1", "fine")} {
		err := l.Report(t.Context(), broadcast.Report{
			Broadcast: b.ID, Node: nodeA.Node, Matched: 1,
			Outcomes: []broadcast.Outcome{outcome("s-0", broadcast.Applied), bad},
		})
		wantInvalid(t, err, "outcomes[1]")
	}
	wantTally(t, l, b.ID, broadcast.Tally{Nodes: map[string]int{}, Outcomes: map[string]int{}})
	_, _, err := l.BroadcastOutcomes(t.Context(), b.ID, false, "fine", "", 10)
	wantInvalid(t, err, "status")
	_, _, err = l.BroadcastOutcomes(t.Context(), b.ID, false, "", "}{", 10)
	wantInvalid(t, err, "after")
}

// outcomePages returns all outcomes, read in pages.
func outcomePages(t *testing.T, l BroadcastLog, id, status string, limit int) (all []broadcast.Outcome) {
	t.Helper()
	for after := ""; ; {
		page, next, err := l.BroadcastOutcomes(t.Context(), id, false, status, after, limit)
		must(t, err)
		all = append(all, page...)
		if after = next; next == "" {
			return all
		}
		if len(page) != limit {
			t.Fatalf("a page of %d outcomes that is not the last", len(page))
		}
	}
}

func testOutcomePages(t *testing.T, l BroadcastLog) {
	b := publish(t, l, session.Broadcast{Instructions: "x"})
	var all []broadcast.Outcome
	for i := range 1200 {
		o := outcome(session.ID(fmt.Sprintf("s-%04d", i)), outcomes[i%len(outcomes)])
		o.At = o.At.Add(time.Duration(i) * time.Microsecond)
		all = append(all, o)
	}
	shuffled := slices.Clone(all)
	slices.Reverse(shuffled)
	report(t, l, broadcast.Report{Broadcast: b.ID, Node: nodeA.Node, Outcomes: shuffled})
	wantSame(t, "all outcomes", outcomePages(t, l, b.ID, "", 100), all)
	refused := slices.DeleteFunc(slices.Clone(all), func(o broadcast.Outcome) bool { return o.Status != broadcast.Refused })
	wantSame(t, "those refused", outcomePages(t, l, b.ID, broadcast.Refused, 60), refused)
	for limit, want := range map[int]int{-1: 50, 0: 50, 2000: 1000} {
		page, _, err := l.BroadcastOutcomes(t.Context(), b.ID, false, "", "", limit)
		must(t, err)
		wantSame(t, fmt.Sprint("a page of ", limit), page, all[:want])
	}
}

// Two nodes that report at once, one of them everything twice, count exactly.
func testReportRace(t *testing.T, l BroadcastLog) {
	b := publish(t, l, session.Broadcast{Instructions: "x"})
	var wg sync.WaitGroup
	for node := range 3 {
		wg.Go(func() {
			for part := range 10 {
				r := broadcast.Report{Broadcast: b.ID, Node: fmt.Sprint("node-", node/2)}
				if node != 1 { // which is the second half of the first
					r.Matched = 20
				}
				for i := range 20 {
					id := session.ID(fmt.Sprint("s-", node/2, "-", part, "-", i))
					r.Outcomes = append(r.Outcomes, outcome(id, broadcast.Applied))
				}
				if err := l.Report(t.Context(), r); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	wantTally(t, l, b.ID, broadcast.Tally{
		Matched: 400, Nodes: map[string]int{"node-0": 200, "node-1": 200},
		Outcomes: map[string]int{broadcast.Applied: 400},
	})
}

// testBroadcastChange: who watches a broadcast is told of each report on it, and of its withdrawal.
func testBroadcastChange(t *testing.T, l BroadcastLog) {
	b := publish(t, l, session.Broadcast{Instructions: "x"})
	now, err := l.Broadcast(t.Context(), b.ID)
	must(t, err)
	for name, change := range []func(){
		func() { report(t, l, broadcast.Report{Broadcast: b.ID, Node: nodeA.Node, Matched: 2}) },
		func() {
			report(t, l, broadcast.Report{Broadcast: b.ID, Node: nodeA.Node, Outcomes: []broadcast.Outcome{outcome("s-1", broadcast.Applied)}})
		},
		func() {
			_, err := l.Withdraw(t.Context(), b.ID, "ops")
			must(t, err)
		},
		func() { report(t, l, broadcast.Report{Broadcast: b.ID, Withdrawn: true, Node: nodeA.Node, Matched: 2}) },
	} {
		was := now
		seen := make(chan broadcast.BroadcastStatus, 1)
		go func() {
			now, err := l.BroadcastChange(t.Context(), was)
			if err != nil {
				t.Errorf("watch: %v", err)
			}
			seen <- now
		}()
		change()
		now = <-seen
		if want, err := l.Broadcast(t.Context(), b.ID); err != nil || !reflect.DeepEqual(now, want) {
			t.Errorf("change %d: seen %+v, want %+v, %v", name, now, want, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.BroadcastChange(ctx, now); !errors.Is(err, context.Canceled) {
		t.Errorf("a watcher that leaves: %v", err)
	}
}
