package trial

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/loadgen/lab"
	"switchboard/cmd/loadgen/program"
)

// abuseTrial lets one client token, one API key and one client without either do their
// worst at once, and measures what that costs the node, Redis and other sessions.
type abuseTrial struct {
	programs
	Sessions int           `help:"Ordinary sessions, with 25 appends and 20 deltas a second each." default:"50"`
	Calm     time.Duration `help:"How long to measure them before the abuse." default:"10s"`
	For      time.Duration `help:"How long the abuse lasts." default:"15s"`
	Full     bool          `help:"A minute of abuse."`
	Pause    time.Duration `help:"Pause of each goroutine of an abuser between two attempts; there are about 250." default:"20ms"`
	Creates  int           `help:"Sessions that the API key has at once, at most." default:"200"`
	Uploads  int           `help:"Files that the API key sends, at most." default:"40"`
	Only     string        `help:"Make only the attacks whose names contain this, to find what dominates."`
	Tell     bool          `help:"Tell what exceeds the limits of memory and latency, and do not fail."`
}

// Limits of what all abusers together may cost.
const (
	nodeLimit  = 512 << 20 // resident
	redisLimit = 256 << 20 // used_memory
	ratioLimit = 2         // of the others' p99 to what it was before
)

const (
	ordinaryKey = "sk-ordinary"
	abuserKey   = "sk-abuser"
	abusedModel = "gpt-realtime-2.1"
	fullAbuse   = time.Minute
	controls    = 10 // sessions without a gateway: what the machine itself does to latency
)

func (t *abuseTrial) name() string { return "abuse" }

// layout is one node with its defaults.
func (t *abuseTrial) layout() layout {
	return layout{nodes: 1, env: append([]string{
		"SWITCHBOARD_API_KEYS=ops:operator:" + lab.OperatorKey + ",ordinary:app:" + ordinaryKey + ",abuser:app:" + abuserKey,
	}, intakeNode...)}
}

// Run is called by the command line.
func (t *abuseTrial) Run(ctx context.Context) error {
	if t.Full {
		t.For = fullAbuse
	}
	return t.report(ctx, t)
}

func (t *abuseTrial) try(ctx context.Context, f *fleet, o *outcome) error {
	node := f.nodes[0].url()
	ordinary, err := endpoint.NewTarget("node", node, 0, endpoint.Access{Key: ordinaryKey, Mode: endpoint.ModeSessions, Model: abusedModel})
	if err != nil {
		return err
	}
	b := newBystanders(ordinary, f.model, t.Sessions)
	hangUp := b.attach(ctx)
	defer hangUp()
	calm, err := b.window(ctx, t.Calm)
	if err != nil {
		return err
	}
	before, err := f.cpu()
	if err != nil {
		return err
	}
	during, said, err := t.abuse(ctx, f, b)
	if err != nil {
		return err
	}
	after, err := f.cpu()
	if err != nil {
		return err
	}
	hangUp()
	o.figure("ordinary sessions, time of abuse", fmt.Sprintf("%d, %s", t.Sessions, t.For), "")
	if err := t.memory(ctx, f, o); err != nil {
		return err
	}
	t.latency(o, calm, during)
	o.none("errors of ordinary sessions", b.troubles())
	share := func(used time.Duration) string { return fmt.Sprintf("%.2f", used.Seconds()/t.For.Seconds()) }
	o.figure("cores that node, stand-in and Redis used meanwhile",
		share(after.nodes-before.nodes)+", "+share(after.standIn-before.standIn)+", "+share(after.redis-before.redis), "")
	answers := 0
	for _, a := range said {
		n := a.tell(o)
		answers += n
		if t.Only == "" && !t.Tell { // a slow machine may give one of them no time
			o.least(a.Who+": answers", n, 1)
		}
	}
	o.least("answers to all of them", answers, 1)
	return nil
}

// abuse runs all abusers while the others are measured.
func (t *abuseTrial) abuse(ctx context.Context, f *fleet, b *bystanders) (during latencies, said []answered, err error) {
	node := b.through.Target
	node.Key = abuserKey
	session, err := node.CreateFrom(ctx, map[string]any{"config": map[string]any{"instructions": "Wait.", "turn_detection": nil}})
	if err != nil {
		return during, nil, err
	}
	defer node.Remove(session.ID)
	wait, err := f.sendAbusers(order{
		Node: node.Root.String(), Session: session.ID, Secret: session.Secret, Relay: session.Relay.String(),
		For: t.For + b.through.Scenario.Warmup, Pause: t.Pause, Creates: t.Creates, Uploads: t.Uploads, Only: t.Only,
	})
	if err != nil {
		return during, nil, err
	}
	during, err = b.window(ctx, t.For)
	said, ended := wait()
	return during, said, errors.Join(err, ended)
}

// memory holds the peaks of the node and of Redis against their limits, as the kernel and Redis tell them.
func (t *abuseTrial) memory(ctx context.Context, f *fleet, o *outcome) error {
	kib, err := program.Field(fmt.Sprintf("/proc/%d/status", f.nodes[0].child.Cmd.Process.Pid), "VmHWM:")
	if err != nil {
		return err
	}
	client := redis.NewClient(&redis.Options{Addr: f.redis.address})
	defer client.Close()
	told, err := client.Info(ctx, "memory").Result()
	if err != nil {
		return fmt.Errorf("ask Redis for its memory: %w", err)
	}
	_, rest, _ := strings.Cut(told, "used_memory_peak:")
	digits, _, _ := strings.Cut(rest, "\r")
	peak, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return fmt.Errorf("read used_memory_peak: %w", err)
	}
	t.hold(o, "peak of the node's resident memory", mebibytes(kib<<10), "< "+mebibytes(nodeLimit), kib<<10 < nodeLimit)
	t.hold(o, "peak of Redis' used_memory", mebibytes(peak), "< "+mebibytes(redisLimit), peak < redisLimit)
	return nil
}

// hold adds a row that is held to a limit, or is only told beside it.
func (t *abuseTrial) hold(o *outcome, name, measured, limit string, met bool) {
	o.bound(name, measured, limit, met || t.Tell)
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }

// latency holds the others' p99 against what it was before.
func (t *abuseTrial) latency(o *outcome, calm, during latencies) {
	both := func(before, now float64) string { return fmt.Sprintf("%.1f ms, %.1f ms", before/1000, now/1000) }
	o.figure("p50 of ordinary sessions before, during", both(calm.both.P50, during.both.P50), "")
	o.figure("p99 of ordinary sessions before, during", both(calm.both.P99, during.both.P99), "")
	o.figure("p50 without the gateway before, during", both(calm.control.P50, during.control.P50), "")
	o.figure("p99 without the gateway before, during", both(calm.control.P99, during.control.P99), "")
	ratio := during.both.P99 / max(calm.both.P99, 1)
	t.hold(o, "p99 during : before", fmt.Sprintf("%.2f", ratio), fmt.Sprintf("≤ %d", ratioLimit), ratio <= ratioLimit)
}
