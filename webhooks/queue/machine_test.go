package queue_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchboard/session/redisstore/redistest"
	"switchboard/webhooks/queue"
)

// model is what a queue must do, in a few lines: the states of items after each step.
type model struct {
	state    map[string]queue.State
	fails    map[string]int
	attempts map[string]int
	settled  func() // ends the worker after one item
}

// Any order of adding, working and replaying leaves the queue in the model's states.
func TestTheQueueIsItsModel(t *testing.T) {
	rdb := redistest.Redis(t) // whose scripts are quicker than those of miniredis
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		o := fast()
		o.Backoff = func(int) time.Duration { return 0 }
		m := model{state: map[string]queue.State{}, fails: map[string]int{}, attempts: map[string]int{}}
		o.OnSettled = func(context.Context, queue.Claim, queue.State, queue.Attempt) { m.settled() }
		q := queue.New(rdb, fmt.Sprint("machine", run), o)
		ids := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		outcomes := rapid.SampledFrom([]string{"ok", "fail", "fatal", "panic"})
		r.Repeat(map[string]func(*rapid.T){
			"add": func(r *rapid.T) {
				id := ids.Draw(r, "id")
				added, err := q.Add(t.Context(), item(id))
				if _, known := m.state[id]; err != nil || added[0] == known {
					r.Fatalf("added %v, known %v, %v", added, known, err)
				}
				if _, known := m.state[id]; !known {
					m.state[id] = queue.Waiting
				}
			},
			"replay": func(r *rapid.T) {
				id := ids.Draw(r, "id")
				n, err := q.Replay(t.Context(), "", id)
				if _, known := m.state[id]; err != nil || (n == 1) != known {
					r.Fatalf("replayed %d, known %v, %v", n, known, err)
				} else if known {
					m.state[id], m.fails[id] = queue.Waiting, 0
				}
			},
			"discard": func(r *rapid.T) {
				id := ids.Draw(r, "id")
				n, others, err := q.Discard(t.Context(), "ann", "a note", id)
				state, known := m.state[id]
				if isDead := state == queue.Dead; err != nil || (n == 1) != isDead || (others == 1) != (known && !isDead) {
					r.Fatalf("discarded %d, %d are others; it is %q, %v", n, others, state, err)
				} else if isDead {
					m.state[id] = queue.Discarded
					m.attempts[id]++
				}
			},
			"work": func(r *rapid.T) { m.work(t, r, q, o.Attempts, outcomes.Draw(r, "outcome")) },
			"":     func(r *rapid.T) { m.check(t, r, q) },
		})
	})
}

// work handles one item, if one waits, with an outcome.
func (m *model) work(t *testing.T, r *rapid.T, q *queue.Queue, most int, outcome string) {
	waiting := false
	for _, s := range m.state {
		waiting = waiting || s == queue.Waiting
	}
	if !waiting {
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m.settled = cancel
	handled := ""
	q.Run(ctx, 1, func(_ context.Context, c queue.Claim) (string, error) {
		handled = c.ID
		switch outcome {
		case "fail":
			return "", errors.New("no")
		case "fatal":
			return "", queue.Fatal(errors.New("never"))
		case "panic":
			panic("poison")
		}
		return "", nil
	})
	if m.state[handled] != queue.Waiting {
		r.Fatalf("handled %q, which is %q", handled, m.state[handled])
	}
	m.attempts[handled]++
	switch {
	case outcome == "ok":
		m.state[handled] = queue.Done
	case outcome == "fatal" || m.fails[handled]+1 >= most:
		m.state[handled] = queue.Dead
		m.fails[handled]++
	default:
		m.fails[handled]++
	}
}

func (m *model) check(t *testing.T, r *rapid.T, q *queue.Queue) {
	var waiting, dead, discarded int64
	for id, s := range m.state {
		rec, err := q.Get(t.Context(), id)
		if err != nil || rec.State != s || rec.Fails != m.fails[id] || len(rec.Attempts) != min(50, m.attempts[id]) {
			r.Fatalf("%s is %s with %d failures and %d attempts, should be %s with %d and %d (%v)",
				id, rec.State, rec.Fails, len(rec.Attempts), s, m.fails[id], m.attempts[id], err)
		}
		switch s {
		case queue.Waiting:
			waiting++
		case queue.Dead:
			dead++
		case queue.Discarded:
			discarded++
		}
	}
	want := queue.Counts{All: int64(len(m.state)), Waiting: waiting, Dead: dead, Discarded: discarded}
	if n, err := q.Count(t.Context()); err != nil || n != want {
		r.Fatalf("counts %+v, should be %+v (%v)", n, want, err)
	}
}
