package webhooks

import (
	"context"
	"errors"
	"time"

	"switchboard/webhooks/queue"
)

// errBusy says that what arrives cannot be kept now; OpenAI delivers again.
var errBusy = errors.New("webhooks: the store does not keep up")

const (
	gatherItems = 256
	gatherBytes = 4 << 20
	intakeQueue = 1024            // arrivals that may wait
	intakeTime  = 4 * time.Second // an arrival waits at most; OpenAI gives "a few seconds"
)

// intake keeps arrivals in groups: what came in while the last group was on its way to Redis goes in the next. There is
// no timer, so a lone arrival does not wait.
type intake struct {
	add      func(context.Context, ...queue.Item) ([]bool, error)
	arrivals chan arrival
}

type arrival struct {
	item queue.Item
	kept chan<- keeping // buffered: the answer never waits for the asker
}

type keeping struct {
	added bool
	err   error
}

func newIntake(add func(context.Context, ...queue.Item) ([]bool, error)) *intake {
	return &intake{add: add, arrivals: make(chan arrival, intakeQueue)}
}

// put returns once the item is in Redis: true if it is new there. Run must be running.
func (in *intake) put(ctx context.Context, item queue.Item) (bool, error) {
	kept := make(chan keeping, 1)
	select {
	case in.arrivals <- arrival{item, kept}:
	default:
		return false, errBusy
	}
	timer := time.NewTimer(intakeTime)
	defer timer.Stop()
	select {
	case k := <-kept:
		return k.added, k.err
	case <-timer.C:
		return false, errBusy
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// run keeps arrivals until ctx ends; those that still wait then are refused.
func (in *intake) run(ctx context.Context) {
	var group []arrival
	for {
		select {
		case a := <-in.arrivals:
			group = in.gather(append(group[:0], a))
			in.keep(ctx, group)
		case <-ctx.Done():
			for _, a := range in.gather(group[:0]) {
				a.kept <- keeping{err: errBusy}
			}
			return
		}
	}
}

// gather adds what waits already.
func (in *intake) gather(group []arrival) []arrival {
	size := 0
	for len(group) < gatherItems && size < gatherBytes {
		select {
		case a := <-in.arrivals:
			group = append(group, a)
			size += len(a.item.Body)
		default:
			return group
		}
	}
	return group
}

func (in *intake) keep(ctx context.Context, group []arrival) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), intakeTime)
	defer cancel()
	items := make([]queue.Item, len(group))
	for i, a := range group {
		items[i] = a.item
	}
	added, err := in.add(ctx, items...)
	for i, a := range group {
		k := keeping{err: err}
		if err == nil {
			k.added = added[i]
		}
		a.kept <- k
	}
}
