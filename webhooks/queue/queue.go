package queue

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrNotFound says that no item of that ID is kept.
var ErrNotFound = errors.New("queue: no such item")

// State is where an item stands.
type State string

// The states of an item.
const (
	Waiting   State = "waiting" // to be handled, now or later, or being handled
	Done      State = "done"
	Dead      State = "dead"      // given up; a person may replay or discard it
	Discarded State = "discarded" // given up, and a person said that it is well so
)

// Item is a piece of work.
type Item struct {
	ID     string // at most 256 bytes
	Topic  string // what it is about; at most 128 bytes
	Origin string // who added it
	Body   []byte
}

// Options tune a Queue. The zero value works.
type Options struct {
	Timeout  time.Duration           // a handler's time; default 30 s
	Lease    time.Duration           // how long a claim hides an item; default 1.5 × Timeout
	Attempts int                     // failures until an item is dead; default 12
	Backoff  func(int) time.Duration // wait after the nth failure; default 1 s × 3ⁿ with jitter, 4 h at most
	Keep     time.Duration           // how long a done item is remembered; default 7 days
	KeepDead time.Duration           // the same for dead and discarded items; default 30 days
	Idle     time.Duration           // longest wait before looking again; default 1 s
	Node     string                  // this node's name, kept with each attempt
	Logger   *slog.Logger            // nil: nothing is logged
	// OnDead, if set, is told of each item that this node gave up. It may be called again for one item.
	OnDead func(ctx context.Context, item Item, note string)
	// OnSettled, if set, is told after an attempt of this node was written.
	OnSettled func(ctx context.Context, c Claim, s State, a Attempt)
}

// Redis is what a Queue needs of a go-redis client; redis.UniversalClient has it.
type Redis interface {
	redis.Scripter
	Pipelined(ctx context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error)
	ZRevRank(ctx context.Context, key, member string) *redis.IntCmd
	ZRevRange(ctx context.Context, key string, start, stop int64) *redis.StringSliceCmd
}

// Queue is one named queue. Its methods may be called from any goroutine; Run once per Queue.
type Queue struct {
	rdb    Redis
	prefix string
	o      Options
	wake   chan struct{} // a token: something was added here
}

// New opens the queue of that name. The name must come from the program, not from outside.
func New(rdb Redis, name string, o Options) *Queue {
	o.setDefaults()
	return &Queue{rdb: rdb, prefix: "gw:{q:" + name + "}:", o: o, wake: make(chan struct{}, 1)}
}

func (o *Options) setDefaults() {
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	o.Lease = cmp.Or(o.Lease, o.Timeout+o.Timeout/2)
	o.Attempts = cmp.Or(o.Attempts, 12)
	o.Keep = cmp.Or(o.Keep, 7*24*time.Hour)
	o.KeepDead = cmp.Or(o.KeepDead, 30*24*time.Hour)
	o.Idle = cmp.Or(o.Idle, time.Second)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Backoff == nil {
		o.Backoff = Exponential(time.Second, 3, 4*time.Hour)
	}
}

var (
	//go:embed add.lua
	addSource string
	addScript = redis.NewScript(addSource)
	//go:embed replay.lua
	replaySource string
	replayScript = redis.NewScript(replaySource)
	//go:embed discard.lua
	discardSource string
	discardScript = redis.NewScript(discardSource)
	//go:embed trim.lua
	trimSource string
	trimScript = redis.NewScript(trimSource)
	//go:embed drop.lua
	dropSource string
	dropScript = redis.NewScript(dropSource)
)

// Add keeps items that are not known yet and tells for each whether it was added (true) or a duplicate (false).
// All are kept, or an error is returned and any of them may have been.
func (q *Queue) Add(ctx context.Context, items ...Item) ([]bool, error) {
	return q.AddIn(ctx, 0, items...)
}

// AddIn is Add for items that must not be handled before a delay.
func (q *Queue) AddIn(ctx context.Context, delay time.Duration, items ...Item) ([]bool, error) {
	args := make([]any, 0, 1+4*len(items))
	args = append(args, delay.Milliseconds())
	for _, it := range items {
		args = append(args, it.ID, it.Topic, it.Origin, it.Body)
	}
	flags, err := addScript.Run(ctx, q.rdb, []string{q.prefix}, args...).Int64Slice()
	if err != nil {
		return nil, fmt.Errorf("add to queue: %w", err)
	}
	added := make([]bool, len(flags))
	for i, f := range flags {
		added[i] = f == 1
	}
	q.nudge()
	return added, nil
}

// Replay makes items due now, whatever became of them, and says how many were known. By is who asks, kept with the
// attempts; "" if nobody is to be named.
func (q *Queue) Replay(ctx context.Context, by string, ids ...string) (int, error) {
	trace := ""
	if by != "" {
		trace = action("replayed", by, "")
	}
	n, err := replayScript.Run(ctx, q.rdb, []string{q.prefix}, withIDs([]any{trace, attemptsKept}, ids)...).Int()
	if err != nil {
		return 0, fmt.Errorf("replay: %w", err)
	}
	q.nudge()
	return n, nil
}

// Discard takes dead items off the list of those that somebody should look at, with who did it and a note, and says how
// many they were and how many are known but not dead. They can be replayed.
func (q *Queue) Discard(ctx context.Context, by, note string, ids ...string) (discarded, others int, err error) {
	args := withIDs([]any{note, action("discarded", by, note), attemptsKept}, ids)
	n, err := discardScript.Run(ctx, q.rdb, []string{q.prefix}, args...).Int64Slice()
	if err != nil {
		return 0, 0, fmt.Errorf("discard: %w", err)
	}
	return int(n[0]), int(n[1]), nil
}

// action is the trace of what a person did.
func action(did, by, note string) string {
	trace, _ := json.Marshal(Attempt{At: time.Now().UTC(), Action: did, By: by, Note: note}) // always encodes
	return string(trace)
}

func withIDs(args []any, ids []string) []any {
	for _, id := range ids {
		args = append(args, id)
	}
	return args
}

// Trim forgets what was kept for long enough. Any node may call it at any time.
func (q *Queue) Trim(ctx context.Context) error {
	const page = 500
	for skip := int64(0); ; {
		r, err := trimScript.Run(ctx, q.rdb, []string{q.prefix},
			q.o.Keep.Milliseconds(), q.o.KeepDead.Milliseconds(), skip, page).Int64Slice()
		if err != nil {
			return fmt.Errorf("trim queue: %w", err)
		}
		if r[0] < page {
			return nil
		}
		skip += r[1]
	}
}

// Drop forgets every item, waiting ones too.
func (q *Queue) Drop(ctx context.Context) error {
	for {
		n, err := dropScript.Run(ctx, q.rdb, []string{q.prefix}, 500).Int()
		if err != nil || n == 0 {
			return err
		}
	}
}

func (q *Queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
