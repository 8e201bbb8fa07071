package queue

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"switchboard/session/contain"
)

// Claim is one try of an item by this node.
type Claim struct {
	Item
	At    time.Time // when the item was added
	Fails int       // failures so far, this try counted as one until it succeeds
	epoch string
}

// Attempt is the trace that a try leaves.
type Attempt struct {
	At    time.Time `json:"at"`
	Ms    int64     `json:"ms"`
	Node  string    `json:"node,omitempty"`
	By    string    `json:"by,omitempty"` // the handler's name for itself; of an action, whose it was
	Error string    `json:"error,omitempty"`

	Note   string `json:"note,omitempty"`                             // a word of the handler on what is done, or of who acted
	Action string `json:"action,omitempty" enum:"replayed,discarded"` // no attempt: a person replayed or discarded the item
}

// Handler does the work of a claim within the context's deadline and names who did it. It may be called more than once
// for an item, and must then end in the same state.
type Handler func(ctx context.Context, c Claim) (by string, err error)

var (
	//go:embed claim.lua
	claimSource string
	claimScript = redis.NewScript(claimSource)
	//go:embed settle.lua
	settleSource string
	settleScript = redis.NewScript(settleSource)
)

// errStopping gives a claim back: the node stops, another one takes the item.
var errStopping = errors.New("queue: this node is stopping")

const (
	attemptsKept  = 50               // per item
	claimsAtOnce  = 32               // per round trip
	longestError  = 500              // bytes of an error that are kept
	settleTime    = 10 * time.Second // to write an outcome, a short absence of Redis included
	firstErrWait  = 50 * time.Millisecond
	longestErrGap = 2 * time.Second
)

// Run claims and handles items, at most workers at once, until ctx ends; then it waits for the handlers, whose context
// ends too, and gives back what they could not finish.
func (q *Queue) Run(ctx context.Context, workers int, handle Handler) {
	var handlers errgroup.Group
	defer handlers.Wait()
	free := make(chan struct{}, workers)
	errWait := firstErrWait
	for ctx.Err() == nil {
		wait, claims, err := q.claim(ctx, min(claimsAtOnce, workers-len(free)))
		switch {
		case err != nil && ctx.Err() == nil:
			q.o.Logger.Warn("claiming failed", "queue", q.prefix, "err", err)
			pause(ctx, errWait)
			errWait = min(2*errWait, longestErrGap)
			continue
		case err == nil:
			errWait = firstErrWait
		}
		for _, c := range claims {
			free <- struct{}{}
			handlers.Go(func() error {
				defer func() { <-free; q.nudge() }()
				// What panics here has settled nothing: the claim expires, and its item is tried again.
				_ = contain.Do(q.o.Logger, "queue", func() { q.attempt(ctx, c, handle) }, "item", c.ID, "topic", c.Topic)
				return nil
			})
		}
		if len(claims) == 0 || len(free) == workers {
			q.sleep(ctx, wait, len(free) == workers)
		}
	}
}

