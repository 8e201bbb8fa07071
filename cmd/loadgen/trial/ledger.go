package trial

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// journalTime bounds how long an item that clients were told of may not be in the store
// yet, because that was slower than a node waits for it: one that is killed takes it along.
const journalTime = time.Second

// ledger is how the conversations of the fleet compare with what clients were told.
type ledger struct {
	items     int
	unwritten []time.Duration // before the kill: told just before their node was killed
	lost      []string
	wrong     []string // twice, or in another order
}

// keptOf asks for the conversation of every client. age tells how long before a kill an item was told.
func (f *fleet) keptOf(ctx context.Context, c *crowd, age func(time.Time) time.Duration) (k ledger, err error) {
	var mu sync.Mutex
	err = c.each(func(cl *client) error {
		ids, err := f.items(ctx, cl.session.ID)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		k.compare(cl.session.ID, ids, cl.toldItems(), age)
		return nil
	})
	return k, err
}

func (s *stream) toldItems() []told {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.items)
}

// never is the age of what was told behind the last kill.
const never = time.Duration(math.MaxInt64)

// compare holds the items of one conversation against those its client was told are complete: each
// is there once, and behind the one that it follows. What is told first need not come first: the user
// may have said something before an answer was complete.
func (k *ledger) compare(id string, ids []string, items []told, age func(time.Time) time.Duration) {
	place := make(map[string]int, len(ids))
	for i, item := range ids {
		if _, twice := place[item]; twice {
			k.wrong = append(k.wrong, fmt.Sprintf("%s has %s twice", id, item))
		}
		place[item] = i
	}
	for _, it := range items {
		k.items++
		at, ok := place[it.id]
		switch {
		case !ok && age(it.at) < journalTime:
			k.unwritten = append(k.unwritten, age(it.at))
		case !ok:
			k.lost = append(k.lost, fmt.Sprintf("%s lacks %s, told at %s", id, it.id, it.at.Format(clockTime)))
		}
		if before, known := place[it.previous]; ok && known && at < before {
			k.wrong = append(k.wrong, fmt.Sprintf("%s has %s before %s, which it follows", id, it.id, it.previous))
		}
	}
}

// clockTime is how the programs' logs write the time of day.
const clockTime = "15:04:05.000"

// repeats tells of clients that heard an event twice.
func (c *crowd) repeats() (found []string) {
	for _, cl := range c.clients {
		cl.stream.mu.Lock()
		if n := cl.repeats; n > 0 {
			found = append(found, fmt.Sprintf("%s heard %d events twice", cl.session.ID, n))
		}
		cl.stream.mu.Unlock()
	}
	return found
}

// resets counts how often clients were told the present state instead of what they missed.
func (c *crowd) resets() (n int) {
	for _, cl := range c.clients {
		cl.stream.mu.Lock()
		n += cl.stream.resets
		cl.stream.mu.Unlock()
	}
	return n
}

func texts(errs []error) (all []string) {
	for _, err := range errs {
		all = append(all, err.Error())
	}
	return all
}