// sleep waits for something to do: an item added here, a handler that is done, or time.
func (q *Queue) sleep(ctx context.Context, wait time.Duration, full bool) {
	if full || wait < 0 || wait > q.o.Idle {
		wait = q.o.Idle
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-q.wake:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func (q *Queue) claim(ctx context.Context, n int) (time.Duration, []Claim, error) {
	if n <= 0 {
		return -1, nil, nil
	}
	r, err := claimScript.Run(ctx, q.rdb, []string{q.prefix}, q.o.Lease.Milliseconds(), n, q.o.Attempts).Slice()
	if err != nil {
		return 0, nil, err
	}
	for _, id := range r[1].([]any) {
		if rec, err := q.Get(ctx, id.(string)); err == nil {
			q.tellDead(ctx, rec.Item, rec.Note)
		}
	}
	rows := r[2].([]any)
	claims := make([]Claim, len(rows))
	for i, row := range rows {
		claims[i] = readClaim(row.([]any))
	}
	return time.Duration(r[0].(int64)) * time.Millisecond, claims, nil
}

func readClaim(f []any) Claim {
	text := func(i int) string { s, _ := f[i].(string); return s }
	at, _ := strconv.ParseInt(text(4), 10, 64)
	fails, _ := strconv.Atoi(text(6))
	return Claim{
		Item: Item{ID: text(0), Topic: text(1), Origin: text(2), Body: []byte(text(3))},
		At:   time.UnixMilli(at), epoch: text(5), Fails: fails,
	}
}

func (q *Queue) attempt(ctx context.Context, c Claim, handle Handler) {
	start := time.Now()
	handling, cancel := context.WithTimeout(ctx, q.o.Timeout)
	by, err := q.protect(handling, c, handle)
	cancel()
	a := Attempt{At: start.UTC(), Ms: time.Since(start).Milliseconds(), Node: q.o.Node, By: by}
	if err != nil && ctx.Err() != nil {
		err = errStopping
	}
	q.settle(context.WithoutCancel(ctx), c, a, err)
}

// protect turns a handler's panic into a failure, so that a poisonous item costs its own attempts and nothing else.
func (q *Queue) protect(ctx context.Context, c Claim, handle Handler) (by string, err error) {
	crash := contain.Do(q.o.Logger, "webhook handler", func() { by, err = handle(ctx, c) }, "item", c.ID, "topic", c.Topic)
	if crash != nil {
		err = crash
	}
	return by, err
}

func (q *Queue) settle(ctx context.Context, c Claim, a Attempt, err error) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	o := q.judge(c, err)
	var trace []byte
	if o.state != Waiting || o.note != "" {
		if a.Error = o.note; o.state == Done {
			a.Error, a.Note = "", o.note
		}
		trace, _ = json.Marshal(a)
	}
	held, werr := q.write(ctx, c, o, trace)
	if werr != nil {
		q.o.Logger.Error("an outcome was not written; the item will be handled again", "item", c.ID, "err", werr)
		return
	}
	if !held {
		q.o.Logger.Warn("a claim was lost before its handler ended", "item", c.ID, "topic", c.Topic)
		return
	}
	if trace != nil && q.o.OnSettled != nil {
		q.o.OnSettled(ctx, c, o.state, a)
	}
	if o.state == Dead {
		q.tellDead(ctx, c.Item, o.note)
	}
}

// outcome is what an attempt means for its item.
type outcome struct {
	state State
	delay time.Duration // until it is due again
	fails int           // -1: as the claim counted
	note  string        // of a failure
}

func (q *Queue) judge(c Claim, err error) outcome {
	switch {
	case err == nil:
		return outcome{state: Done, fails: c.Fails - 1}
	case errors.Is(err, errStopping):
		return outcome{state: Waiting, fails: c.Fails - 1}
	}
	v := asVerdict(err)
	if v.again {
		return outcome{state: Waiting, delay: v.after}
	}
	note := v.err.Error()
	if v.done {
		return outcome{state: Done, fails: c.Fails - 1, note: strings.ToValidUTF8(note[:min(len(note), longestError)], "")}
	}
	note = strings.ToValidUTF8(note[:min(len(note), longestError)], "")
	if v.final || c.Fails >= q.o.Attempts {
		return outcome{state: Dead, fails: -1, note: note}
	}
	return outcome{state: Waiting, delay: max(v.after, q.o.Backoff(c.Fails)), fails: -1, note: note}
}

// write tries until ctx ends, because an outcome that is lost is work done twice.
func (q *Queue) write(ctx context.Context, c Claim, o outcome, trace []byte) (bool, error) {
	for wait := firstErrWait; ; wait = min(2*wait, time.Second) {
		held, err := settleScript.Run(ctx, q.rdb, []string{q.prefix}, c.ID, c.epoch, string(o.state),
			o.delay.Milliseconds(), o.fails, o.note, trace, attemptsKept).Bool()
		if err == nil || ctx.Err() != nil {
			return held, err
		}
		pause(ctx, wait)
	}
}

func (q *Queue) tellDead(ctx context.Context, it Item, note string) {
	if q.o.OnDead != nil {
		q.o.OnDead(ctx, it, note)
	}
}
